"""What a deletion request would delete if it were carried out now; nothing is kept."""

from __future__ import annotations

import time

import polars as pl

from fileops.requested import LOCKED, OK, judge
from inventory.snapshot import Snapshot
from registry.locks import locked
from registry.placing import Ready
from registry.preview import Outlook, Part

_KEYS = ["dataset_id", "block_id", "site_id"]


def deletions(snapshot: Snapshot, ready: Ready) -> Outlook:
    """What would go at each site, what a lock keeps, what is not there; ``detail`` tells of blocks that are complete nowhere else."""
    actions = [(item, site) for item in ready.items for site in ready.sites]
    judged = judge(snapshot, actions, locked(snapshot, int(time.time())))
    sums = _summed(snapshot, judged)
    parts = [_part(row) for row in sums.to_dicts()]
    going = [part for part in parts if part.verdict == "deleted"]
    size, num_files = sum(part.size for part in going), sum(part.num_files for part in going)
    if not going:
        why = "; ".join(f"{part.item} at {part.site}: {part.verdict}" for part in parts[:5])
        return Outlook("refused", why, parts=parts)
    return Outlook("accepted", "", size, num_files, parts)


def _summed(snapshot: Snapshot, judged: pl.DataFrame) -> pl.DataFrame:
    """item, site, reason, bytes and files there, and how many blocks are complete only there (``last``)."""
    replicas = snapshot.table("block_replicas").select(*_KEYS, "size", "num_files", "complete")
    there = judged.lazy().join(replicas, on=_KEYS, how="left", nulls_equal=False).collect()
    others = snapshot.table("block_replicas").filter("complete").select("block_id", other="site_id")
    goes = there.filter(pl.col("reason") == OK).select("block_id", "site_id")
    elsewhere = goes.lazy().select("block_id").unique().join(others, on="block_id")
    # A copy that goes by the same request is no other copy.
    staying = elsewhere.join(goes.lazy().rename({"site_id": "other"}), on=["block_id", "other"], how="anti")
    safe = staying.select("block_id", safe=pl.lit(True)).unique().collect()
    joined = there.join(safe, on="block_id", how="left", nulls_equal=False)
    last = (pl.col("complete").fill_null(False) & pl.col("safe").is_null() & (pl.col("reason") == OK)).sum()
    return joined.group_by("item", "site", "reason", maintain_order=True).agg(
        pl.col("size", "num_files").sum(), last=last
    )


def _part(row: dict[str, object]) -> Part:
    verdict = "deleted" if row["reason"] == OK else str(row["reason"])
    keeps = verdict in ("deleted", LOCKED)
    detail = f"{row['last']} blocks are complete nowhere else" if row["last"] else ""
    size, num_files = (int(str(row[name])) if keeps else 0 for name in ("size", "num_files"))
    return Part(str(row["item"]), str(row["site"]), verdict, detail, size, num_files)
