"""What the requests plugin makes of open copy requests, before and after placing."""

from __future__ import annotations

from typing import Any

import pytest

from dealer.engine import decide
from dealer.plugins.protocol import Answer, View
from dealer.plugins.requests import RequestsPlugin
from dealer.plugins.wishes import Wish
from dealer.proposals import FULL, NO_SOURCE, Proposal
from dealer.results import Decisions
from dealer.settings import DealerSettings
from dealer.sites import sites_of
from tests.dealer.makers import NOW, OPEN, PARTITION, World, copies

A, B = "/A/x-v1/RAW", "/B/x-v1/RAW"
ALL = ("T1_A", "T2_B", "T2_C")


def world() -> World:
    """A (four blocks) at T1_A, B (one block) at T1_A; T2_B and T2_C are empty."""
    made = World()
    for name in ALL:
        made.site(name)
    return made.dataset(A, blocks=4).replica(A, "T1_A").dataset(B).replica(B, "T1_A")


def wish(
    *items: str, sites: tuple[str, ...] = ("T2_B", "T2_C"), copies: int = 1, group: str = "AnalysisOps", **more: Any
) -> Wish:
    return Wish(**{"number": 1, "patterns": sites, **more}, group=group, copies=copies, items=items, sites=sites)


def served(made: World, *wishes: Wish, **settings: Any) -> tuple[list[Proposal], Decisions, list[Answer]]:
    """Proposals, decisions and answers of a cycle with only these requests."""
    chosen = DealerSettings(**{**OPEN, **settings})
    snapshot = made.snapshot()
    view = View(snapshot, PARTITION, sites_of(snapshot, PARTITION, chosen, NOW), chosen, NOW)
    plugin = RequestsPlugin()
    plan = plugin.propose(view, list(wishes))
    decisions = decide(snapshot, PARTITION, plan.proposals, chosen, 1, NOW)
    return list(plan.proposals), decisions, plugin.answers(plan, decisions)


def answer(made: World, *wishes: Wish, **settings: Any) -> Answer:
    return served(made, *wishes, **settings)[2][0]


def test_one_copy_at_one_of_the_sites() -> None:
    got = answer(world(), wish(A))
    assert got.verdict == "activate"
    assert len(got.actions) == 1
    assert got.actions[0] in {(A, "T2_B"), (A, "T2_C")}


def test_as_many_copies_as_were_asked() -> None:
    assert set(answer(world(), wish(A, copies=2)).actions) == {(A, "T2_B"), (A, "T2_C")}


def test_zero_means_every_site() -> None:
    got = answer(world(), wish(A, sites=ALL, copies=0))
    assert set(got.actions) == {(A, site) for site in ALL}


def test_more_copies_than_sites_are_one_at_every_site() -> None:
    assert len(answer(world(), wish(A, copies=7)).actions) == 2


def test_sites_that_have_it_count() -> None:
    made = world().replica(A, "T2_B")
    proposals, _, answers = served(made, wish(A, copies=2))
    assert len(proposals) == 1
    assert answers[0].actions == ((A, "T2_B"), (A, "T2_C"))


def test_nothing_left_to_do_completes_it() -> None:
    assert answer(world(), wish(A, sites=("T1_A", "T2_B"))) == Answer("request 1", 1, "complete")


def test_what_is_on_its_way_already_is_waited_for() -> None:
    made = world().replica(A, "T2_B", complete=False)
    proposals, _, answers = served(made, wish(A))
    assert not proposals
    assert answers[0].verdict == "activate" and answers[0].actions == ((A, "T2_B"),)


def test_blocks_are_asked_one_by_one() -> None:
    _, decisions, answers = served(world(), wish(f"{A}#b1", f"{A}#b3", sites=("T2_B",)))
    assert copies(decisions) == {(f"{A}#{block}", "T2_B", "AnalysisOps", "copy") for block in ("b1", "b3")}
    assert answers[0].actions == ((f"{A}#b1", "T2_B"), (f"{A}#b3", "T2_B"))


def test_more_than_half_of_the_bytes_as_blocks_is_the_whole_dataset() -> None:
    three = [f"{A}#b{number}" for number in (1, 2, 3)]
    _, decisions, answers = served(world(), wish(*three, sites=("T2_B",)))
    assert answers[0].actions == ((A, "T2_B"),)
    assert decisions.copies.height == 4 and decisions.copies["growing"].all()
    assert len(answer(world(), wish(*three, sites=("T2_B",)), block_request_max=0.75).actions) == 3


def test_what_is_partly_there_under_an_overwritten_group_is_taken_over() -> None:
    made = world().replica(A, "T2_C", group="DataOps", blocks=["b1"])
    for _ in range(3):
        _, decisions, answers = served(made, wish(A), overwritten_groups=("DataOps",))
        assert answers[0].actions == ((A, "T2_C"),)
        assert (f"{A}#b1", "T2_C", "AnalysisOps", "owner") in copies(decisions)
        assert decisions.copies.height == 4


def test_other_groups_keep_what_is_theirs() -> None:
    made = world().replica(A, "T2_C", group="DataOps", blocks=["b1"])
    _, decisions, _ = served(made, wish(A, sites=("T2_C",)))
    assert decisions.copies.height == 3 and set(decisions.copies["block"]) == {"b2", "b3", "b4"}


def test_a_copy_that_belongs_to_nobody_is_taken_over_not_counted() -> None:
    made = world().replica(A, "T2_B", group="None")
    _, decisions, answers = served(made, wish(A))
    assert answers[0] == Answer("request 1", 1, "activate", actions=((A, "T2_B"),))
    assert set(decisions.copies["kind"]) == {"owner"} and decisions.sites["volume"].sum() == 0


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (wish(A, group="nobody"), "Unknown group nobody"), (wish("/No/such/RAW"), "Unknown dataset /No/such/RAW"),
        (wish(f"{A}#b9"), f"Unknown block {A}#b9"), (wish(), "Nothing is asked: the request has no items"),
        (wish(A, sites=("T9_X",)), "No target site left (T9_X: no such site)"),
        (wish(A, sites=()), "No target site left (no site is named)"),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_done_are_rejected_with_the_reason(asked: Wish, reason: str) -> None:
    assert answer(world(), asked) == Answer("request 1", 1, "reject", reason)


def test_a_request_that_is_too_large_is_rejected() -> None:
    assert answer(world(), wish(A, B), max_size=4.5).reason == "5.000 TB is larger than max_size, 4.5 TB"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda made: made.site("T2_B", status="MORGUE"), "status MORGUE"),
        (lambda made: made.quota("T2_B", 0), "no quota for the partition"),
    ],
)
def test_sites_that_do_not_come_back_are_no_targets(change: Any, reason: str) -> None:
    assert answer(change(world()), wish(A, sites=("T2_B",))).reason == f"No target site left (T2_B: {reason})"
    assert answer(world(), wish(A, sites=("T2_B",)), target_sites=("T1_*",)).reason.endswith("not in target_sites)")


def test_a_site_in_the_waiting_room_is_waited_for() -> None:
    got = answer(world().site("T2_B", status="WAITROOM"), wish(A, sites=("T2_B",)))
    assert got.verdict == "wait"
    assert got.reason == f"Waits: Not a target site (status WAITROOM): {A}"


def test_an_unknown_site_among_others_is_passed_over() -> None:
    assert answer(world(), wish(A, sites=("T9_X", "T2_C"))).actions == ((A, "T2_C"),)


def test_a_request_of_which_a_part_waits_says_how_far_it_is() -> None:
    made = world().dataset("/C/x-v1/RAW")
    got = answer(made, wish(A, "/C/x-v1/RAW", sites=("T2_B",)))
    assert got.verdict == "wait"
    assert got.reason == f"1 of 2 copies are placed. Waits: {NO_SOURCE}: /C/x-v1/RAW"
    # The next cycle finds what was placed, and does not place it again.
    made.replica(A, "T2_B", complete=False)
    proposals, *_ = served(made, wish(A, "/C/x-v1/RAW", sites=("T2_B",)))
    assert [proposal.dataset for proposal in proposals] == ["/C/x-v1/RAW"]


def test_a_full_site_makes_the_request_wait() -> None:
    assert FULL in answer(world().quota("T2_B", 3.0), wish(A, sites=("T2_B",))).reason


@pytest.mark.parametrize(
    ("patterns", "meant"),
    [(("*",), False), (("T1_*", "T2_B"), False), (("T1_A_MSS", "*"), True), (("T*_MSS", "T2_B"), True)],
)
def test_tape_is_filled_only_when_the_request_names_it(patterns: tuple[str, ...], meant: bool) -> None:
    made = world().site("T1_A_MSS", kind="MSS")
    got = answer(made, wish(A, sites=("T1_A_MSS", "T2_B"), patterns=patterns, copies=0))
    assert ((A, "T1_A_MSS") in got.actions) is meant
    alone = answer(made, wish(A, sites=("T1_A_MSS",), patterns=patterns))
    assert alone.verdict == ("activate" if meant else "reject")


def test_two_requests_for_the_same_share_the_copy_and_are_both_activated() -> None:
    _, decisions, answers = served(world(), wish(A), wish(A, number=2))
    assert [found.verdict for found in answers] == ["activate", "activate"]
    assert answers[0].actions == answers[1].actions
    assert decisions.copies.height == 4


def test_without_a_group_the_default_owns_it() -> None:
    _, decisions, _ = served(world(), wish(A, group=""), default_group="DataOps")
    assert set(decisions.copies["group"]) == {"DataOps"}


def test_a_dataset_asked_whole_and_in_blocks_is_whole() -> None:
    assert answer(world(), wish(f"{A}#b1", A, sites=("T2_B",))).actions == ((A, "T2_B"),)


def test_other_partitions_do_not_serve_requests() -> None:
    assert RequestsPlugin().load("RelVal", DealerSettings()) is None
