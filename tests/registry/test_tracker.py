"""When an action has come to its end."""

from __future__ import annotations

import polars as pl
import pytest

from inventory.snapshot import Snapshot
from registry.tracker import ACTIONS, judged
from tests.registry.frames import small_snapshot, table


def ended(kind: str, item: str, site: str, snapshot: Snapshot | None = None) -> str | None:
    actions = pl.DataFrame([(1, kind, item, site)], ACTIONS, orient="row")
    rows = judged(actions, snapshot or small_snapshot()).rows()
    return rows[0][1] if rows else None


@pytest.mark.parametrize(("item", "site", "event"), [
    ("/A", "T2_A", "complete"),
    ("/A", "T2_B", None),
    ("/A#x", "T2_B", "complete"),
    ("/A#y", "T2_B", None),
    ("/A", "T1_Tape", None),
    ("/Gone", "T2_A", "fail"),
    ("/A#gone", "T2_A", "fail"),
    ("/A", "T9_Gone", "fail"),
])  # fmt: skip
def test_a_copy_ends_when_every_block_is_complete_there(item, site, event) -> None:
    assert ended("copy", item, site) == event


@pytest.mark.parametrize(("item", "site", "event"), [
    ("/A", "T2_A", None),
    ("/A#y", "T2_B", "complete"),
    ("/A#x", "T2_B", None),
    ("/B", "T2_A", "complete"),
    ("/Gone", "T2_A", "complete"),
    ("/A", "T9_Gone", "complete"),
    ("/A#gone", "T2_A", "complete"),
])  # fmt: skip
def test_a_deletion_ends_when_nothing_is_left_there(item, site, event) -> None:
    assert ended("deletion", item, site) == event


def without_completeness() -> Snapshot:
    frames = {name: small_snapshot().frame(name) for name in ("sites", "datasets", "blocks", "dataset_replicas")}
    frames["block_replicas"] = small_snapshot().frame("block_replicas").with_columns(complete=pl.lit(False))
    return Snapshot.from_frames(frames)


def test_a_copy_under_way_is_not_at_its_end() -> None:
    assert ended("copy", "/A", "T2_A", without_completeness()) is None
    assert ended("copy", "/A#x", "T2_A", without_completeness()) is None
    assert ended("deletion", "/A#x", "T2_A", without_completeness()) is None


def test_a_dataset_without_blocks_is_copied_when_its_replica_is_there() -> None:
    empty = Snapshot.from_frames({
        "sites": table("sites", site_id=[1, 2], name=["T2_A", "T2_B"]),
        "datasets": table("datasets", dataset_id=[1], name=["/E"]),
        "dataset_replicas": table("dataset_replicas", dataset_id=[1], site_id=[1]),
    })  # fmt: skip
    assert ended("copy", "/E", "T2_A", empty) == "complete"
    assert ended("copy", "/E", "T2_B", empty) is None
    assert ended("deletion", "/E", "T2_A", empty) is None
    assert ended("deletion", "/E", "T2_B", empty) == "complete"


def test_many_actions_at_once() -> None:
    wanted = [
        (1, "copy", "/A", "T2_A"),
        (2, "copy", "/A", "T2_B"),
        (3, "deletion", "/A", "T2_A"),
        (4, "copy", "/X", "T2_A"),
    ]
    rows = judged(pl.DataFrame(wanted, ACTIONS, orient="row"), small_snapshot()).sort("action").rows()
    assert rows == [(1, "complete"), (4, "fail")]
    assert judged(pl.DataFrame(schema=ACTIONS), small_snapshot()).is_empty()
