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

__all__ = [
    "Block", "BlockReplica", "Dataset", "DatasetReplica", "File", "FollowerPosition", "Group", "Leadership", "Partition",
    "PathRule", "Quota", "ReplicaFile", "Site", "TunedSetting", "UpdatePart", "UpdateRecord",
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
