"""Once a block line has taken blocks off a replica, the lines below see it as what is left, wherever they look at it."""

from __future__ import annotations

import random

import pytest

from tests.detox.random_cases import FULLNESS, make_case, predicate, splitting
from tests.detox.tables import inventory, listed, run, sites
from tests.detox.test_against_plain import check, replay

DISKS = sites(T2_A=("READY", 100), T2_B=("READY", 100))
TAPE = sites(T1_MSS=("READY", 100), T2_A=("READY", 100))
PART = "When never\nProtectBlock blockreplica.owner == Ops\n"


@pytest.mark.parametrize(("places", "replicas", "whole", "left"), [
    (DISKS, "a T2_A 1:1@Ops 2:2", "dataset.num_full_disk_copy == 1", "dataset.num_full_disk_copy == 0"),
    (DISKS, "a T2_A 1:1@Ops 2:2", "dataset.num_full_copy == 1", "dataset.num_full_copy == 0"),
    (TAPE, "a T1_MSS 1:1@Ops 2:2", "dataset.num_full_copy == 1", "dataset.num_full_copy == 0"),
    (TAPE, "a T1_MSS 1:1@Ops 2:2", "dataset.on_tape == FULL", "dataset.on_tape == PARTIAL"),
    (DISKS, "a T2_A 1:9/1@Ops 2:2", "dataset.has_incomplete_replica", "not dataset.has_incomplete_replica"),
    (DISKS, "a T2_A 1:1@Ops 2:2", "replica.num_full_disk_copy_common_owner == 1", "replica.num_full_disk_copy_common_owner == 0"),
])  # fmt: skip
@pytest.mark.parametrize("action", ["Protect", "ProtectBlock", "ProtectBlock blockreplica.owner == Ana and"])
def test_lines_below_see_only_the_blocks_left(places, replicas: str, whole: str, left: str, action: str) -> None:
    site, store = replicas.split()[1], inventory(places, replicas)
    assert listed(run(store, f"When never\nProtect {whole}\nDismiss"), "protected") == [f"{site} a 1 2"]
    done = run(store, f"{PART}{action} {whole}\n{action} {left}\nDismiss")
    assert listed(done, "protected") == [f"{site} a 1 1", f"{site} a 3 1"]


def test_other_replicas_of_the_dataset_see_it_whole() -> None:
    store = inventory(DISKS, "a T2_A 1:1@Ops 2:2\na T2_B 1:1 2:2")
    done = run(store, f"{PART}Protect dataset.num_full_disk_copy == 2\nDismiss")
    assert listed(done, "protected") == ["T2_A a 1 1", "T2_B a 2 2"]
    assert listed(done, "kept") == ["T2_A a 0 1"]


def test_another_full_tape_replica_keeps_it_on_tape() -> None:
    places = sites(T0_MSS=("READY", 100), T1_MSS=("READY", 100), T2_A=("READY", 100))
    store = inventory(places, "a T0_MSS 1:1@Ops 2:2\na T1_MSS 1:1 2:2\na T2_A 1:1@Ops 2:2")
    done = run(store, f"{PART}Protect dataset.on_tape == FULL\nDismiss")
    assert listed(done, "protected") == [
        "T0_MSS a 1 1", "T0_MSS a 2 1", "T1_MSS a 2 2", "T2_A a 1 1", "T2_A a 2 1",
    ]  # fmt: skip


def test_an_incomplete_block_that_is_left_still_counts() -> None:
    store = inventory(DISKS, "a T2_A 1:9/1@Ops 2:9/1\nb T2_A 1:9/1@Ops 2:2\nb T2_B 1:9/1@Ana 2:2\nc T2_A 1:1@Ops 2:9/1")
    done = run(store, f"{PART}Protect dataset.has_incomplete_replica\nDismiss")
    assert [row for row in listed(done, "protected") if row.endswith("2 1")] == [
        "T2_A a 2 1",
        "T2_A b 2 1",
        "T2_A c 2 1",
    ]


def test_each_block_line_sees_what_the_lines_above_have_left() -> None:
    store = inventory(DISKS, "a T2_A 1:1@Ops 2:2@Val 3:3")
    counted = "dataset.num_full_copy == 0 and blockreplica.owner"
    done = run(store, f"When never\nProtectBlock {counted} == Val\nProtectBlock blockreplica.owner == Ops\n"
                      f"ProtectBlock {counted} == Val\nDismiss")  # fmt: skip
    assert listed(done, "protected") == ["T2_A a 2 1", "T2_A a 3 1"]


def test_what_is_no_look_at_the_replicas_stays() -> None:
    store = inventory(DISKS, "a T2_A 1:1@Ops 2:2\na T2_B 1:1 2:2")
    done = run(store, f"{PART}Protect dataset.size == 3 and blockreplica.num_full_disk_copy == 2\nDismiss")
    assert listed(done, "protected") == ["T2_A a 1 1", "T2_A a 2 1", "T2_B a 2 2"]


@pytest.mark.parametrize("name", FULLNESS)
def test_split_replicas_are_decided_as_by_the_plain_evaluator(name: str) -> None:
    rng = random.Random(name)
    for _ in range(25):
        case = make_case(rng, first=(splitting(rng), f"Dismiss {predicate(rng, name)}"))
        check(case)
        replay(case)
