"""The engine does what a plain, slow evaluator does, and whatever it deletes matches its line at the moment it goes."""

from __future__ import annotations

import random
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detox.decisions import Decisions
from detox.engine import decide
from detox.settings import DetoxSettings
from inventory.policy.model import ACTIONS
from inventory.policy.variables import VARIABLES, variables_for
from tests.detox.plain import World, world_of
from tests.detox.plain_cycle import Outcome, PlainCycle
from tests.detox.plain_partition import Partitions
from tests.detox.random_cases import NOW, OPERATORS, Case, make_case, policy_text, predicate

EVERY = [(name, operator) for name in variables_for("replica") for operator in OPERATORS[VARIABLES[name].type]]


def world(case: Case) -> World:
    return world_of(case.snapshot, case.policy, Partitions(case.definitions), case.facts, NOW)


def both(case: Case) -> tuple[Decisions, Outcome]:
    tuned = DetoxSettings(deletion_per_iteration=case.share)
    decided = decide(case.snapshot, case.policy, case.definitions, case.facts, tuned, NOW)
    return decided, PlainCycle(world(case), case.policy, case.share).run()


def by_block(frame: pl.DataFrame, *columns: str) -> dict:
    return {tuple(row[:3]): row[3:] for row in frame.select("site", "dataset", "block_id", *columns).rows()}


def check(case: Case) -> None:
    decided, plain = both(case)
    listed = decided.image.filter(pl.col("decision").is_not_null())
    found = {key: (*row,) for key, row in by_block(listed, "decision", "line", "size").items()}
    assert found == plain.decisions, case.policy.text
    groups = dict(case.snapshot.frame("groups").select("group_id", "name").rows())
    reowned = {key: groups[row[0]] for key, row in by_block(decided.reowned, "group_id").items()}
    assert reowned == plain.reowned, case.policy.text
    assert {name: decided.summary()[name] for name in plain.summary()} == plain.summary()


def replay(case: Case) -> int:
    """Let the engine's deletions happen one by one in the plain world, each looked at just before; returns how many."""
    decided, _ = both(case)
    there = world(case)
    groups = dict(case.snapshot.frame("groups").select("group_id", "name").rows())
    keys = ("moment", "site", "dataset", "block_id")
    image = decided.image.with_columns(heir=pl.col("new_group_id").replace_strict(groups, return_dtype=pl.String))
    gone = image.filter(pl.col("gone_at").is_not_null()).select(
        pl.col("gone_at").alias("moment"), *keys[1:], "line", deleted=pl.col("decision").is_not_null()
    )
    handed = image.filter(pl.col("reowned_at").is_not_null()).select(
        pl.col("reowned_at").alias("moment"), *keys[1:], "heir"
    )
    happened = gone.join(handed, on=keys, how="full", coalesce=True).sort(keys)
    for (_, site, dataset), blocks in happened.group_by(keys[:3], maintain_order=True):
        replica = there.datasets[dataset].replicas[site]
        lines = there.decide(case.policy, replica)
        for block, line, deleted, heir in blocks.select("block_id", "line", "deleted", "heir").rows():
            assert lines[block].decision in ("Delete", "Dismiss"), case.policy.text
            if deleted:
                assert (lines[block].number, heir) == (line, None), case.policy.text
            replica.blocks[block].owner = heir or replica.blocks[block].owner
            if deleted is not None:
                del replica.blocks[block]
        if not replica.blocks:
            del there.datasets[dataset].replicas[site]
    return happened.height


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
@pytest.mark.slow
def test_engine_decides_as_the_plain_evaluator(rng: random.Random) -> None:
    check(make_case(rng))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
@pytest.mark.slow
def test_what_is_deleted_matches_its_line_at_the_moment_it_goes(rng: random.Random) -> None:
    replay(make_case(rng))


@pytest.mark.slow
def test_static_policies_take_in_few_steps_what_goes_one_by_one() -> None:
    # The last ones have replicas of which a part went, and whose rest more deletions of the pass concern.
    for seed in (*range(100), 2829, 2936, 3801, 3984, 4392):
        case = make_case(random.Random(seed))
        check(replace(case, policy=replace(case.policy, static=True)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "operator"), EVERY, ids=[f"{name} {operator}" for name, operator in EVERY])
def test_every_variable_with_every_operator(name: str, operator: str) -> None:
    rng = random.Random(f"{name} {operator}")
    for _ in range(2):
        check(make_case(rng, predicate(rng, name, operator)))


def test_random_policies_use_every_action() -> None:
    rng = random.Random(1)
    used = {line.split()[0] for _ in range(100) for line in policy_text(rng, "All").split("\n")}
    assert set(ACTIONS) <= used


@pytest.mark.slow
def test_replays_see_many_deletions() -> None:
    rng = random.Random(2)
    assert sum(replay(make_case(rng)) for _ in range(40)) > 40
