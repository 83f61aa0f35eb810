"""The engine in the situations operators know: full sites, last copies, tapes, owners, morgues, limits."""

from __future__ import annotations

import polars as pl
import pytest

from inventory.errors import InventoryError
from inventory.policy.facts import Facts
from inventory.policy.variables import VARIABLES, Variable
from inventory.snapshot import Snapshot
from tests.detox.tables import NOW, inventory, listed, run, sites

TWO = sites(T2_A=("READY", 100), T2_B=("READY", 100))


def test_a_full_site_is_emptied_down_to_until_in_order_and_never_again() -> None:
    store = inventory(sites(T2_A=("READY", 100)), "a T2_A 1:30\nb T2_A 1:30\nc T2_A 1:30\nd T2_A 1:5")
    done = run(
        store, "When site.occupancy > 0.9\nUntil site.occupancy < 0.5\nDismiss\nOrder decreasing dataset.usage_rank"
    )
    assert listed(done, "deleted") == ["T2_A b 0 1", "T2_A c 0 1", "T2_A d 0 1"]
    assert done.sites["occupied_after"].to_list() == [30]
    assert "matches Until" in done.sites["reason"][0]


def test_a_pass_takes_little_more_than_its_share_of_the_quota() -> None:
    store = inventory(sites(T2_A=("READY", 100)), "\n".join(f"d{number:02} T2_A 1:4" for number in range(25)))
    assert run(store, "Until site.occupancy < 0.5\nDismiss", share=0.1).passes == 5
    assert run(store, "Until site.occupancy < 0.5\nDismiss", share=1.0).passes == 1
    unlimited = inventory(sites(T2_A=("READY", -1)), "\n".join(f"d{number:02} T2_A 1:4" for number in range(25)))
    assert run(unlimited, "Dismiss").passes == 1


def test_two_copies_that_see_each_other_as_one_more_never_both_go() -> None:
    store = inventory(TWO, "a T2_A 1:10 2:10\na T2_B 1:10 2:10\nb T2_A 1:7\nb T2_B 1:7")
    for policy in (
        "Delete replica.num_full_other_copy_common_owner > 0\nProtect",
        "Dismiss replica.num_full_other_copy_common_owner > 0\nProtect",
        "Dismiss dataset.num_full_disk_copy > 1\nProtect\nAlgo Static",
    ):
        done = run(store, policy)
        assert len(listed(done, "deleted")) == 2
        assert len(listed(done, "protected")) == 2
        assert {row.split()[1] for row in listed(done, "deleted")} == {"a", "b"}


def test_delete_goes_by_order_then_by_site_name() -> None:
    store = inventory(TWO, "a T2_B 1:10\na T2_A 1:10\nb T2_A 1:3\nb T2_B 1:9")
    done = run(store, "When never\nDelete replica.num_full_other_copy_common_owner > 0\nDismiss")
    assert listed(done, "deleted") == ["T2_A a 1 1", "T2_A b 1 1"]
    ordered = run(
        store, "When never\nDelete replica.num_full_other_copy_common_owner > 0\nDismiss\nOrder decreasing replica.size"
    )
    assert listed(ordered, "deleted") == ["T2_A a 1 1", "T2_B b 1 1"]


def test_equal_candidates_go_larger_first_then_by_name() -> None:
    store = inventory(sites(T2_A=("READY", 100)), "c T2_A 1:10\nb T2_A 1:10\na T2_A 1:10\nd T2_A 1:20")
    done = run(store, "Until site.occupancy < 0.25\nDismiss")
    assert listed(done, "deleted") == ["T2_A a 0 1", "T2_A d 0 1"]
    assert done.blocks.filter(pl.col("decision") == "deleted").sort("moment")["size"].to_list() == [20, 10]


def test_the_site_with_most_protected_goes_first() -> None:
    store = inventory(TWO, "x T2_A 1:20\nx T2_B 1:20\nkeep1 T2_B 1:40\nkeep2 T2_A 1:10")
    done = run(store, "Protect dataset.name == keep*\nDismiss dataset.num_full_copy > 1\nProtect")
    assert listed(done, "deleted") == ["T2_B x 2 1"]


def test_a_site_without_positive_quota_counts_as_all_protected() -> None:
    store = inventory(sites(T2_A=("READY", 100), T2_B=("READY", 0)), "x T2_A 1:20\nx T2_B 1:20\nkeep T2_A 1:60")
    done = run(store, "Protect dataset.name == keep\nDismiss dataset.num_full_copy > 1\nProtect")
    assert listed(done, "deleted") == ["T2_B x 2 1"]
    quota = run(store, "When site.occupancy > 1e9\nDismiss")
    assert {row.split()[0] for row in listed(quota, "deleted")} == {"T2_B"}


def test_a_morgue_is_emptied_though_it_is_not_full() -> None:
    store = inventory(sites(T2_A=("MORGUE", 100), T2_B=("READY", 100)), "a T2_A 1:5\nb T2_B 1:5")
    done = run(store, "When site.status == MORGUE\nUntil site.status != MORGUE and site.occupancy < 0.85\nDismiss")
    assert listed(done, "deleted") == ["T2_A a 0 1"]
    reasons = dict(done.sites.select("site", "reason").rows())
    assert "no candidate is left" in reasons["T2_A"]
    assert "not triggered" in reasons["T2_B"]


def test_block_lines_split_a_replica_and_the_rest_goes_on() -> None:
    store = inventory(TWO, "a T2_A 1:1@Ops 2:2 3:3")
    done = run(store, "When never\nProtectBlock blockreplica.owner == Ops\nDismiss replica.size > 4\nProtect")
    assert listed(done, "protected") == ["T2_A a 1 1"]
    assert listed(done, "kept") == ["T2_A a 2 2"]


def test_a_block_line_that_matches_all_decides_for_the_replica() -> None:
    store = inventory(TWO, "a T2_A 1:1 2:2")
    done = run(store, "DismissBlock blockreplica.owner == Ana\nProtect")
    assert listed(done, "deleted") == ["T2_A a 1 2"]
    assert done.blocks["whole"].all()


def test_block_variables_hold_for_a_replica_if_they_hold_for_any_block() -> None:
    store = inventory(TWO, "a T2_A 1:1@Ops 2:2")
    both = "Protect blockreplica.owner == Ops and blockreplica.owner != Ops\nDismiss"
    assert listed(run(store, both), "protected") == ["T2_A a 1 2"]
    split = "ProtectBlock blockreplica.owner == Ops and blockreplica.owner != Ops\nDismiss"
    assert listed(run(store, split), "protected") == []


def test_part_of_a_replica_changes_hands_instead_of_going() -> None:
    store = inventory(TWO, "a T2_A 1:1@Ops 2:2\nb T2_A 1:1@Ops 2:2@Ops\nc T2_A 1:1@Ops")
    done = run(store, "When never\nDeleteBlock blockreplica.owner == Ops\nDismiss")
    assert listed(done, "deleted") == ["T2_A b 1 2", "T2_A c 1 1"]
    assert done.summary()["reowned"] == [["T2_A", "a", 1]]
    assert listed(done, "kept") == ["T2_A a 0 2"]


def test_a_block_that_changed_hands_keeps_its_new_owner_for_the_lines_after_it() -> None:
    store = inventory(sites(T2_A=("READY", 100)), "a T2_A 1:1 2:2@Ops 3:4@None")
    lines = (
        "Until always\nDismissBlock blockreplica.owner in [Ana Ops]\nDismissBlock blockreplica.owner == None\nProtect"
    )
    done = run(store, lines)
    assert listed(done, "deleted") == ["T2_A a 1 1"]
    assert done.summary()["reowned"] == [["T2_A", "a", 2]]


def test_what_changes_hands_leaves_a_partition_that_does_not_hold_it_any_more() -> None:
    store = inventory(TWO, "a T2_A 1:1@Ops 2:2@Ops 3:3@Val")
    done = run(store, "When never\nPartition Ops\nDeleteBlock blockreplica.owner == Ops\nDismiss")
    assert listed(done, "deleted") == ["T2_A a 1 2"]
    assert not done.blocks["whole"].any()
    assert done.summary()["reowned"] == []


def test_counts_are_made_inside_the_image_only() -> None:
    store = inventory(sites(T1_MSS=("READY", -1), T2_A=("READY", 100), T2_B=("READY", 100)),
                      "a T1_MSS 1:5\na T2_A 1:5\na T2_B 1:5")  # fmt: skip
    policy = "On site.name == T2_A\nProtect dataset.num_full_copy == 1 and dataset.on_tape == NONE\nDismiss"
    assert listed(run(store, policy), "protected") == ["T2_A a 1 1"]
    wider = policy.replace("T2_A", "*").replace("== 1", "== 3").replace("NONE", "FULL")
    assert len(listed(run(store, wider), "protected")) == 3


def test_an_empty_tape_replica_never_looks_like_a_copy() -> None:
    store = inventory(sites(T1_MSS=("READY", -1), T2_A=("READY", 100)), "a T1_MSS\na T2_A 1:5 2:0")
    done = run(store, "Ignore site.storage_type == MSS\nProtect dataset.on_tape == PARTIAL\nDismiss")
    assert listed(done, "protected") == ["T2_A a 2 2"]
    gone = run(store, "Delete site.storage_type == MSS\nProtect")
    assert listed(gone, "deleted") == ["T1_MSS a 1 2"]
    assert gone.blocks.filter(pl.col("decision") == "deleted")["whole"].all()


def test_ignored_replicas_count_but_are_in_no_list() -> None:
    store = inventory(TWO, "a T2_A 1:5\na T2_B 1:5")
    done = run(store, "Ignore site.name == T2_B\nProtect dataset.num_full_copy < 2\nDismiss")
    assert listed(done, "deleted") == ["T2_A a 0 1"]
    assert done.replicas["site"].to_list() == ["T2_A"]


def test_incomplete_copies_are_no_full_copies_and_sources_are_kept() -> None:
    store = inventory(TWO, "a T2_A 1:9/3\na T2_B 1:9")
    assert listed(run(store, "Protect replica.incomplete\nDismiss"), "protected") == ["T2_A a 1 1"]
    source = run(store, "ProtectBlock blockreplica.is_last_transfer_source\nDismiss")
    assert (listed(source, "protected"), listed(source, "deleted")) == (["T2_B a 1 1"], ["T2_A a 0 1"])


def test_locks_protect_just_the_blocks_they_cover() -> None:
    store = inventory(TWO, "a T2_A 1:5 2:5")
    lock = store.frame("block_replicas").head(1).select("dataset_id", "block_id", "site_id")
    done = run(store, "ProtectBlock blockreplica.is_locked\nDismiss", Facts.with_locks(lock))
    assert (listed(done, "protected"), listed(done, "deleted")) == (["T2_A a 1 1"], ["T2_A a 0 1"])
    assert not done.blocks["whole"].any()


@pytest.mark.parametrize(
    ("bound", "kept"),
    [("until 2023-11-01", False), ("until 2024-01-01", True), ("from 2023-11-01", True), ("from 2024-01-01", False)],
)
def test_conditions_hold_within_their_dates_only(bound: str, kept: bool) -> None:
    store = inventory(TWO, "a T2_A 1:5")
    assert bool(listed(run(store, f"Protect site.name == T2_A {bound}\nDismiss"), "protected")) is kept


def test_an_until_that_never_holds_ends_when_nothing_is_left() -> None:
    store = inventory(sites(T2_A=("READY", 0)), "a T2_A 1:5 2:0\nb T2_A 1:0")
    done = run(store, "Dismiss")
    assert len(listed(done, "deleted")) == 2
    assert "Until can never end the trigger" in done.sites["reason"][0]


def test_every_target_site_has_a_reason_in_words() -> None:
    places = sites(T2_A=("READY", 100), T2_B=("READY", 100), T2_C=("READY", 0), T2_D=("READY", -1))
    done = run(inventory(places, "a T2_A 1:95\nb T2_B 1:20\n!c T2_D 1:5"),
               "When site.occupancy > 0.9\nUntil site.occupancy < 0.8\nDelete dataset.status == INVALID\nProtect")  # fmt: skip
    reasons = dict(done.sites.select("site", "reason").rows())
    assert "no candidate is left" in reasons["T2_A"]
    assert "95.0% of the quota" in reasons["T2_A"]
    assert reasons["T2_B"].startswith("not triggered: occupancy 0.200 matches no When line (site.occupancy > 0.9)")
    assert "nothing of the partition here" in reasons["T2_C"]
    assert "delete at once" in reasons["T2_D"]


def test_nothing_at_all_is_decided_on_nothing() -> None:
    empty = Snapshot.from_frames({})
    frames = {name: inventory(TWO, "").frame(name) for name in ("sites", "partitions", "quotas", "groups")}
    for store in (empty, Snapshot.from_frames(frames)):
        done = run(store, "Protect dataset.on_tape == FULL and blockreplica.is_locked\nDismiss")
        assert all(not done.summary()[name] for name in ("deleted", "kept", "protected", "reowned"))


def test_an_unknown_partition_is_told_with_the_nearest() -> None:
    with pytest.raises(InventoryError, match=r"no partition 'Al'.*All"):
        run(inventory(TWO, ""), "Partition Al\nDismiss")


def test_the_rank_is_computed_from_use_where_none_is_given() -> None:
    store = inventory(TWO, "a T2_A 1:2000000000\nb T2_A 1:2000000000")
    datasets = store.frame("datasets").with_columns(
        usage_rank=pl.lit(None, pl.Float64), num_access=pl.Series([4, 0]), last_access=pl.Series([NOW - 86_400, 0])
    )
    frames = {
        name: store.frame(name) for name in ("sites", "partitions", "quotas", "groups", "blocks", "block_replicas")
    }
    ranked = Snapshot.from_frames(frames | {"datasets": datasets})
    # a: one day since its access less 4 accesses / 2 GB; b: two days since its update
    assert listed(
        run(ranked, "Protect dataset.usage_rank < -0.99\nProtect dataset.usage_rank > 1.99\nDismiss"), "protected"
    ) == [
        "T2_A a 1 1",
        "T2_A b 2 1",
    ]


def test_a_variable_of_an_installation_works_without_more(monkeypatch: pytest.MonkeyPatch) -> None:
    length = Variable("dataset.name_length", "number", "dataset", "letters of its name", pl.col("name").str.len_chars())
    spread = Variable(
        "dataset.copies_off_tape", "number", "dataset", "full ones not on tape",
        pl.col("count_full_ready") - pl.col("count_full_mss"), volatile=True, contexts=("replica",),
    )  # fmt: skip
    for variable in (length, spread):
        monkeypatch.setitem(VARIABLES, variable.name, variable)
    store = inventory(TWO, "a T2_A 1:1\nbb T2_A 1:1\na T2_B 1:1")
    policy = "Protect dataset.name_length > 1\nDismiss dataset.copies_off_tape > 1\nProtect\nOrder decreasing dataset.name_length"
    done = run(store, policy)
    assert listed(done, "deleted") == ["T2_A a 2 1"]
    assert listed(done, "protected") == ["T2_A bb 1 1", "T2_B a 0 1"]
