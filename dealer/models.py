"""Cycles: what each decided for every site and everyone who asked. Proposals and copies are Parquet files (``history.py``)."""

from __future__ import annotations

from django.db import models


class CycleState(models.TextChoices):
    """A cycle is ``committing`` once its decisions are on record; the next one finishes what a killed one left so."""

    DECIDING = "deciding"
    COMMITTING = "committing"
    DONE = "done"
    FAILED = "failed"


class Cycle(models.Model):
    """One cycle of one partition. ``settings``, ``seed``, ``version`` and ``now`` are what the decisions were made of."""

    partition = models.CharField(max_length=255, db_index=True)
    state = models.CharField(max_length=16, choices=CycleState.choices, default=CycleState.DECIDING, db_index=True)
    test = models.BooleanField("test run", default=False)
    author = models.CharField(max_length=150)
    comment = models.TextField(blank=True)
    started = models.DateTimeField(db_index=True)
    ended = models.DateTimeField(null=True, blank=True)
    version = models.BigIntegerField("inventory version", default=0)
    now = models.BigIntegerField("decided as of (UTC seconds)", default=0)
    seed = models.BigIntegerField(default=0)
    settings = models.JSONField(default=dict)
    num_proposals = models.IntegerField("proposals", default=0)
    num_placed = models.IntegerField("placed", default=0)
    volume = models.BigIntegerField("bytes to copy", default=0)
    refusals = models.JSONField("refused, by plugin and reason", default=dict, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"cycle {self.pk} of {self.partition}"


class SiteState(models.TextChoices):
    """``planned``: something is to be done; ``subscribed``: file operations have it; ``committed``: so does the inventory."""

    IDLE = "idle"
    PLANNED = "planned"
    SUBSCRIBED = "subscribed"
    COMMITTED = "committed"
    REFUSED = "refused"


class CycleSite(models.Model):
    """One site in a cycle: how full it was and got (bytes of the partition), and what was done or why nothing."""

    cycle = models.ForeignKey(Cycle, on_delete=models.CASCADE, related_name="sites")
    site = models.CharField(max_length=128, db_index=True)
    state = models.CharField(max_length=16, choices=SiteState.choices, default=SiteState.IDLE)
    quota = models.BigIntegerField(default=0)
    present = models.BigIntegerField("bytes present", default=0)
    projected = models.BigIntegerField("projected before", default=0)
    after = models.BigIntegerField("projected after", default=0)
    volume = models.BigIntegerField("bytes to copy", default=0)
    num_blocks = models.IntegerField("blocks", default=0)
    verdict = models.TextField(blank=True)

    class Meta:
        ordering = ["site"]
        constraints = [models.UniqueConstraint(fields=["cycle", "site"], name="dealer_site_once_per_cycle")]

    def __str__(self) -> str:
        return f"{self.site} in cycle {self.cycle_id}"


class CycleAnswer(models.Model):
    """What a cycle had to tell to one who asked (a copy request); ``moot``: why it did not matter any more."""

    cycle = models.ForeignKey(Cycle, on_delete=models.CASCADE, related_name="answers")
    plugin = models.CharField(max_length=64)
    cause = models.CharField(max_length=255, db_index=True)
    number = models.BigIntegerField()
    verdict = models.CharField(max_length=16)
    reason = models.TextField(blank=True)
    actions = models.JSONField(default=list, blank=True)
    moot = models.TextField(blank=True)

    class Meta:
        ordering = ["cycle", "number"]

    def __str__(self) -> str:
        return f"{self.cause}: {self.verdict}"
