"""What is asked of Dynamo, by whom, and what became of it. Names of sites, datasets and groups are text, not ids."""

from __future__ import annotations

import json
import zlib
from typing import Any

from django.db import models

from registry.answer_models import KeptAnswer as KeptAnswer
from registry.approval_models import ApprovalRule as ApprovalRule
from registry.approval_models import Notice as Notice
from registry.approval_models import NoticeState as NoticeState
from registry.archive_models import RequestArchive as RequestArchive
from registry.audit_models import AuditRecord as AuditRecord
from registry.identity_models import ApiToken as ApiToken
from registry.identity_models import DeviceLogin as DeviceLogin
from registry.identity_models import FailedLogins as FailedLogins
from registry.identity_models import RightLimit as RightLimit
from registry.identity_models import SharedEntry as SharedEntry
from registry.identity_models import TokenSubject as TokenSubject
from registry.identity_models import UserDN as UserDN
from registry.source_models import AttributeFetch as AttributeFetch
from registry.source_models import AttributeSource as AttributeSource

NAME = {"max_length": 255}
ITEM = {"max_length": 600}  # dataset or dataset#block; bounded by what MariaDB can index
SITE = {"max_length": 128}
USER = {"max_length": 150}


class Asked(models.Model):
    """What every row that somebody asked for has: the user, and the service that acted for the user."""

    user = models.CharField(**USER, db_index=True)
    service = models.CharField(**NAME, blank=True)

    class Meta:
        abstract = True


class Desk(models.Model):
    """One row, locked by whoever asks: the same asked twice at the same time is found, not doubled."""

    def __str__(self) -> str:
        return "desk"


class RequestStatus(models.TextChoices):
    """``waiting``: for approval; no engine sees it before."""

    WAITING = "waiting"
    NEW = "new"
    ACTIVATED = "activated"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class ActionStatus(models.TextChoices):
    NEW = "new"
    QUEUED = "queued"
    COMPLETED = "completed"
    FAILED = "failed"


class RequestKind(models.TextChoices):
    COPY = "copy"
    DELETION = "deletion"


class Request(Asked):
    """A wish for copies of items at sites, or for their deletion there; see ``lifecycle`` for how it goes on.

    ``site_patterns`` is what was asked, ``sites`` the names it stood for at that time. ``num_copies`` 0: one at every site.
    ``open_key`` stands for its items and sites while it is open: no two open requests are for just the same, but for one that
    waits for approval beside one that needed none.
    ``approval_rule`` had it wait for a person; ``decided_by`` is who then approved or rejected it.
    """

    kind = models.CharField(max_length=16, choices=RequestKind.choices)
    status = models.CharField(max_length=16, choices=RequestStatus.choices, default=RequestStatus.NEW)
    group = models.CharField(**NAME, blank=True)
    num_copies = models.PositiveIntegerField("copies", default=1)
    site_patterns = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    first_asked = models.DateTimeField(db_index=True)
    last_asked = models.DateTimeField()
    count = models.PositiveIntegerField("times asked", default=1)
    ended = models.DateTimeField(null=True, blank=True, db_index=True)
    open_key = models.CharField(max_length=64, null=True, unique=True, editable=False)
    approval_rule = models.CharField(**NAME, blank=True)
    decided_by = models.CharField(**USER, blank=True)
    decided = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["kind", "status", "id"], name="requests_by_status")]

    def __str__(self) -> str:
        return f"{self.kind} request {self.pk}"


class RequestItem(models.Model):
    """One dataset, or one block as ``dataset#block``, of a request."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="items")
    item = models.CharField(**ITEM, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "item"], name="item_once_per_request")]

    def __str__(self) -> str:
        return self.item


class RequestSite(models.Model):
    """One site of a request."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="sites")
    site = models.CharField(**SITE, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "site"], name="site_once_per_request")]

    def __str__(self) -> str:
        return self.site


class RequestAction(models.Model):
    """What an activated request comes to: this item at that site."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="actions")
    item = models.CharField(**ITEM)
    site = models.CharField(**SITE)
    status = models.CharField(max_length=16, choices=ActionStatus.choices, default=ActionStatus.NEW, db_index=True)
    reason = models.TextField(blank=True)
    updated = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "item", "site"], name="action_once_per_request")]

    def __str__(self) -> str:
        return f"{self.item} at {self.site}"


class _OfKind(models.Manager["Request"]):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def get_queryset(self) -> models.QuerySet[Request]:
        return super().get_queryset().filter(kind=self.kind)

    def create(self, **values: Any) -> Request:
        return super().create(kind=self.kind, **values)


class CopyRequest(Request):
    """A request for copies."""

    objects = _OfKind(RequestKind.COPY)

    class Meta:
        proxy = True


class DeletionRequest(Request):
    """A request for deletions."""

    objects = _OfKind(RequestKind.DELETION)

    class Meta:
        proxy = True


class CachedCopyRequest(Asked):
    """A copy request as it came, kept at once and made into a request by the next tracker run."""

    items = models.JSONField()
    sites = models.JSONField()
    group = models.CharField(**NAME, blank=True)
    num_copies = models.PositiveIntegerField(default=1)
    asked = models.DateTimeField()

    def __str__(self) -> str:
        return f"cached copy request {self.pk}"


class InjectionState(models.TextChoices):
    """``recorded``: what it needs is on record and its change set may have been committed; the next run finishes it."""

    QUEUED = "queued"
    RECORDED = "recorded"
    APPLIED = "applied"
    REFUSED = "refused"


class Injection(Asked):
    """A document of metadata to add (``inject``) or remove (``delete``); applied in the order of the numbers.

    ``batch``: the change set in which it is applied, perhaps with others; its id as a transaction of the inventory.
    """

    kind = models.CharField(max_length=16, choices=[("inject", "inject"), ("delete", "delete")])
    content = models.BinaryField(editable=False)
    state = models.CharField(
        max_length=16, choices=InjectionState.choices, default=InjectionState.QUEUED, db_index=True
    )
    batch = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    counts = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)
    version = models.BigIntegerField("inventory version", null=True, blank=True)
    asked = models.DateTimeField(db_index=True)
    ended = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{'injection' if self.kind == 'inject' else 'invalidation'} {self.pk}"

    @property
    def document(self) -> Any:
        """The document; kept compressed, because database servers limit the size of one statement."""
        return json.loads(zlib.decompress(self.content))

    @document.setter
    def document(self, value: Any) -> None:
        self.content = zlib.compress(json.dumps(value).encode())


class WantedCopy(models.Model):
    """A file that an injection added to a block with replicas elsewhere: to be copied to ``site``.

    Written in the same transaction as the record of the injection; waits until file operations take it over.
    """

    injection = models.ForeignKey(Injection, on_delete=models.CASCADE, related_name="wanted_copies")
    dataset = models.CharField(max_length=512)
    block = models.CharField(**NAME)
    lfn = models.CharField(max_length=1024)
    site = models.CharField(**SITE)
    size = models.BigIntegerField()
    adler32 = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.lfn} to {self.site}"


class DetoxLock(Asked):
    """Keeps Detox off an item (dataset glob, or ``dataset#block``) at sites and of groups (globs; empty: all) until it expires."""

    item = models.CharField(max_length=768, db_index=True)
    sites = models.CharField(**NAME, blank=True)
    groups = models.CharField(**NAME, blank=True)
    comment = models.TextField(blank=True)
    locked = models.DateTimeField()
    expires = models.DateTimeField(db_index=True)
    unlocked = models.DateTimeField(null=True, blank=True, db_index=True)
    warned = models.DateTimeField("owner was warned", null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"lock {self.pk} of {self.item}"
