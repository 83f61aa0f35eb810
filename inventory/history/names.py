"""Names of ids at any time: an id keeps its name, and is never given to anything else."""

from __future__ import annotations

from typing import Any

import polars as pl

from inventory.history.past import Past
from inventory.relational import MODELS
from inventory.schema import NO_GROUP_ID, NO_GROUP_NAME
from inventory.snapshot import lfn

OWNERS = {
    "group_id": "groups", "site_id": "sites", "partition_id": "partitions", "dataset_id": "datasets",
    "block_id": "blocks", "file_id": "files",
}  # fmt: skip
"""Table in which a column's ids have their names."""

_BATCH = 500


class Names:
    """Names as told by the records of ``past``; those older than its start by the tables."""

    def __init__(self, past: Past) -> None:
        self._past = past

    def ids(self, column: str, test: pl.Expr) -> list[int]:
        """Ids of ``column`` whose ``name`` (of a file: its LFN) passes ``test``, also of what is gone."""
        found = self._named(column).filter(test).select(column).unique().collect()[column].to_list()
        if self._past.start and column != "file_id":
            rows = pl.DataFrame(
                list(MODELS[OWNERS[column]]._default_manager.values_list("pk", "name")),
                schema={column: pl.Int64, "name": pl.String}, orient="row",
            )  # fmt: skip
            found += rows.filter(test)[column].to_list()
        return found

    def of(self, column: str, ids: set[int]) -> dict[int, str]:
        """Names by id; an id of which nothing is known is left out."""
        rows = self._named(column).filter(pl.col(column).is_in(list(ids))).select(column, "name").unique().collect()
        found = dict(rows.iter_rows())
        if column == "group_id":
            found[NO_GROUP_ID] = NO_GROUP_NAME
        missing = sorted(ids - set(found)) if self._past.start else []
        for start in range(0, len(missing), _BATCH):
            known = MODELS[OWNERS[column]]._default_manager.filter(pk__in=missing[start : start + _BATCH])
            found |= {row.pk: _name(row) for row in known}
        return found

    def _named(self, column: str) -> pl.LazyFrame:
        rows = self._past.rows(OWNERS[column]).filter(~pl.col("deleted"))
        name = lfn() if column == "file_id" else pl.col("name")
        return rows.select(pl.col(column).cast(pl.Int64), name.alias("name"))


def _name(row: Any) -> str:
    return str(row.name) if hasattr(row, "name") else f"{row.directory}/{row.base_name}"
