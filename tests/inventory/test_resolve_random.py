"""Random histories against a plain evaluator, and what holds after any history."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.errors import ChangeRefused
from inventory.image import Image
from inventory.resolve import applied, resolve
from inventory.resolve.delta import Delta
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from tests.inventory.makers import random_changes, same
from tests.inventory.plain import PlainInventory, content_of

REPLICA = ["dataset_id", "block_id", "site_id"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_replicas_hold_what_a_plain_evaluator_says(seed):
    snapshot, plain = Snapshot.from_frames({}), PlainInventory()
    for number, changes in enumerate(random_changes(seed, 40)):
        snapshot = applied(snapshot, changes, 100 + number)
        plain.apply(changes)
        expected = {key: value for key, value in plain.content().items() if key[1] != "counted"}
        # Of a block without files, only that nothing is there can be told.
        found = {key: value for key, value in content_of(snapshot).items() if key[1] != "counted"}
        empty = {key for key in expected if not plain.blocks[key[:2]]}
        assert set(found) == set(expected), number
        for key in found:
            assert found[key][:2] == expected[key][:2], (number, key)
            assert key in empty or found[key] == expected[key], (number, key)
        assert {(d, b): (sum(f.values()), len(f)) for (d, b), f in plain.blocks.items() if b != "counted"} == _blocks(
            snapshot
        )


def _blocks(snapshot):
    rows = snapshot.named("blocks").filter(pl.col("name") != "counted").collect().iter_rows(named=True)
    return {(row["dataset"], row["name"]): (row["size"], row["num_files"]) for row in rows}


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), length=st.integers(1, 12))
def test_any_history_leaves_a_consistent_inventory_and_the_same_image_by_chunks(seed, length):
    snapshot, image = Snapshot.from_frames({}), Image.from_frames({})
    for number, changes in enumerate(random_changes(seed, length)):
        try:
            delta = resolve(snapshot, changes, number)
        except ChangeRefused as error:  # pragma: no cover
            raise AssertionError(f"seed {seed}, set {number}") from error
        again = Delta.from_bytes(delta.to_bytes())
        image = image.after(again, number + 1, number)
        snapshot = applied(snapshot, changes, number)
    check(snapshot)
    for name in TABLES:
        assert same(image.snapshot().frame(name), snapshot.frame(name)), name


def check(snapshot: Snapshot) -> None:
    """Assert what holds in every inventory."""
    frames = {name: snapshot.frame(name) for name in TABLES}
    for name, table in TABLES.items():
        key = list(table.key)
        assert not frames[name].select(pl.struct(key).is_duplicated().any()).item(), name
        assert frames[name].select(key).equals(frames[name].select(key).sort(key)), name
        for column in table.columns:
            assert column.nullable or not frames[name][column.name].null_count(), (name, column.name)
        for parent, id_column in {
            "datasets": "dataset_id",
            "blocks": "block_id",
            "sites": "site_id",
            "files": "file_id",
        }.items():
            if id_column in table.schema and name != parent:
                assert frames[name].join(frames[parent], on=id_column, how="anti").is_empty(), (name, parent)
    replicas = frames["block_replicas"].join(frames["blocks"], on="block_id", suffix="_block")
    assert replicas.filter(pl.col("size") > pl.col("size_block")).is_empty()
    whole = replicas.filter("complete")
    assert whole.filter(
        (pl.col("size") != pl.col("size_block")) | (pl.col("num_files") != pl.col("num_files_block"))
    ).is_empty()
    assert frames["replica_files"].join(whole, on=REPLICA, how="semi").is_empty()
    assert (
        frames["block_replicas"].join(frames["dataset_replicas"], on=["dataset_id", "site_id"], how="anti").is_empty()
    )
    sums = (
        frames["replica_files"]
        .join(frames["files"], on="file_id")
        .group_by(REPLICA)
        .agg(pl.col("size").sum().alias("sum"))
    )
    assert replicas.join(sums, on=REPLICA).filter(pl.col("size") != pl.col("sum")).is_empty()
