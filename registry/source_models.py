"""Attribute sources as operators configure them, and what came of reading each."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from inventory.sources.base import SourceWrong, make


class OnTrouble(models.TextChoices):
    """What a source that fails, or has given nothing for too long, leads to."""

    LAST_GOOD = "last good", "go on with its last good values, and raise an alarm"
    STOP = "stop", "start no Detox cycle whose policy uses its attributes"


_POSITIVE = [MinValueValidator(0.01)]
_PART = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class AttributeSource(models.Model):
    """Where attributes of datasets come from, how often they are read, and what happens when that fails.

    ``good_at``, ``good_rows``: of the last answer that was good; ``failing_since``, ``error``: set while the last attempt was not.
    """

    name = models.SlugField(max_length=64, unique=True)
    kind = models.CharField(
        max_length=64, help_text="csv, parquet, http-json, access-log, or one of an installed package"
    )
    configuration = models.JSONField(
        default=dict, blank=True, help_text="as JSON; `manage.py sources kinds` tells what each kind takes"
    )
    enabled = models.BooleanField(default=True)
    every = models.FloatField("hours between readings", default=24.0, validators=_POSITIVE)
    stale_after = models.FloatField("hours after which its values are too old", default=72.0, validators=_POSITIVE)
    on_trouble = models.CharField(max_length=16, choices=OnTrouble.choices, default=OnTrouble.LAST_GOOD)
    most_lost = models.FloatField(
        "part of the rows that may be gone since the last good answer", default=0.2, validators=_PART
    )
    most_unknown = models.FloatField("part of the rows whose dataset may be unknown", default=0.9, validators=_PART)
    changed_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    good_at = models.DateTimeField(null=True, blank=True, editable=False)
    good_rows = models.BigIntegerField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.TextField(blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a configuration that can never work."""
        try:
            make(self.kind, self.configuration)
        except SourceWrong as error:
            raise ValidationError(str(error)) from error


class AttributeFetch(models.Model):
    """One reading of a source. ``changed``: datasets to which the inventory got something new, with ``version``."""

    source = models.ForeignKey(AttributeSource, on_delete=models.CASCADE, related_name="fetches")
    started = models.DateTimeField(db_index=True)
    ended = models.DateTimeField()
    author = models.CharField(max_length=150)
    good = models.BooleanField()
    rows = models.BigIntegerField(null=True, blank=True)
    unknown = models.BigIntegerField("rows of unknown datasets", null=True, blank=True)
    changed = models.BigIntegerField(null=True, blank=True)
    version = models.BigIntegerField("version of the inventory", null=True, blank=True)
    run = models.BigIntegerField("number of the run", null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "reading of an attribute source"
        verbose_name_plural = "readings of attribute sources"

    def __str__(self) -> str:
        return f"reading {self.pk} of {self.source}"
