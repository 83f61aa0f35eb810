"""Statistics: how much there is of what, how often, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl

from inventory import statistics
from inventory.snapshot import Snapshot
from registry.api.asked import Asked, boolean, wrong
from registry.api.columns import Field, by_name
from registry.api.documented import documented
from registry.api.frames import Listed, of_frame
from registry.api.reading import InventoryList

_MOST_PATTERNS = 200
_KEY = Field("key", "text", "value of the category `list_by`; None: no value", "mc")
_SIZE = Field("size", "integer", "sum of the block replicas", 12_300_000_000_000, "bytes")
_BY = f"category: {', '.join(statistics.CATEGORIES)}; data_type where it is not given"
_WHICH = {
    name: f"regular expressions, anchored at the start, for the {name.replace('_', ' ')}; any of them; None: no value"
    for name in statistics.CATEGORIES
}
_PHYSICAL = "true (also where it is not given): bytes present; false: those of whole blocks"


class _Statistic(InventoryList):
    others = ("list_by", *statistics.CATEGORIES)
    function: Callable[..., pl.DataFrame] = staticmethod(statistics.sizes)
    key: dict[str, type] = {"key": str}
    largest = "size"
    """Field of which the largest values come first, where the call does not say."""

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """A row for each value of the category, as the statistic has them in order."""
        given = asked.others or {}
        constraints = {name: given[name] for name in statistics.CATEGORIES if name in given}
        if most := next((name for name, values in constraints.items() if len(values) > _MOST_PATTERNS), None):
            raise wrong(most, f"more than {_MOST_PATTERNS} expressions")
        more: dict[str, Any] = {}
        if (physical := asked.only("physical")) is not None:
            more["physical"] = boolean("physical", physical)
        if not asked.order and self.largest:
            asked = replace(asked, order=((self.fields[self.largest], True),))
        rows = type(self).function(snapshot, asked.only("list_by") or "data_type", constraints, **more)
        return of_frame(snapshot, rows.sort(list(self.key)), asked, self.key)


@documented(
    "statistics",
    "Size by category",
    "Bytes of the block replicas by a category.",
    list_by=_BY,
    physical=_PHYSICAL,
    **_WHICH,
)
class Sizes(_Statistic):
    """``statistics/size``."""

    fields = by_name(_KEY, _SIZE)
    others = (*_Statistic.others, "physical")


@documented(
    "statistics",
    "Replication by category",
    "Number of replicas of a dataset by a category; datasets without any count as 0.",
    list_by=_BY,
    **_WHICH,
)
class Replications(_Statistic):
    """``statistics/replication``."""

    fields = by_name(
        _KEY,
        Field("mean", "number", "replicas of a dataset on average", 1.7),
        Field("rms", "number", "how much that differs", 0.9),
    )
    function = staticmethod(statistics.replications)
    largest = "mean"


@documented(
    "statistics",
    "Usage of sites by category",
    "Bytes of the block replicas at each site by a category.",
    list_by=_BY,
    physical=_PHYSICAL,
    **_WHICH,
)
class Usages(_Statistic):
    """``statistics/usage``."""

    fields = by_name(Field("site", "text", "site", "T2_US_MIT", filtered=False), _KEY, _SIZE)
    others = (*_Statistic.others, "physical")
    function = staticmethod(statistics.usages)
    largest = ""
    key = {"site": str, "key": str}
