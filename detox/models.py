"""Cycles: what each decided for every site, and why. The decisions themselves are Parquet files (``history.py``)."""

from __future__ import annotations

from django.db import models


class CycleState(models.TextChoices):
    """A cycle is ``committing`` once its decisions are on record; the next one finishes what a killed one left so.

    ``refused``: the guard found that it would delete too much; it changed nothing and waits for somebody to confirm it.
    """

    DECIDING = "deciding"
    COMMITTING = "committing"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


class SiteState(models.TextChoices):
    """``planned``: nothing has happened yet; ``recorded``: deletions are subscribed, the inventory is to be told;
    ``dropped``: the cycle was killed before it came to this site; ``refused``: the inventory did not take the change.
    """

    IDLE = "idle"
    PLANNED = "planned"
    RECORDED = "recorded"
    COMMITTED = "committed"
    DROPPED = "dropped"
    REFUSED = "refused"


class Cycle(models.Model):
    """One cycle of one partition. ``policy``, ``settings``, ``version`` and ``now`` are what the decisions were made of.

    ``guard``: what ``detox.guard`` found; ``confirms``: the refused cycle whose plan somebody (``author``) has confirmed by this one.
    """

    partition = models.CharField(max_length=255, db_index=True)
    state = models.CharField(max_length=16, choices=CycleState.choices, default=CycleState.DECIDING, db_index=True)
    test = models.BooleanField("test run", default=False)
    author = models.CharField(max_length=150)
    comment = models.TextField(blank=True)
    started = models.DateTimeField(db_index=True)
    ended = models.DateTimeField(null=True, blank=True)
    run = models.BigIntegerField("number of the run", default=0)
    version = models.BigIntegerField("version of the inventory", default=0)
    now = models.BigIntegerField("the present of all predicates", default=0, help_text="UTC seconds")
    policy = models.TextField("text of the policy")
    lines = models.JSONField("policy lines by number", default=dict)
    policy_file = models.CharField(max_length=1024, blank=True)
    policy_version = models.PositiveIntegerField("version of the policy's text; 0: a file of its own", default=0)
    policy_digest = models.CharField("SHA-256 of the policy's text", max_length=64, blank=True)
    policy_note = models.TextField("why a newer text was not followed", blank=True)
    settings = models.JSONField(default=dict)
    inputs_kept = models.BooleanField("can be explained", default=True)
    passes = models.PositiveIntegerField("passes of the deletion loop", default=0)
    error = models.TextField(blank=True)
    partitions = models.JSONField("definitions of the partition and its parts", default=dict)
    guard = models.JSONField("what the guard found", default=list)
    confirms = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="confirmations")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["partition", "test", "state", "id"], name="detox_cycles")]

    def __str__(self) -> str:
        return f"{'test ' if self.test else ''}cycle {self.pk} of {self.partition}"


class CycleSite(models.Model):
    """What a cycle did at one site, in bytes; ``quota`` negative: no limit. ``reason`` says why it did, or did nothing."""

    cycle = models.ForeignKey(Cycle, on_delete=models.CASCADE, related_name="sites")
    site = models.CharField(max_length=255)
    status = models.CharField(max_length=16, blank=True)
    state = models.CharField(max_length=16, choices=SiteState.choices, default=SiteState.IDLE)
    quota = models.BigIntegerField(default=0)
    occupied_before = models.BigIntegerField("bytes before", default=0)
    occupied_after = models.BigIntegerField("bytes after", default=0)
    triggered = models.BooleanField(default=False)
    protected = models.BigIntegerField("bytes protected", default=0)
    kept = models.BigIntegerField("bytes kept", default=0)
    deleted = models.BigIntegerField("bytes deleted", default=0)
    num_deleted = models.IntegerField("replicas deleted, wholly or in part", default=0)
    num_reowned = models.IntegerField("blocks that change owner", default=0)
    reason = models.TextField(blank=True)
    committed_version = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["cycle", "site"]
        constraints = [models.UniqueConstraint(fields=["cycle", "site"], name="one_row_per_site_of_a_detox_cycle")]

    def __str__(self) -> str:
        return f"{self.cycle} at {self.site}"


class ComparisonState(models.TextChoices):
    """``waiting`` for a worker; ``failed``: the text of ``error`` says why."""

    WAITING = "waiting"
    COMPUTING = "computing"
    DONE = "done"
    FAILED = "failed"


class Comparison(models.Model):
    """A what-if that somebody asked for on the page: ``question`` as ``detox.asking.Question`` reads it, ``answer`` what came out."""

    author = models.CharField(max_length=150)
    state = models.CharField(
        max_length=16, choices=ComparisonState.choices, default=ComparisonState.WAITING, db_index=True
    )
    created = models.DateTimeField(db_index=True)
    ended = models.DateTimeField(null=True, blank=True)
    question = models.JSONField(default=dict)
    answer = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"comparison {self.pk}"
