"""What the inventory stores in the database: the log, the tables that follow it, and what operators tune."""

from django.db import models

from inventory.log_models import FollowerPosition, Leadership, UpdatePart, UpdateRecord
from inventory.relational import (
    Block,
    BlockReplica,
    Dataset,
    DatasetReplica,
    File,
    Group,
    Partition,
    PathRule,
    Quota,
    ReplicaFile,
    Site,
)
from inventory.run_token_models import RunToken

__all__ = [
    "Block", "BlockReplica", "Dataset", "DatasetReplica", "File", "FollowerPosition", "Group", "Leadership", "Partition",
    "PathRule", "PolicyVersion", "Quota", "ReplicaFile", "RunToken", "Site", "TunedSetting", "UpdatePart", "UpdateRecord",
]  # fmt: skip


class TunedSetting(models.Model):
    """A value that an operator set over a component's default (see ``inventory.tuning``)."""

    component = models.CharField(max_length=64)
    name = models.CharField(max_length=64)
    value = models.JSONField()
    changed_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["component", "name"], name="one_value_per_setting")]

    def __str__(self) -> str:
        return f"{self.component}.{self.name}"


class PolicyVersion(models.Model):
    """A text of a policy, of enforcer rules or of partitions as it came in; the newest of a name is in force.

    ``source``: "directory" (found in the policy directory), "load", "admin", "restore", "partitions" or "retire" (from then on there
    is none of that name). ``origin`` and ``revision``: the file it came from, and the commit that its checkout was at.
    """

    name = models.CharField(max_length=255, db_index=True)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    text = models.TextField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text")
    author = models.CharField(max_length=150)
    time = models.DateTimeField(auto_now_add=True)
    source = models.CharField(max_length=16)
    origin = models.CharField(max_length=1024, blank=True)
    revision = models.CharField(max_length=64, blank=True)
    comment = models.TextField(blank=True)

    class Meta:
        ordering = ["name", "-number"]
        constraints = [models.UniqueConstraint(fields=["name", "number"], name="one_text_per_version_of_a_policy")]

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"

    @property
    def retired(self) -> bool:
        """Whether the name stands for nothing any more."""
        return self.source == "retire"
