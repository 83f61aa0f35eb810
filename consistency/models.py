"""Sites under check, and what every check found and did."""

from __future__ import annotations

from django.db import models


class SiteConsistency(models.Model):
    """How one site is checked: ``settings`` override the component's by name; ``every`` in hours."""

    site = models.CharField(max_length=255, unique=True)
    enabled = models.BooleanField(default=True)
    every = models.FloatField("hours between checks", default=24.0)
    settings = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = "site under check"
        verbose_name_plural = "sites under check"

    def __str__(self) -> str:
        return self.site


class CheckState(models.TextChoices):
    """A check is ``planned`` once its repair is on record; a later one finishes what a killed one left so."""

    LISTING = "listing"
    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"


class Check(models.Model):
    """One check of one site. Lists are Parquet files under the history directory (see ``history.py``)."""

    site = models.CharField(max_length=255, db_index=True)
    kind = models.CharField(max_length=16, default="check", choices=[("check", "check"), ("clean", "clean")])
    state = models.CharField(max_length=16, choices=CheckState.choices, default=CheckState.LISTING)
    author = models.CharField(max_length=150)
    dry_run = models.BooleanField(default=False)
    confirms = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="confirmed_by")
    started = models.DateTimeField(db_index=True)
    ended = models.DateTimeField(null=True, blank=True)
    version = models.BigIntegerField(default=0)
    num_files = models.BigIntegerField("files listed", default=0)
    num_directories = models.BigIntegerField("directories listed", default=0)
    num_unlisted = models.BigIntegerField("unlisted directories", default=0)
    num_missing = models.BigIntegerField("missing files", default=0)
    missing_size = models.BigIntegerField("bytes missing", default=0)
    num_orphans = models.BigIntegerField("orphan files", default=0)
    orphan_size = models.BigIntegerField("bytes of orphans", default=0)
    num_mismatched = models.BigIntegerField("files of wrong size", default=0)
    num_unrecoverable = models.BigIntegerField("files without another copy", default=0)
    num_spared = models.BigIntegerField("left alone", default=0)
    num_protected = models.BigIntegerField("protected LFNs", default=0)
    num_empty_directories = models.BigIntegerField("empty directories", default=0)
    alarms = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "check"

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} of {self.site}"
