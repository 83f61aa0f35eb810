"""The inventory's tables as ordinary models: for the admin pages, joins, and anyone's SQL. They follow the log.

Nobody but the follower (``followers.py``) writes here. Ids are the image's; rows that the image identifies by several
ids have one made of these (``ROW_ID``), so that rows are replaced and deleted by one integer. The database does not
enforce references: the log's records are checked before they exist, and the follower replaces rows in bulk.
"""

from __future__ import annotations

import polars as pl
from django.db import models

from inventory.schema import DATASET_STATUSES, OWNERSHIP_LEVELS, SITE_STATUSES, STORAGE_TYPES, TABLES


def _choices(values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]


def _reference(model: str, related_name: str) -> models.ForeignKey:
    return models.ForeignKey(model, models.DO_NOTHING, related_name=related_name, db_constraint=False)


class _Row(models.Model):
    id = models.BigIntegerField(primary_key=True)

    class Meta:
        abstract = True


class _Named(_Row):
    def __str__(self) -> str:
        return str(self.name)

    class Meta:
        abstract = True


class Group(_Named):
    """Owner of replicas."""

    name = models.CharField(max_length=TABLES["groups"].longest["name"], unique=True)
    level = models.CharField(max_length=16, choices=_choices(OWNERSHIP_LEVELS))


class Site(_Named):
    """Storage site."""

    name = models.CharField(max_length=TABLES["sites"].longest["name"], unique=True)
    host = models.TextField(blank=True)
    storage_type = models.CharField(max_length=16, choices=_choices(STORAGE_TYPES))
    backend = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=_choices(SITE_STATUSES))


class PathRule(_Row):
    """Rule that maps an LFN to a physical name at a site."""

    site = _reference("inventory.Site", "path_rules")
    protocol = models.TextField()
    position = models.PositiveIntegerField()
    chain = models.TextField(null=True)
    lfn_pattern = models.TextField()
    pfn_template = models.TextField()


class Partition(_Named):
    """Partition of the storage."""

    name = models.CharField(max_length=TABLES["partitions"].longest["name"], unique=True)
    definition = models.TextField()


class Quota(_Row):
    """Space of a partition at a site, in bytes."""

    site = _reference("inventory.Site", "quotas")
    partition = _reference("inventory.Partition", "quotas")
    quota = models.BigIntegerField()


class Dataset(_Named):
    """Dataset."""

    name = models.CharField(max_length=TABLES["datasets"].longest["name"], unique=True)
    status = models.CharField(max_length=16, choices=_choices(DATASET_STATUSES))
    data_type = models.TextField()
    software_version = models.TextField(null=True)
    is_open = models.BooleanField()
    last_update = models.BigIntegerField()
    usage_rank = models.FloatField(null=True)
    num_access = models.BigIntegerField()
    last_access = models.BigIntegerField()
    demand_rank = models.FloatField()


class Block(_Named):
    """Block of a dataset."""

    dataset = _reference("inventory.Dataset", "blocks")
    name = models.CharField(max_length=TABLES["blocks"].longest["name"])
    size = models.BigIntegerField()
    num_files = models.BigIntegerField()
    is_open = models.BooleanField()
    last_update = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "name"], name="one_block_per_name")]


class File(_Row):
    """File of a block; its LFN is directory, slash, base name."""

    dataset = _reference("inventory.Dataset", "files")
    block = _reference("inventory.Block", "files")
    directory = models.TextField()
    base_name = models.TextField()
    size = models.BigIntegerField()
    adler32 = models.BigIntegerField(null=True)
    crc32 = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.directory}/{self.base_name}"


class DatasetReplica(_Row):
    """Dataset at a site."""

    dataset = _reference("inventory.Dataset", "replicas")
    site = _reference("inventory.Site", "dataset_replicas")
    growing = models.BooleanField()
    group = _reference("inventory.Group", "dataset_replicas")


class BlockReplica(_Row):
    """Block at a site."""

    dataset = _reference("inventory.Dataset", "block_replicas")
    block = _reference("inventory.Block", "replicas")
    site = _reference("inventory.Site", "block_replicas")
    group = _reference("inventory.Group", "block_replicas")
    custodial = models.BooleanField()
    size = models.BigIntegerField()
    num_files = models.BigIntegerField()
    complete = models.BooleanField()
    last_update = models.BigIntegerField()


class ReplicaFile(_Row):
    """File present in an incomplete block replica."""

    dataset = _reference("inventory.Dataset", "replica_files")
    block = _reference("inventory.Block", "replica_files")
    site = _reference("inventory.Site", "replica_files")
    file = _reference("inventory.File", "replicas")


MODELS: dict[str, type[models.Model]] = {
    "groups": Group, "sites": Site, "path_rules": PathRule, "partitions": Partition, "quotas": Quota,
    "datasets": Dataset, "blocks": Block, "files": File, "dataset_replicas": DatasetReplica,
    "block_replicas": BlockReplica, "replica_files": ReplicaFile,
}  # fmt: skip
"""The model of each table of the image."""

_OWN = {
    "groups": "group_id", "sites": "site_id", "partitions": "partition_id",
    "datasets": "dataset_id", "blocks": "block_id", "files": "file_id",
}  # fmt: skip

_AT_SITE = {
    "quotas": "partition_id",
    "dataset_replicas": "dataset_id",
    "block_replicas": "block_id",
    "replica_files": "file_id",
}


def own_id(table: str) -> str | None:
    """The column of the image that is the model's ``id``; None where it is made of several."""
    return _OWN.get(table)


def row_id(table: str) -> pl.Expr:
    """The model's ``id`` of rows with the key columns of ``table``; path rules have none (they are replaced together)."""
    if table in _OWN:
        return pl.col(_OWN[table]).cast(pl.Int64)
    return pl.col(_AT_SITE[table]).cast(pl.Int64) * 65536 + pl.col("site_id").cast(pl.Int64)
