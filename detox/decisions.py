"""What a cycle decided, as frames, and as the lists that reference cases are compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from detox.image import Image
from detox.state import IGNORE, NEVER, PROTECT, State
from inventory.policy.model import Policy
from inventory.snapshot import Snapshot

DECISIONS = ("deleted", "kept", "protected")
Decision = pl.Enum(DECISIONS)
_REPLICA = ("site", "dataset", "decision", "line")


@dataclass(frozen=True)
class Decisions:
    """The result of a cycle. Sizes in bytes; ``line`` is the number of the line that decided, 0: the default.

    ``replicas``: site, dataset, site_id, dataset_id, decision, line, num_blocks, size: one row for each line that decided for
    blocks of a replica. ``blocks``: dataset_id, block_id, site_id, group_id (owner before), decision, line, size,
    ``whole`` (all block replicas that the inventory has of the dataset replica go), ``moment`` (deletions in the order they happened;
    null: stays). ``reowned``: dataset_id, block_id, site_id, group_id (new owner), size, moment.
    ``sites``: site, site_id, status, quota, triggered, occupied_before, occupied_after, protected, kept, deleted, reason.
    ``image``: every block replica the cycle looked at, for `explain` (see detox/explain.py).
    ``passes``: how many passes were made; ``lines``: text of the conditions of the stack.
    """

    replicas: pl.DataFrame
    blocks: pl.DataFrame
    reowned: pl.DataFrame
    sites: pl.DataFrame
    image: pl.DataFrame
    passes: int
    lines: tuple[str, ...]
    now: int
    seconds: dict[str, float] = field(default_factory=dict, compare=False)

    def summary(self) -> dict[str, list[Any]]:
        """Lists ``deleted``, ``kept``, ``protected`` of [site, dataset, line, blocks, bytes], ``reowned`` of [site, dataset, blocks]."""
        lists: dict[str, list[Any]] = {}
        ordered = self.replicas.sort("site", "dataset", "line")
        for decision in DECISIONS:
            chosen = ordered.filter(pl.col("decision") == decision)
            lists[decision] = [
                list(row) for row in chosen.select("site", "dataset", "line", "num_blocks", "size").rows()
            ]
        changed = self.reowned.group_by("site", "dataset").len().sort("site", "dataset")
        return lists | {"reowned": [list(row) for row in changed.rows()], "lines": list(self.lines)}


def image_frame(
    image: Image, state: State, snapshot: Snapshot, owner_before: np.ndarray, numbers: np.ndarray
) -> pl.DataFrame:
    """One row for each block replica of the image, sorted by dataset, site, block; ``numbers``: line numbers by line index."""
    rows = np.arange(len(image.present))
    replica = image.rows.replica
    groups = snapshot.frame("groups")["group_id"]
    code = state.code(rows)
    decided = np.where(state.deleted, 0, np.where(code == PROTECT, 2, 1))
    in_no_list = (code == IGNORE) & ~state.deleted | ~image.present & ~state.deleted
    blocks = snapshot.frame("blocks")["block_id"]
    line = pl.Series(np.append(numbers, 0)[state.line], dtype=pl.Int32)
    names = pl.Series(image.sites.names, dtype=pl.String)
    return pl.DataFrame({
        "dataset_id": image.given["dataset_id"].gather(image.replica_dataset[replica]),
        "block_id": blocks.gather(image.rows.block),
        "site_id": pl.Series(image.sites.ids[image.replica_site[replica]], dtype=pl.UInt16),
        "dataset": image.given["name"].gather(image.replica_dataset[replica]),
        "site": names.gather(image.replica_site[replica]),
        "group_id": groups.gather(owner_before), "new_group_id": groups.gather(image.rows.owner),
        "size": image.rows.size, "complete": image.rows.complete, "last_update": image.rows.last_update,
        "locked": image.rows.locked,
        "decision": pl.Series(DECISIONS, dtype=Decision).gather(decided), "listed": ~in_no_list,
        "line": line, "decided_at": state.decided_at[replica],
        "gone_at": state.gone_at, "reowned_at": state.reowned_at,
    }).with_columns(
        pl.when("listed").then("decision").alias("decision"),
        pl.when(pl.col("gone_at", "reowned_at") != NEVER).then(pl.col("gone_at", "reowned_at")),
    ).drop("listed")  # fmt: skip


def result_frames(image: pl.DataFrame, snapshot: Snapshot) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """``replicas``, ``blocks`` and ``reowned`` of :class:`Decisions` from its ``image``."""
    listed = image.filter(pl.col("decision").is_not_null())
    keys = ["dataset_id", "site_id"]
    names = image.select(*keys, "dataset", "site").unique(keys)
    replicas = listed.group_by(*keys, "decision", "line").agg(num_blocks=pl.len(), size=pl.col("size").sum())
    replicas = replicas.join(names, on=keys, how="left")
    deleted = listed.filter(pl.col("decision") == "deleted")
    going = deleted.group_by(keys).agg(going=pl.len())
    existing = snapshot.table("block_replicas").select(keys).join(going.lazy(), on=keys, how="semi")
    counts = existing.group_by(keys).agg(existing=pl.len()).collect()
    going = going.join(counts, on=keys, how="left")
    whole = going.select(*keys, whole=pl.col("going") >= pl.col("existing").fill_null(0))
    blocks = listed.join(whole, on=keys, how="left").select(
        "dataset_id", "block_id", "site_id", "group_id", "decision", "line", "size",
        whole=(pl.col("decision") == "deleted") & pl.col("whole").fill_null(False), moment="gone_at",
    )  # fmt: skip
    reowned = image.filter(pl.col("reowned_at").is_not_null()).select(
        "site", "dataset", "dataset_id", "block_id", "site_id", "size", group_id="new_group_id", moment="reowned_at"
    )
    return replicas.sort(_REPLICA), blocks, reowned


def stack_texts(policy: Policy) -> tuple[str, ...]:
    """The conditions of the stack in order, as they are written."""
    return tuple(line.condition.text for line in policy.stack if line.condition)
