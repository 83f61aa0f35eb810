"""Who wants which file where, what is under way, and everything that was tried."""

from __future__ import annotations

import hashlib
import secrets
import uuid

from django.db import models

from fileops.lifecycle import State
from inventory.schema import MAX_LFN


class Operation(models.TextChoices):
    COPY = "copy"
    DELETE = "delete"


def file_key(site: str, lfn: str) -> str:
    """32 hexadecimal digits that stand for a file at a site; LFNs are too long for a database's index."""
    return hashlib.blake2b(f"{site}\0{lfn}".encode(), digest_size=16).hexdigest()


def new_transaction() -> str:
    """An id by which the inventory recognises a report that it has had already."""
    return uuid.uuid4().hex


def new_tag() -> str:
    """Part of the temporary names of a batch's copies that no other batch has."""
    return secrets.token_hex(4)


class Batch(models.Model):
    """Files for one destination, handed to one backend at once. A mover holds it while its lease lasts."""

    class State(models.TextChoices):
        NEW = "new"
        RUNNING = "running"
        DONE = "done"

    destination = models.CharField(max_length=255, db_index=True)
    operation = models.CharField(max_length=8, choices=Operation.choices)
    backend = models.CharField(max_length=32, default="mover")
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW, db_index=True)
    owner = models.CharField("process that works on it", max_length=255, blank=True)
    lease = models.DateTimeField("held until", null=True, blank=True)
    claims = models.IntegerField("times taken up", default=0)
    tag = models.CharField("in temporary names", max_length=16, default=new_tag, editable=False)
    num_files = models.IntegerField("files", default=0)
    created = models.DateTimeField(db_index=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return f"batch {self.pk}: {self.operation} at {self.destination}"


class Completion(models.Model):
    """One report of finished files to the inventory; ``transaction`` makes sure that it is applied once."""

    transaction = models.CharField(max_length=64, unique=True, default=new_transaction)
    created = models.DateTimeField()
    version = models.BigIntegerField("inventory version", null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"completion {self.pk}"


class Subscription(models.Model):
    """This file to that site, or off it. A row without dataset is a deletion of a file the inventory does not know.

    ``open_key`` is ``key`` while the row is open, else null: the database holds at most one open row per file and site.
    ``batch`` is set while a backend has the file in its hands, also when it was cancelled meanwhile.
    """

    site = models.CharField(max_length=255)
    lfn = models.CharField("LFN", max_length=MAX_LFN)
    key = models.CharField(max_length=32, db_index=True, editable=False)
    open_key = models.CharField(max_length=32, null=True, blank=True, unique=True, editable=False)
    dataset = models.CharField(max_length=512, blank=True, db_index=True)
    block = models.CharField(max_length=255, blank=True)
    size = models.BigIntegerField(default=0)
    adler32 = models.BigIntegerField(null=True, blank=True)
    operation = models.CharField(max_length=8, choices=Operation.choices)
    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in State], default=State.NEW)
    reason = models.CharField(max_length=32, blank=True)
    message = models.TextField("last error", blank=True)
    attempts = models.IntegerField(default=0)
    cause = models.CharField("what asked for it", max_length=255, blank=True)
    author = models.CharField(max_length=150)
    created = models.DateTimeField(db_index=True)
    updated = models.DateTimeField()
    not_before = models.DateTimeField("not tried before", null=True, blank=True)
    tried_since = models.DateTimeField("attempts count since", null=True, blank=True)
    source = models.CharField(max_length=255, blank=True)
    batch = models.ForeignKey(Batch, null=True, blank=True, on_delete=models.PROTECT, related_name="subscriptions")
    completion = models.ForeignKey(Completion, null=True, blank=True, on_delete=models.PROTECT, related_name="files")
    reported = models.BooleanField("known to the inventory", default=False)

    class Meta:
        indexes = [
            models.Index(fields=["state", "site", "operation"], name="fileops_queue"),
            models.Index(fields=["state", "reported"], name="fileops_unreported"),
        ]
        permissions = [("release_subscription", "May release held file operations")]

    def __str__(self) -> str:
        return f"{self.operation} {self.lfn} at {self.site}: {self.state}"


class UnmanagedManager(models.Manager["UnmanagedDeletion"]):
    """Only files that the inventory does not know."""

    def get_queryset(self) -> models.QuerySet[UnmanagedDeletion]:
        return super().get_queryset().filter(dataset="", operation=Operation.DELETE)


class UnmanagedDeletion(Subscription):
    """A deletion of a file that the inventory does not know."""

    objects = UnmanagedManager()

    class Meta:
        proxy = True


class Attempt(models.Model):
    """One try of one operation; kept as history. ``exit_code`` 0 is success, else an errno."""

    subscription = models.BigIntegerField(db_index=True)
    operation = models.CharField(max_length=8, choices=Operation.choices)
    lfn = models.CharField("LFN", max_length=MAX_LFN)
    dataset = models.CharField(max_length=512, blank=True)
    source = models.CharField(max_length=255, blank=True)
    destination = models.CharField(max_length=255)
    size = models.BigIntegerField(default=0)
    created = models.DateTimeField("subscribed")
    submitted = models.DateTimeField()
    started = models.DateTimeField()
    finished = models.DateTimeField(db_index=True)
    exit_code = models.IntegerField(default=0)
    side = models.CharField("where it failed", max_length=16, blank=True)
    message = models.TextField(blank=True)
    batch = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["destination", "finished"], name="fileops_history")]

    def __str__(self) -> str:
        return f"{self.operation} {self.lfn} at {self.destination}: {self.exit_code}"


class DirectoryToClean(models.Model):
    """A directory to be removed if it is empty, and those above it."""

    site = models.CharField(max_length=255)
    directory = models.CharField(max_length=MAX_LFN)
    key = models.CharField(max_length=32, unique=True, editable=False)
    author = models.CharField(max_length=150)
    queued = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True)
    message = models.TextField("last error", blank=True)

    class Meta:
        verbose_name_plural = "directories to clean"

    def __str__(self) -> str:
        return f"{self.directory} at {self.site}"


class Turnstile(models.Model):
    """A row to lock: only one process at a time decides what goes into batches."""

    name = models.CharField(max_length=32, primary_key=True)

    def __str__(self) -> str:
        return self.name


class RequestedDeletion(models.Model):
    """A deletion request whose subscriptions are written; ``committed`` once the inventory knows that the replicas go."""

    request = models.BigIntegerField()
    actions = models.JSONField()
    committed = models.BooleanField(default=False, db_index=True)

    def __str__(self) -> str:
        return f"deletions of request {self.request}"
