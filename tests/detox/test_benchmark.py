"""The benchmark measures what it says, on an inventory that is like a real one."""

from __future__ import annotations

import polars as pl
import pytest

from benchmarks import detox as benchmark
from benchmarks.generate import generate
from benchmarks.measuring import grown
from inventory.policy.parser import parse_policy


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
def test_what_is_measured_has_work_to_do() -> None:
    for text in (benchmark.POLICY.read_text(), benchmark.COUNTING):
        decisions = benchmark.decider(generate(4300), parse_policy(text))()
        assert decisions.passes > 0
        assert all(len(found) > 200 for name, found in decisions.summary().items() if name in ("deleted", "protected"))


@pytest.mark.slow
def test_figures_have_yardsticks_of_the_same_run() -> None:
    small, large = benchmark.measure(100), benchmark.measure(400)
    figures = grown(small, large)
    assert all(figure.value > 0 and figure.yardstick_value > 0 and figure.growth is not None for figure in figures)
    cycle, image, _, comparison = figures
    assert (cycle.work, cycle.limit) == ("a cycle, image to decisions", None)
    assert image.unit == "s"
    assert comparison.yardstick_value == cycle.value
