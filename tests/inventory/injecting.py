"""Helpers of the injection tests: documents in, inventories out."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused
from inventory.injection import Plan, plan, plan_deletion
from inventory.resolve import applied
from inventory.snapshot import Snapshot

NOW = 1_700_000_000
EMPTY = Snapshot.from_frames({})


def file(name: str, size: Any = 10, **more: Any) -> dict[str, Any]:
    return {"name": name, "size": size, **more}


def dataset(name: str, **blocks: list[Any]) -> dict[str, Any]:
    return {"name": name, "blocks": [{"name": block, "files": files} for block, files in blocks.items()]}


def replica(name: str, site: str, *blocks: Any, **more: Any) -> dict[str, Any]:
    return {"dataset": name, "site": site, "group": "AnalysisOps", "blockreplicas": list(blocks), **more}


def inject(snapshot: Snapshot, document: Any) -> tuple[Snapshot, Plan]:
    planned = plan(snapshot, document, NOW)
    return applied(snapshot, planned.into(ChangeSet("tester", 1)), NOW), planned


def invalidate(snapshot: Snapshot, document: Any) -> tuple[Snapshot, Plan]:
    planned = plan_deletion(snapshot, document, NOW)
    return applied(snapshot, planned.into(ChangeSet("tester", 1)), NOW), planned


def refusals(snapshot: Snapshot, document: Any, planning: Any = plan) -> list[str]:
    with pytest.raises(ChangeRefused) as refused:
        planning(snapshot, document, NOW)
    return [str(problem) for problem in refused.value.problems]


def base() -> Snapshot:
    """Sites A, B, C; dataset /X with block b (files /x/1, /x/2 of 10 and 20 bytes), complete at A; it does not grow there."""
    document = {
        "site": [
            {"name": name, "backend": f"file:///{name}", "storage_type": "disk", "status": "ready"} for name in "ABC"
        ],
        "group": [{"name": "AnalysisOps", "olevel": "dataset"}, {"name": "DataOps"}],
        "dataset": [dataset("/X", b=[file("/x/1"), file("/x/2", 20)])],
        "datasetreplica": [replica("/X", "A", {"block": "b"})],
    }
    return inject(EMPTY, document)[0]


def growing() -> Snapshot:
    """The same with a growing replica at B, of which the block is complete."""
    return inject(base(), {"datasetreplica": [replica("/X", "B", {"block": "b"})]})[0]


def held(snapshot: Snapshot) -> dict[tuple[str, str], tuple[int, int, bool]]:
    """Size, number of files and completeness by block and site."""
    rows = snapshot.named("block_replicas").select("block", "site", "size", "num_files", "complete").collect()
    return {(block, site): tuple(rest) for block, site, *rest in rows.iter_rows()}


def copies(planned: Plan) -> list[tuple[str, str, str]]:
    return sorted(planned.copies.select("block", "lfn", "site").rows())


def names(snapshot: Snapshot, table: str) -> list[str]:
    return sorted(snapshot.frame(table)["name"])


def replicas(snapshot: Snapshot) -> dict[tuple[str, str], tuple[bool, str]]:
    """Growing and group by dataset and site."""
    rows = snapshot.named("dataset_replicas").select("dataset", "site", "growing", "group").collect()
    return {(dataset, site): (growing, group) for dataset, site, growing, group in rows.iter_rows()}


def lfns(snapshot: Snapshot) -> list[str]:
    return sorted(snapshot.named("files").select(pl.col("lfn")).collect()["lfn"])
