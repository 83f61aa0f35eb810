"""Locks and the tracker against a plain evaluator, on random small inventories."""

from __future__ import annotations

import fnmatch
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.snapshot import Snapshot
from registry.errors import Refused
from registry.locks import covered
from registry.naming import expand_sites, matches, regex, unknown_items
from registry.tracker import ACTIONS, judged
from tests.registry.frames import table
from tests.registry.plain import PlainInventory

DATASETS, BLOCKS, SITES, GROUPS = ("/A", "/AB", "/B"), ("x", "y"), ("T1", "T2", "T2_A"), ("None", "g1", "g2")
NAME = st.sampled_from(DATASETS)
ITEMS = st.one_of(
    NAME,
    st.sampled_from(["/*", "/A*", "/?", "/[AB]", "/[!A]", "/Gone", "/A#gone"]),
    st.builds("{}#{}".format, NAME, st.sampled_from(BLOCKS)),
)
WHERE = st.sampled_from(["", "T1", "T2*", "T?", "T9*", "T9", "g1", "g*", "[Tg]*", "None"])


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    blocks = draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 1))))
    ids = {block: number for number, block in enumerate(sorted(blocks), start=10)}
    keys = draw(st.sets(st.tuples(st.sampled_from(sorted(ids)), st.integers(0, 2)))) if ids else set()
    replicas = [(block, site, draw(st.integers(0, 2)), draw(st.booleans())) for block, site in sorted(keys)]
    whole = {(block[0], site) for block, site, _, _ in replicas} | draw(
        st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    )
    return Snapshot.from_frames({
        "sites": table("sites", site_id=[0, 1, 2], name=list(SITES)),
        "groups": table("groups", group_id=[0, 1, 2], name=list(GROUPS)),
        "datasets": table("datasets", dataset_id=[0, 1, 2], name=list(DATASETS)),
        "blocks": table("blocks", dataset_id=[block[0] for block in ids], block_id=list(ids.values()),
                        name=[BLOCKS[block[1]] for block in ids]),
        "dataset_replicas": table("dataset_replicas", dataset_id=[key[0] for key in sorted(whole)],
                                  site_id=[key[1] for key in sorted(whole)]),
        "block_replicas": table("block_replicas", dataset_id=[row[0][0] for row in replicas],
                                block_id=[ids[row[0]] for row in replicas], site_id=[row[1] for row in replicas],
                                group_id=[row[2] for row in replicas], complete=[row[3] for row in replicas]),
    })  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(snapshots(), st.lists(st.tuples(ITEMS, WHERE, WHERE), max_size=5))
def test_locks_cover_what_a_plain_reading_says(snapshot: Snapshot, locks: list[tuple[str, str, str]]) -> None:
    assert set(covered(snapshot, locks).rows()) == PlainInventory(snapshot).covered(locks)


@settings(max_examples=80, deadline=None)
@given(
    snapshots(),
    st.lists(st.tuples(st.sampled_from(["copy", "deletion"]), ITEMS, st.sampled_from([*SITES, "T9"])), max_size=8),
)
def test_actions_end_when_a_plain_reading_says(snapshot: Snapshot, wanted: list[tuple[str, str, str]]) -> None:
    actions = pl.DataFrame([(number, *action) for number, action in enumerate(wanted)], ACTIONS, orient="row")
    plain = PlainInventory(snapshot)
    expected = {number: plain.ended(*action) for number, action in enumerate(wanted)}
    assert dict(judged(actions, snapshot).rows()) == {number: event for number, event in expected.items() if event}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab*?[]!-.^$(+\\&~|", max_size=8), st.text(alphabet="ab[]!-.^$(+\\&~|", max_size=6))
def test_every_text_is_a_pattern_that_matches_itself_or_as_a_glob(pattern: str, name: str) -> None:
    names = pl.DataFrame({"name": [name, pattern]})
    found = names.select(matches("name", [pattern]))["name"].to_list()
    assert found[1]
    assert found[0] == (name == pattern or re.fullmatch(regex(pattern), name, re.DOTALL) is not None)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab.", max_size=5))
def test_stars_and_question_marks_are_as_in_a_shell(pattern: str, name: str) -> None:
    [found] = pl.DataFrame({"name": [name]}).select(matches("name", [pattern]))["name"].to_list()
    assert found == fnmatch.fnmatchcase(name, pattern)


@settings(max_examples=50, deadline=None)
@given(snapshots(), st.lists(ITEMS, max_size=6))
def test_unknown_items_are_those_that_are_not_there(snapshot: Snapshot, items: list[str]) -> None:
    plain = PlainInventory(snapshot)
    known = plain.datasets | {f"{dataset}#{block}" for dataset, block in plain.blocks.values()}
    assert unknown_items(snapshot, items) == [item for item in items if item not in known]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["T1", "T2", "T2*", "T?", "*", "[T]2", "T9", "x*"]), max_size=4))
def test_sites_are_expanded_once_each_or_refused_by_name(patterns: list[str]) -> None:
    snapshot = Snapshot.from_frames({"sites": table("sites", site_id=[0, 1, 2], name=list(SITES))})
    strange = [pattern for pattern in patterns if not any(fnmatch.fnmatchcase(site, pattern) for site in SITES)]
    if strange:
        with pytest.raises(Refused) as refusal:
            expand_sites(snapshot, patterns)
        assert all(pattern in str(refusal.value) for pattern in strange)
        return
    found = expand_sites(snapshot, patterns)
    assert len(found) == len(set(found))
    assert set(found) == {site for site in SITES for pattern in patterns if fnmatch.fnmatchcase(site, pattern)}
