"""The benchmark measures what it says, on an inventory that is like a real one."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks import detox as benchmark
from benchmarks.generate import generate
from inventory.policy.parser import parse_policy

POLICY = Path(benchmark.__file__).with_name("physics.txt")


def test_a_generated_inventory_holds_together_and_is_the_same_again() -> None:
    store = generate(300)
    replicas, blocks = store.frame("block_replicas"), store.frame("blocks")
    joined = replicas.join(blocks, on=["dataset_id", "block_id"], suffix="_of_block")
    assert joined.height == replicas.height > 5000
    assert joined.filter(
        (pl.col("size") > pl.col("size_of_block")) | (pl.col("complete") & (pl.col("size") != pl.col("size_of_block")))
    ).is_empty()
    parents = store.frame("dataset_replicas").select("dataset_id", "site_id")
    assert replicas.join(parents, on=["dataset_id", "site_id"], how="anti").is_empty()
    assert generate(300).frame("block_replicas").equals(replicas)


@pytest.mark.slow
def test_a_measurement_tells_times_memory_and_ratios() -> None:
    found = benchmark.measure(400, parse_policy(POLICY.read_text()), 0.4, 1)
    assert found["passes"] > 0
    assert sum(found["lists"][name] for name in ("deleted", "kept", "protected")) > 400
    assert found["seconds"] > 0
    assert found["times_faster_than_plain"] == found["plain_one_look_seconds"] / found["seconds"]
    assert found["peak_memory"] > found["peak_memory_above_data"] >= 0
