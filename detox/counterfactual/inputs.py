"""All that a cycle is made of, as one value that can be changed and decided again; and one dataset of it at one moment."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import polars as pl

from detox import whatif
from detox.answers import Answers
from detox.build import build_image
from detox.columns import ImageColumns
from detox.decisions import Decisions
from detox.engine import variables
from detox.evaluate import evaluate
from inventory.policy.model import Condition, Predicate
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

_OF_DATASET = ("blocks", "dataset_replicas", "block_replicas")


@dataclass(frozen=True)
class Inputs(whatif.Inputs):
    """``newest``: the newest last_update of the partition where the snapshot has only a part of it."""

    newest: int | None = None

    def with_table(self, name: str, frame: pl.DataFrame) -> Inputs:
        """The same with another table."""
        declared = TABLES[name]
        frames = {other: self.snapshot.frame(other) for other in TABLES}
        frames[name] = frame.select(pl.col(column).cast(kind) for column, kind in declared.schema.items())
        snapshot = Snapshot.from_frames(frames, self.snapshot.version, self.snapshot.time)
        return dataclasses.replace(self, snapshot=snapshot)


@dataclass(frozen=True)
class Subject:
    """The dataset, or one block of it, at a site, that the question is about."""

    site: str
    site_id: int
    dataset: str
    dataset_id: int
    block_id: int | None = None

    def rows(self, image: pl.DataFrame) -> pl.DataFrame:
        """Its rows of the image of ``Decisions``."""
        mine = image.filter(pl.col("site_id") == self.site_id, pl.col("dataset_id") == self.dataset_id)
        return mine if self.block_id is None else mine.filter(pl.col("block_id") == self.block_id)

    def fate(self, decisions: Decisions) -> str:
        """``goes``: all of it is deleted; ``stays``: nothing of it; ``part``: some of it."""
        gone = (self.rows(decisions.image)["decision"].cast(pl.String) == "deleted").fill_null(False)
        if not gone.any():
            return "stays"
        return "goes" if gone.all() else "part"


def at_moment(inputs: Inputs, decisions: Decisions, subject: Subject, moment: int) -> Inputs:
    """The subject's dataset only, as it was after ``moment`` removals."""
    image = decisions.image.filter(pl.col("dataset_id") == subject.dataset_id)
    keys = ["block_id", "site_id"]
    gone = image.filter(pl.col("gone_at").fill_null(moment) < moment).select(keys)
    changed = image.filter(pl.col("reowned_at").fill_null(moment) < moment).select(*keys, "new_group_id")
    local = dataclasses.replace(inputs, newest=image_newest(decisions))
    for name in _OF_DATASET:
        local = local.with_table(name, inputs.snapshot.frame(name).filter(pl.col("dataset_id") == subject.dataset_id))
    before = local.snapshot.frame("block_replicas")
    held = before.join(gone, on=keys, how="anti", maintain_order="left")
    emptied = before.join(held, on="site_id", how="anti").select("site_id").unique()
    held = held.join(changed, on=keys, how="left", maintain_order="left")
    held = held.with_columns(group_id=pl.coalesce("new_group_id", "group_id"))
    replicas = local.snapshot.frame("dataset_replicas").join(emptied, on="site_id", how="anti", maintain_order="left")
    return local.with_table("block_replicas", held).with_table("dataset_replicas", replicas)


def image_newest(decisions: Decisions) -> int:
    """The newest last_update of the partition."""
    return int(decisions.image["last_update"].max() or 0)  # type: ignore[arg-type]


def actions_at(local: Inputs, subject: Subject, sites: tuple[str, ...]) -> dict[int, str]:
    """Delete, Dismiss, Protect or Ignore for each block of the subject that is in the image; ``sites``: the targets."""
    there = Condition((Predicate("site.name", "in", sites),), None, None, "")
    policy = dataclasses.replace(local.policy, on=(there,))
    image, _ = build_image(local.snapshot, policy, local.partitions, local.facts, local.now)
    image.newest = image.newest if local.newest is None else local.newest
    found = np.flatnonzero(image.sites.ids[image.replica_site] == subject.site_id)
    if not len(found):
        return {}
    columns = ImageColumns(image, local.snapshot, local.facts, variables(policy), local.now)
    answers = Answers(image, columns, policy, local.now)
    decided = evaluate(image, answers, found[:1])
    blocks = local.snapshot.frame("blocks")["block_id"].gather(image.rows.block[decided.rows]).to_list()
    actions = {
        block: answers.lines[line].line.decision for block, line in zip(blocks, decided.line.tolist(), strict=True)
    }
    if subject.block_id is None:
        return actions
    return {block: action for block, action in actions.items() if block == subject.block_id}
