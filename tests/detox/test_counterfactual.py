"""What is said to have turned a decision does turn it: whatever is answered is held against a plain, slow evaluator."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detox.counterfactual.asked import Asked
from detox.counterfactual.costs import KINDS
from detox.counterfactual.inputs import Inputs, Subject
from detox.counterfactual.search import Answer, Limits, Turning, subject_of, turning
from detox.counterfactual.sites import quotas
from detox.settings import DetoxSettings
from inventory.policy.facts import Facts
from inventory.policy.parser import parse_partitions, parse_policy
from tests.detox import tables
from tests.detox.plain import world_of
from tests.detox.plain_cycle import PlainCycle
from tests.detox.plain_partition import Partitions
from tests.detox.random_cases import NOW, Case, make_case

DAY = 86400
SITES = tables.sites(T2_A=("READY", 100), T2_B=("READY", 1000), T2_C=("READY", 1000), T1_MSS=("READY", -1))


def inputs_of(case: Case) -> Inputs:
    tuned = DetoxSettings(deletion_per_iteration=case.share)
    return Inputs(case.snapshot, case.policy, case.definitions, case.facts, tuned, NOW)


def plain_fate(inputs: Inputs, subject: Subject) -> str:
    world = world_of(inputs.snapshot, inputs.policy, Partitions(inputs.partitions), inputs.facts, inputs.now)
    held = [
        block for name, replica in world.datasets.get(subject.dataset).replicas.items() if name == subject.site
        for block in replica.blocks if subject.block_id in (None, block)
    ] if subject.dataset in world.datasets else []  # fmt: skip
    outcome = PlainCycle(world, inputs.policy, inputs.settings.deletion_per_iteration).run()
    gone = [outcome.decisions.get((subject.site, subject.dataset, block), ("",))[0] == "deleted" for block in held]
    return "stays" if not any(gone) else "goes" if all(gone) else "part"


def asked(policy: str, replicas: str, facts: Facts | None = None, **dataset: object) -> Inputs:
    """Inputs with the policy's lines; defaults as in ``tables.run``; ``dataset``: columns for all datasets."""
    head = "Partition All\nOn always\nWhen site.occupancy > 0.9\nUntil site.occupancy < 0.5\n"
    order = "" if "Order" in policy else "\nOrder none"
    snapshot = tables.inventory(SITES, replicas)
    parsed = parse_policy(head + policy.strip() + order)
    inputs = Inputs(
        snapshot, parsed, parse_partitions(tables.PARTITIONS), facts or Facts.none(), DetoxSettings(), tables.NOW
    )
    changed = [pl.lit(value).alias(name) for name, value in dataset.items()]
    return inputs.with_table("datasets", snapshot.frame("datasets").with_columns(changed))


def answers(inputs: Inputs, site: str, dataset: str, block: str = "", **limits: float) -> Turning:
    subject = subject_of(inputs, site, dataset, block)
    assert subject is not None
    found = turning(inputs, subject, Limits(**limits))  # type: ignore[arg-type]
    for answer in found.answers:
        assert plain_fate(answer.applied(inputs), subject) == ("goes" if found.fate == "stays" else "stays")
    return found


def texts(found: Turning) -> str:
    return "\n".join(answer["text"] for answer in found.told()["answers"])


def test_a_last_access_that_would_have_saved_it() -> None:
    inputs = asked(
        "Protect dataset.last_access newer_than 30 days ago\nDismiss", "/d T2_A a:95", last_access=tables.NOW - 42 * DAY
    )
    found = answers(inputs, "T2_A", "/d")
    assert found.fate == "goes"
    assert "its last access had been 2023-10-15 22:13:21 UTC, 12 days later" in texts(found).splitlines()[0]
    assert found.answers[0].changes[0].wanted == tables.NOW - 30 * DAY + 1


def test_one_copy_more_would_have_let_it_go() -> None:
    inputs = asked("Dismiss dataset.num_full_disk_copy > 1\nProtect", "/d T2_A a:95")
    found = answers(inputs, "T2_A", "/d")
    assert found.fate == "stays"
    assert found.answers[0].changes[0].kind == "copy"
    assert "It would have been deleted if there had been one full copy more on disk, at T2_B." in texts(found)


def test_the_other_copy_away_would_have_saved_it() -> None:
    inputs = asked("Dismiss dataset.num_full_disk_copy > 1\nProtect", "/d T2_A a:95\n/d T2_B a:95")
    assert "if there had been no copy at T2_B" in texts(answers(inputs, "T2_A", "/d"))


def test_a_lock_saves_a_block_and_its_release_lets_it_go() -> None:
    inputs = asked("ProtectBlock blockreplica.is_locked\nDismiss", "/d T2_A a:50 b:45")
    found = answers(inputs, "T2_A", "/d", "b")
    assert found.answers[0].changes[0].kind == "lock"
    locked = found.answers[0].applied(inputs)
    assert "no lock had covered it" in texts(answers(locked, "T2_A", "/d", "b"))


@pytest.mark.parametrize(("policy", "words"), [
    ("Protect dataset.usage_rank < 0.5\nDismiss", "usage rank had been below 0.5 (it was 1)"),
    ("Protect replica.num_access > 20\nDismiss", "number of accesses had been above 20"),
    ("Protect dataset.status == PRODUCTION\nDismiss", "status had been PRODUCTION (it was VALID)"),
    ("ProtectBlock blockreplica.owner == Val\nDismiss", "it had belonged to Val (it belonged to Ana)"),
    ("Protect dataset.name == /d until 2023-11-01\nDismiss", "line 1 had held until 2023-11-14"),
    ("Protect dataset.name == /d from 2023-12-01\nDismiss", "line 1 had held from 2023-11-14"),
    ("Protect dataset.unhandled_copy_exists\nDismiss", "a copy request for it had waited"),
    ("Protect replica.enforcer_protected\nDismiss", "a rule of the enforcer had held it"),
    ("Protect dataset.on_tape == FULL\nDismiss", "one full copy more on tape, at T1_MSS"),
    ("Protect site.status == WAITROOM\nDismiss", "status of T2_A had been WAITROOM (it was READY)"),
    ("Protect replica.last_block_created newer_than 2 days ago\nDismiss", "at the site 2023-11-12 22:13:21 UTC, 7 days later"),
    ("Protect dataset.on_protected_site\nDismiss", "T2_A had been in the list of protected sites"),
    ("Dismiss", "the quota of All at T2_A had been 106 B (106 bytes; it was 100 B)"),
])  # fmt: skip
def test_every_kind_of_change_is_found(policy: str, words: str) -> None:
    inputs = asked(policy, "/d T2_A a:95", num_access=2)
    assert words in texts(answers(inputs, "T2_A", "/d"))


def test_a_rank_that_follows_from_use_names_the_access_it_needs() -> None:
    inputs = asked("Protect dataset.usage_rank < 3\nDismiss", "/d T2_A a:95", usage_rank=None, last_update=0)
    found = answers(inputs, "T2_A", "/d")
    assert found.answers[0].changes[0].about == "dataset.usage_rank" or "from which its usage rank follows" in texts(
        found
    )
    assert "its last access, from which its usage rank follows, had been" in texts(found)


def test_order_and_quota_decide_who_is_reached() -> None:
    replicas = "/a T2_A a:40\n/b T2_A b:30\n/c T2_A c:25"
    inputs = asked("Dismiss\nOrder increasing dataset.demand_rank", replicas)
    ranked = inputs.snapshot.frame("datasets").with_columns(demand_rank=pl.Series([1.0, 2.0, 3.0]))
    inputs = inputs.with_table("datasets", ranked)
    gone, left = answers(inputs, "T2_A", "/a"), answers(inputs, "T2_A", "/c", wanted=5)
    assert (gone.fate, left.fate) == ("goes", "stays")
    assert "its demand rank had been" in texts(gone)
    assert "its demand rank had been" in texts(left)
    assert "the quota of All at T2_A had been" in texts(left)
    subject = subject_of(inputs, "T2_A", "/c")
    assert subject is not None
    tried = [change for change in quotas(Asked(inputs, inputs.decide(), subject)) if "had been 1 B" not in change.text]
    assert len(tried) > 3, "where the nearest quota is not enough, the next is tried, and not the smallest of all"


def test_two_changes_where_one_is_not_enough() -> None:
    inputs = asked(
        "Protect dataset.last_access newer_than 30 days ago\nDismiss", "/d T2_A a:50", last_access=tables.NOW - DAY
    )
    found = answers(inputs, "T2_A", "/d")
    assert [len(answer.changes) for answer in found.answers][:1] == [2]
    assert {change.kind for change in found.answers[0].changes} == {"attribute", "quota"}
    assert " and " in texts(found)


def test_the_least_change_comes_first_and_limits_are_told() -> None:
    inputs = asked(
        "ProtectBlock blockreplica.is_locked\nProtect dataset.last_access newer_than 3 days ago\nDismiss",
        "/d T2_A a:95",
    )
    found = answers(inputs, "T2_A", "/d", wanted=9)
    assert [answer.cost for answer in found.answers] == sorted(answer.cost for answer in found.answers)
    assert [answer.changes[0].kind for answer in found.answers][:2] == ["attribute", "lock"]
    short = answers(inputs, "T2_A", "/d", tries=1)
    assert (short.tried, short.complete) == (1, False)


def test_nothing_turns_what_was_not_there() -> None:
    inputs = asked("Dismiss", "/d T2_A a:95")
    assert subject_of(inputs, "T2_A", "/none") is None
    assert subject_of(inputs, "T2_A", "/d", "z") is None
    assert answers(inputs, "T2_B", "/d").answers == ()


def hold_against_plain(case: Case, rng: random.Random) -> tuple[int, set[str]]:
    """Ask about a few replicas and blocks; returns how many answers were held against the plain evaluator."""
    inputs = inputs_of(case)
    decisions = inputs.decide()
    places = decisions.image.select("site", "site_id", "dataset", "dataset_id", "block_id").rows()
    number, kinds = 0, set()
    for site, site_id, dataset, dataset_id, block_id in rng.sample(places, min(2, len(places))):
        subject = Subject(site, site_id, dataset, dataset_id, block_id if rng.random() < 0.3 else None)
        found = turning(inputs, subject, Limits(wanted=4, tries=12), decisions)
        assert found.fate == plain_fate(inputs, subject), case.policy.text
        for answer in found.answers:
            other = plain_fate(answer.applied(inputs), subject)
            assert other == ("goes" if found.fate == "stays" else "stays"), (case.policy.text, answer)
            number += 1
            kinds |= {change.kind for change in answer.changes}
    return number, kinds


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
@pytest.mark.slow
def test_whatever_is_answered_is_true(rng: random.Random) -> None:
    hold_against_plain(make_case(rng), rng)


@pytest.mark.slow
def test_random_cases_have_answers_of_most_kinds() -> None:
    rng = random.Random(3)
    found = [hold_against_plain(make_case(rng), rng) for _ in range(25)]
    assert sum(number for number, _ in found) > 30
    assert len({kind for _, kinds in found for kind in kinds}) >= 6
    assert {kind for _, kinds in found for kind in kinds} <= set(KINDS)


def test_an_answer_is_told_as_json() -> None:
    inputs = asked("Protect dataset.last_access newer_than 30 days ago\nDismiss", "/d T2_A a:95")
    told = answers(inputs, "T2_A", "/d").told()
    assert set(told) == {"fate", "answers", "tried", "complete"}
    change = told["answers"][0]["changes"][0]
    assert {"kind", "about", "text", "present", "wanted", "cost"} == set(change)
    assert isinstance(Answer(()).cost, int | float)
