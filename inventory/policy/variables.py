"""The one table of policy variables: name, type, level, unit, values, description, and how each is computed.

Parser, linter, editor, reference page and compiler read it; adding a variable is adding one entry here, or one in an
installation's own package under the entry point group ``dynamo.policy_variables`` (a Variable or a list of them).

``compute`` is a Polars expression over the columns that the image offers at the variable's level (see COLUMNS).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

import polars as pl

from inventory.schema import DATASET_STATUSES, SITE_STATUSES, STORAGE_TYPES

PLUGINS = "dynamo.policy_variables"
NUMERIC_TYPES = ("number", "bytes", "time", "seconds")
TYPES = ("text", "enum", "bool", *NUMERIC_TYPES)
LEVELS = ("dataset", "replica", "block", "site")
CONTEXTS = ("replica", "block", "site")
TAPE_STATES = ("NONE", "PARTIAL", "FULL")
NEVER_CREATED = 2**32 - 1
SECONDS_PER_DAY = 86400

# What ``compute`` may use, by level. Those named count_… follow the image as it shrinks; the others stand still.
COLUMNS: dict[str, tuple[str, ...]] = {
    "dataset": (
        "name", "status", "size", "last_update", "last_access", "usage_rank", "demand_rank", "num_access",
        "software_version", "tape_requested", "unhandled_copy", "latest_release", "unknown", "newest_arrival", "now",
        "count_mss", "count_full_mss", "count_full_ready", "count_full_ready_disk", "count_incomplete",
        "count_protected_site",
    ),
    "replica": (
        "size", "incomplete_blocks", "num_blocks", "first_update", "last_update", "num_access", "enforcer_protected",
        "count_full_disk_common", "count_full_other_common",
    ),
    "block": (
        "owner", "last_update", "locked", "complete", "newest", "at_ready_disk",
        "count_complete", "count_incomplete", "count_complete_mss", "count_complete_ready_disk",
    ),
    "site": ("name", "status", "storage_type", "occupied", "quota"),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Variable:
    """One variable. ``volatile``: its value follows the image while a cycle deletes, so partitions cannot use it.

    ``contexts``: where it can stand: "replica" (lines and order of a policy), "block" (partitions, over block
    replicas), "site" (On, When, Until and wherever sites are chosen).
    """

    name: str
    type: str
    level: str
    description: str
    compute: pl.Expr
    unit: str = ""
    values: tuple[str, ...] = ()
    volatile: bool = False
    contexts: tuple[str, ...] = ("replica", "block")

    def __post_init__(self) -> None:
        if self.type not in TYPES or self.level not in LEVELS or not set(self.contexts) <= set(CONTEXTS):
            raise ValueError(f"variable {self.name}: type, level or context is unknown")
        if (self.type == "enum") != bool(self.values):
            raise ValueError(f"variable {self.name}: an enum, and only an enum, lists its values")

    @property
    def numeric(self) -> bool:
        """Whether it can be compared with < and >, and replicas ordered by it."""
        return self.type in NUMERIC_TYPES


def _image(name: str, kind: str, description: str, compute: pl.Expr, **more: object) -> Variable:
    """A variable whose value depends on the other replicas in the image."""
    level = {"dataset": "dataset", "replica": "replica", "blockreplica": "block"}[name.split(".", maxsplit=1)[0]]
    return Variable(name, kind, level, description, compute, volatile=True, contexts=("replica",), **more)  # type: ignore[arg-type]


def _site(name: str, kind: str, description: str, compute: pl.Expr, **more: object) -> Variable:
    return Variable(name, kind, "site", description, compute, **more)  # type: ignore[arg-type]


_EVERYWHERE = ("replica", "block", "site")
_ON_SITES = ("site",)
_LAST_USE = pl.max_horizontal("last_access", "last_update", "newest_arrival")
_ACCESSES_PER_GB = pl.when(pl.col("size") > 0).then(pl.col("num_access") / (pl.col("size") / 1e9)).otherwise(0.0)
_COMPUTED_RANK = (pl.col("now") - _LAST_USE) / SECONDS_PER_DAY - _ACCESSES_PER_GB
_ON_TAPE = (
    pl.when(pl.col("count_full_mss") > 0).then(pl.lit("FULL"))
    .when(pl.col("count_mss") > 0).then(pl.lit("PARTIAL"))
    .otherwise(pl.lit("NONE"))
)  # fmt: skip
_OCCUPANCY = (
    pl.when(pl.col("quota") > 0).then(pl.col("occupied") / pl.col("quota"))
    .when(pl.col("quota") == 0).then(float("inf"))
    .otherwise(0.0)
)  # fmt: skip
_OTHER_READY_DISK = pl.col("count_complete_ready_disk") - (pl.col("complete") & pl.col("at_ready_disk"))

_TABLE: tuple[Variable, ...] = (
    Variable("dataset.name", "text", "dataset", "name of the dataset", pl.col("name")),
    Variable("dataset.status", "enum", "dataset", "production status", pl.col("status"), values=DATASET_STATUSES),
    Variable("dataset.size", "bytes", "dataset", "sum of its blocks", pl.col("size"), unit="bytes"),
    Variable("dataset.last_update", "time", "dataset", "last change of content", pl.col("last_update")),
    Variable("dataset.last_access", "time", "dataset", "last access by jobs; 0: unknown", pl.col("last_access")),
    _image("dataset.on_tape", "enum", "FULL: a full replica at an MSS site; PARTIAL: some replica at an MSS site",
           _ON_TAPE, values=TAPE_STATES),
    Variable("dataset.tape_copy_requested", "bool", "dataset", "a copy to tape is asked for and not done",
             pl.col("tape_requested"), contexts=("replica",)),
    _image("dataset.num_full_disk_copy", "number", "full replicas at DISK sites that are READY",
           pl.col("count_full_ready_disk")),
    _image("dataset.num_full_copy", "number", "full replicas at READY sites of any kind", pl.col("count_full_ready")),
    _image("dataset.has_incomplete_replica", "bool", "some replica has an incomplete block replica",
           pl.col("count_incomplete") > 0),
    Variable("dataset.usage_rank", "number", "dataset",
             "the larger, the less used: days since the last access, update or block arrival, minus accesses per GB",
             pl.coalesce(pl.col("usage_rank"), _COMPUTED_RANK), unit="days", contexts=("replica",)),
    Variable("dataset.demand_rank", "number", "dataset", "demand from the popularity source", pl.col("demand_rank")),
    Variable("dataset.release", "text", "dataset", "software version, X_Y_Z or X_Y_Z_suffix",
             pl.col("software_version").fill_null("")),
    Variable("dataset.is_latest_production_release", "bool", "dataset",
             "its software version has no suffix and is the newest of its X_Y series in the inventory", pl.col("latest_release"), contexts=("replica",)),
    _image("dataset.on_protected_site", "bool", "has a replica at a site of the configured list",
           pl.col("count_protected_site") > 0),
    Variable("dataset.unknown_in_all_dbs", "bool", "dataset", "no other catalogue knows it", pl.col("unknown"),
             contexts=("replica",)),
    Variable("dataset.unhandled_copy_exists", "bool", "dataset",
             "a copy request for it, or for a block of it, waits for Dealer", pl.col("unhandled_copy"),
             contexts=("replica",)),
    _image("replica.size", "bytes", "bytes present", pl.col("size"), unit="bytes"),
    _image("replica.incomplete", "bool", "some block replica is not complete", pl.col("incomplete_blocks") > 0),
    _image("replica.first_block_created", "time", "least last_update of its block replicas; none: 2**32-1",
           pl.when(pl.col("num_blocks") > 0).then(pl.col("first_update")).otherwise(NEVER_CREATED)),
    _image("replica.last_block_created", "time", "greatest last_update of its block replicas; none: 0",
           pl.when(pl.col("num_blocks") > 0).then(pl.col("last_update")).otherwise(0)),
    Variable("replica.num_access", "number", "replica", "accesses by jobs", pl.col("num_access"),
             contexts=("replica",)),
    _image("replica.num_full_disk_copy_common_owner", "number",
           "full replicas at READY DISK sites with an owner in common with this one, itself included",
           pl.col("count_full_disk_common")),
    _image("replica.num_full_other_copy_common_owner", "number",
           "full replicas at other READY sites of any kind with an owner in common with this one",
           pl.col("count_full_other_common")),
    Variable("replica.enforcer_protected", "bool", "replica", "an enforcer rule with protect holds on to it",
             pl.col("enforcer_protected"), contexts=("replica",)),
    Variable("blockreplica.last_update", "time", "block", "last change of the block replica", pl.col("last_update")),
    Variable("blockreplica.owner", "text", "block", "group's name; None without one", pl.col("owner")),
    Variable("blockreplica.is_locked", "bool", "block", "a lock in the registry covers it", pl.col("locked"),
             contexts=("replica",)),
    _image("blockreplica.is_last_transfer_source", "bool",
           "it is complete, some other replica of the block is not, and no other complete one is at a READY DISK site",
           pl.col("complete") & (pl.col("count_incomplete") > 0) & (_OTHER_READY_DISK == 0)),
    _image("blockreplica.num_full_disk_copy", "number", "complete replicas of the block", pl.col("count_complete")),
    _image("blockreplica.on_tape", "bool", "it is complete and so is a replica of the block at an MSS site",
           pl.col("complete") & (pl.col("count_complete_mss") > 0)),
    Variable("blockreplica.age_relative_to_newest", "seconds", "block",
             "newest last_update in the partition minus its own", pl.col("newest") - pl.col("last_update"),
             unit="seconds", contexts=("replica",)),
    _site("site.name", "text", "name of the site", pl.col("name"), contexts=_EVERYWHERE),
    _site("site.status", "enum", "whether the site can be used", pl.col("status"), values=SITE_STATUSES,
          contexts=_EVERYWHERE),
    _site("site.storage_type", "enum", "kind of storage", pl.col("storage_type"), values=STORAGE_TYPES,
          contexts=_EVERYWHERE),
    _site("site.occupancy", "number", "bytes present in the partition ÷ quota; quota 0: infinite, negative: 0",
          _OCCUPANCY, volatile=True, contexts=_ON_SITES),
    _site("site.quota", "number", "quota of the partition", pl.col("quota") / 1e12, unit="TB", contexts=_ON_SITES),
    _site("always", "bool", "true", pl.lit(True), contexts=_ON_SITES),
    _site("never", "bool", "false", pl.lit(False), contexts=_ON_SITES),
)  # fmt: skip

VARIABLES: dict[str, Variable] = {variable.name: variable for variable in _TABLE}
BUILT_IN = frozenset(VARIABLES)
"""The names of those that always have a value; an installation's own may be without."""


def add_variables(variables: Iterable[Variable]) -> None:
    """Add an installation's own variables to the table; raises ValueError for a name that is taken."""
    for variable in variables:
        if variable.name in VARIABLES:
            raise ValueError(f"policy variable {variable.name}: there is one of that name already")
        VARIABLES[variable.name] = variable


@cache
def load_plugins() -> None:
    """Add what installed packages declare; called when this module is first imported."""
    for plugin in entry_points(group=PLUGINS):
        found = plugin.load()
        add_variables([found] if isinstance(found, Variable) else found)


def variables_for(context: str) -> dict[str, Variable]:
    """The variables that can stand in a condition of ``context``: "replica", "block" or "site"."""
    if context not in CONTEXTS:
        raise ValueError(f"context {context!r}: expected one of {', '.join(CONTEXTS)}")
    return {name: variable for name, variable in VARIABLES.items() if context in variable.contexts}


load_plugins()
