"""Sites, groups, partitions, and quotas with what is used of them."""

from __future__ import annotations

import threading
import weakref

import polars as pl

from inventory.partitions import definitions, occupancy
from inventory.policy.errors import PolicyError
from inventory.snapshot import Snapshot
from registry.api.asked import Asked
from registry.api.columns import Field, Fields, by_name, of_table
from registry.api.documented import documented
from registry.api.frames import Listed, of_frame
from registry.api.frames import of_table as rows_of
from registry.api.inventory.datasets import only
from registry.api.reading import InventoryList, InventoryObject
from registry.errors import Refused

SITES = by_name(
    *of_table(
        "sites", "name", "host", "storage_type", "status", "backend",
        name="T2_US_MIT", host="se.example.org", storage_type="DISK", status="READY", backend="root://xrootd.example.org/store-root",
    ),
)  # fmt: skip
GROUPS = by_name(*of_table("groups", "name", "level", name="AnalysisOps", level="Dataset"))
_KINDS = ("simple", "union")


def _kinds(snapshot: Snapshot, rows: pl.DataFrame) -> pl.Series:
    unions = {name for name, parts in definitions(snapshot).items() if isinstance(parts, tuple)}
    return pl.Series(["union" if name in unions else "simple" for name in rows["name"]], dtype=pl.String)


PARTITIONS = by_name(
    *of_table("partitions", "name", "definition", name="AnalysisOps", definition="blockreplica.owner == AnalysisOps"),
    Field(
        "kind", "choice", "a condition, or a union of others", "simple", choices=_KINDS, needs=("name",), derive=_kinds
    ),
)
QUOTAS = by_name(
    Field("site", "text", "site", "T2_US_MIT"),
    Field("partition", "text", "partition", "AnalysisOps"),
    Field("quota", "integer", "space for it; negative: no limit; 0: none; of a union the sum", 1_500_000_000_000_000, "bytes"),
    Field("present", "integer", "what is there", 1_320_000_000_000_000, "bytes"),
    Field("projected", "integer", "what will be there when all replicas are complete", 1_350_000_000_000_000, "bytes"),
)  # fmt: skip


class _Table(InventoryList):
    table = ""

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """All rows of the table."""
        return rows_of(snapshot, self.table, self.fields, asked)


class _Row(InventoryObject):
    table = ""

    def found(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """The row of this name."""
        return rows_of(snapshot, self.table, self.fields, only(asked, self.fields["name"], variables["name"]))


@documented("sites", "Sites", "All sites that fulfil the conditions.")
class Sites(_Table):
    """``sites``."""

    table, fields = "sites", SITES


@documented("sites", "One site", "The site of this name.")
class OneSite(_Row):
    """``sites/{name}``."""

    table, fields = "sites", SITES


@documented("groups", "Groups", "All groups that fulfil the conditions; the one called None is nobody.")
class Groups(_Table):
    """``groups``."""

    table, fields = "groups", GROUPS


@documented("groups", "One group", "The group of this name.")
class OneGroup(_Row):
    """``groups/{name}``."""

    table, fields = "groups", GROUPS


@documented("partitions", "Partitions", "All partitions with their definitions.")
class Partitions(_Table):
    """``partitions``."""

    table, fields = "partitions", PARTITIONS


@documented("partitions", "One partition", "The partition of this name.")
class OnePartition(_Row):
    """``partitions/{name}``."""

    table, fields = "partitions", PARTITIONS


@documented("quotas", "Quotas", "Every partition at every site: its quota, and how much of it is used.")
class Quotas(InventoryList):
    """``quotas``."""

    fields: Fields = QUOTAS

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """A row for each site and partition, in order of their names."""
        return of_frame(snapshot, _occupancy(snapshot), asked, {"site": str, "partition": str})


_LOCK = threading.Lock()
_NEWEST: list[tuple[weakref.ref[Snapshot], pl.DataFrame]] = []
"""Weakly: a version that nobody reads takes no space."""


def _occupancy(snapshot: Snapshot) -> pl.DataFrame:
    """Made once for a version: it looks at every block replica."""
    with _LOCK:
        for known, rows in _NEWEST:
            if known() is snapshot:
                return rows
        try:
            rows = occupancy(snapshot)
        except PolicyError as error:
            raise Refused(f"a partition's definition cannot be used: {error}") from None
        _NEWEST[:] = [(weakref.ref(snapshot), rows)]
    return rows
