"""Which requests wait for a person's word, and what is sent to whom about that (and about locks that expire)."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, validate_email
from django.db import models


class ApprovalRule(models.Model):
    """Decides over the requests that fit it: accepted at once, or kept until somebody approves.

    Of the enabled rules the first in ``order`` that fits decides; a request that none fits is accepted. What is left empty
    fits every request. A rule that accepts has to fit all sites of a request, one that has it wait any of them.
    """

    class Decision(models.TextChoices):
        ACCEPT = "accept", "accept at once"
        ASK = "ask", "wait for approval"

    name = models.CharField(max_length=255, unique=True, help_text="shown with every request that waits for it")
    order = models.PositiveIntegerField(default=100, help_text="the smallest is tried first")
    enabled = models.BooleanField(default=True)
    decision = models.CharField(max_length=16, choices=Decision.choices, default=Decision.ASK)
    kind = models.CharField(
        max_length=16, blank=True, choices=[("copy", "copies"), ("deletion", "deletions")], help_text="empty: both"
    )
    role = models.CharField(
        max_length=128, blank=True, help_text="who asks has this role, as target:role, e.g. registry:production"
    )
    groups = models.CharField(
        max_length=1000, blank=True, help_text="globs, separated by commas, of the group that the copies are for"
    )
    sites = models.CharField(max_length=1000, blank=True, help_text="globs, separated by commas")
    larger_than = models.FloatField(
        "larger than (TB)", null=True, blank=True, validators=[MinValueValidator(0.0)],
        help_text="bytes of the items times the number of copies (or of sites to delete at)",
    )  # fmt: skip
    emails = models.TextField("e-mail to", blank=True, help_text="addresses, separated by commas or lines")
    webhook = models.CharField(
        blank=True, max_length=500, help_text="told with a signed POST; its host has to be in DYNAMO_WEBHOOK_HOSTS"
    )
    comment = models.TextField(blank=True)
    changed_by = models.CharField(max_length=150, blank=True, editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def addresses(self) -> list[str]:
        """The e-mail addresses, each once."""
        return list(dict.fromkeys(self.emails.replace(",", " ").split()))

    def clean(self) -> None:
        """Addresses are such; the webhook may be called."""
        from registry.errors import Refused
        from registry.webhooks import check_address

        for address in self.addresses:
            try:
                validate_email(address)
            except ValidationError as error:
                raise ValidationError({"emails": f"{address}: is no e-mail address"}) from error
        if self.role and self.role.count(":") != 1:
            raise ValidationError({"role": "has to be target:role, e.g. registry:production"})
        if self.webhook:
            try:
                check_address(self.webhook)
            except Refused as error:
                raise ValidationError({"webhook": str(error)}) from error


class NoticeState(models.TextChoices):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given up"


class Notice(models.Model):
    """Something to tell somebody: written with what it is about in one transaction, sent by a task that tries again.

    ``address``: an e-mail address, or the URL of a webhook, which gets ``data`` as JSON.
    """

    channel = models.CharField(max_length=16, choices=[("email", "e-mail"), ("webhook", "webhook")])
    address = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    text = models.TextField()
    data = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=16, choices=NoticeState.choices, default=NoticeState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    made = models.DateTimeField()
    due = models.DateTimeField(help_text="when it is tried next")
    ended = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "due"], name="notices_due")]

    def __str__(self) -> str:
        return f"{self.channel} to {self.address}: {self.subject}"
