"""The same small inventory as frames by id, for pure functions."""

from __future__ import annotations

import polars as pl

from inventory.schema import TABLES
from inventory.snapshot import Snapshot

SITES = {"T1_Tape": 1, "T2_A": 2, "T2_B": 3}


def table(table_name: str, /, **columns: list[object]) -> pl.DataFrame:
    """A table with the given columns; those not given are zero, empty or false."""
    height = len(next(iter(columns.values())))
    filled = {}
    for column, dtype in TABLES[table_name].schema.items():
        default: object = 0
        if dtype == pl.String:
            default = ""
        elif dtype == pl.Boolean:
            default = False
        elif isinstance(dtype, pl.Enum):
            default = dtype.categories[0]
        filled[column] = pl.Series(column, columns.get(column, [default] * height), dtype=dtype)
    return pl.DataFrame(filled)


def small_snapshot() -> Snapshot:
    """Datasets /A (1: blocks 11 x, 12 y) and /B (2: block 21 z); /A at T2_A whole, block x at T2_B; /B at T1_Tape, owner g1."""
    return Snapshot.from_frames({
        "sites": table("sites", site_id=[1, 2, 3], name=list(SITES), storage_type=["MSS", "DISK", "DISK"]),
        "groups": table("groups", group_id=[0, 1], name=["None", "g1"]),
        "datasets": table("datasets", dataset_id=[1, 2], name=["/A", "/B"]),
        "blocks": table("blocks", dataset_id=[1, 1, 2], block_id=[11, 12, 21], name=["x", "y", "z"]),
        "dataset_replicas": table("dataset_replicas", dataset_id=[1, 1, 2], site_id=[2, 3, 1]),
        "block_replicas": table(
            "block_replicas", dataset_id=[1, 1, 1, 2], block_id=[11, 12, 11, 21], site_id=[2, 2, 3, 1],
            group_id=[0, 0, 0, 1], complete=[True] * 4,
        ),
    })  # fmt: skip
