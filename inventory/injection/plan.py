"""What a document comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from inventory.changes import ChangeSet

COUNTED = {
    "datasets": "datasets", "blocks": "blocks", "files": "files", "sites": "sites", "groups": "groups",
    "dataset_replicas": "datasetreplicas", "block_replicas": "blockreplicas",
}  # fmt: skip
"""Tables whose rows are counted, with what the count is called."""

COPIES = pl.Schema(
    {
        "dataset": pl.String,
        "block": pl.String,
        "lfn": pl.String,
        "site": pl.String,
        "size": pl.Int64,
        "adler32": pl.UInt32,
    }
)


@dataclass(frozen=True)
class Plan:
    """``puts``, ``deletes``: rows of a change set by table, in names; ``copies``: files to be subscribed, as COPIES says;
    ``counts``: objects that are made, or that go, by kind."""

    puts: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    deletes: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    copies: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COPIES))
    counts: Mapping[str, int] = field(default_factory=dict)

    def into(self, changes: ChangeSet) -> ChangeSet:
        """Add the rows to a change set, which is returned."""
        for table, rows in self.puts.items():
            changes.put(table, rows)
        for table, rows in self.deletes.items():
            changes.delete(table, rows)
        return changes
