"""Each rule of the comparison on frames of a few rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consistency.compare import compare
from consistency.settings import DAY, ConsistencySettings, SettingsError
from tests.consistency.makers import LFN, NOW, OLD, SETTINGS, evidence, knowledge, lfns, reasons, suspects

A, B = LFN("00/a.root"), LFN("00/b.root")
STRAY = "/store/mc/other/stray.root"
NOTHING = knowledge({})


def check(*args, settings=SETTINGS, **keywords):
    return compare(evidence(*args, **keywords), settings)


def test_what_agrees_is_neither_missing_nor_orphan():
    found = check({A: 5}, knowledge({A: 5}))
    assert found.missing.is_empty() and found.orphans.is_empty() and found.spared.is_empty()


def test_lost_file_is_missing_with_its_size_and_block():
    found = check({A: 5}, knowledge({A: 5, B: 7}))
    assert found.missing.select("base_name", "size", "block_id", "listed_size").rows() == [("b.root", 7, 1, None)]
    assert lfns(found.suspects) == {B}


@pytest.mark.parametrize("kept_at", ["start", "end"])
def test_file_that_the_inventory_had_only_at_one_end_of_the_listing_is_not_missing(kept_at):
    with_it, without = knowledge({A: 5, B: 7}), knowledge({A: 5})
    before, after = (with_it, without) if kept_at == "start" else (without, with_it)
    found = check({A: 5}, before, after)
    assert found.missing.is_empty() and found.suspects.is_empty()


@pytest.mark.parametrize("kept_at", ["start", "end"])
def test_file_that_the_inventory_had_at_one_end_of_the_listing_is_no_orphan(kept_at):
    with_it, without = knowledge({A: 5}), NOTHING
    before, after = (with_it, without) if kept_at == "start" else (without, with_it)
    found = check({A: 5}, before, after)
    assert found.orphans.is_empty() and found.missing.is_empty()


def test_stray_file_is_an_orphan():
    found = check({STRAY: 3}, NOTHING)
    assert found.orphans.select("base_name", "size", "dataset").rows() == [("stray.root", 3, None)]


def test_orphan_names_the_dataset_that_its_path_tells():
    assert check({A: 3}, NOTHING).orphans["dataset"].to_list() == ["/P/E-v1/T"]


def test_orphan_known_at_another_site_names_its_dataset():
    found = check({STRAY: 3}, NOTHING, catalogue={STRAY: (3, 2)})
    assert found.orphans["dataset"].to_list() == ["/Q/E-v1/T"]


def test_file_outside_the_listed_directories_is_not_judged():
    found = check({}, knowledge({"/store/user/a": 5, "/store/mcx/a": 5}))
    assert found.missing.is_empty() and found.suspects.is_empty() and found.spared.is_empty()


def test_nothing_under_an_unlisted_directory_is_missing():
    found = check({}, knowledge({A: 5, "/store/mc/E/P/T/v10/x": 5}), not_listed=["/store/mc/E/P/T/v1"])
    assert lfns(found.missing) == {"/store/mc/E/P/T/v10/x"}
    assert reasons(found.spared) == {A: "/store/mc/E/P/T/v1 could not be listed"}
    assert lfns(found.suspects) == {"/store/mc/E/P/T/v10/x"}


def test_nothing_under_an_unlisted_directory_is_an_orphan():
    found = check({STRAY: 5}, NOTHING, not_listed=["/store/mc/other"])
    assert found.orphans.is_empty()


@pytest.mark.parametrize("operation", ["copy", "delete"])
def test_file_in_an_open_operation_is_left_alone(operation):
    found = check({STRAY: 5}, knowledge({A: 5}, {A: operation, STRAY: operation}), knowledge({A: 5}))
    assert found.missing.is_empty() and found.orphans.is_empty() and found.suspects.is_empty()
    assert set(reasons(found.spared).values()) == {f"in an open {operation}"}


def test_operation_opened_during_the_listing_counts_too():
    found = check({}, knowledge({A: 5}), knowledge({A: 5}, {A: "delete"}))
    assert found.missing.is_empty()


def test_young_file_is_no_orphan():
    ages = replace(SETTINGS, ignore_age=2.0)
    files = {
        "/store/mc/x/new": (1, NOW - 2 * DAY + 1),
        "/store/mc/x/old": (1, NOW - 2 * DAY),
        "/store/mc/x/future": (1, NOW + DAY),
    }
    assert lfns(check(files, NOTHING, settings=ages).orphans) == {"/store/mc/x/old"}


def test_ignored_paths_are_neither_missing_nor_orphan():
    settings = replace(SETTINGS, ignore_patterns=("/SAM", "a.b"))
    found = check({"/store/mc/SAM/x": 1, "/store/mc/axb/x": 1}, knowledge({"/store/mc/SAM/y": 1}), settings=settings)
    assert found.missing.is_empty()
    assert lfns(found.orphans) == {"/store/mc/axb/x"}, "patterns are taken literally"


def test_protected_files_and_directories_are_no_orphans():
    files = {"/store/mc/p/q/x": 1, "/store/mc/pq/x": 1, "/store/mc/one": 1}
    found = check(files, knowledge({}, protected=["/store/mc/p"]), knowledge({}, protected=["/store/mc/one"]))
    assert lfns(found.orphans) == {"/store/mc/pq/x"}


def test_file_of_an_ignored_dataset_is_no_orphan():
    found = check({"/store/mc/E/R/T/v1/00/x": 1}, NOTHING)
    assert reasons(found.spared) == {"/store/mc/E/R/T/v1/00/x": "dataset /R/E-v1/T is IGNORED"}


def test_file_of_a_requested_dataset_is_no_orphan():
    for at_start in (True, False):
        ends = (knowledge({}, requested=["/P/E-v1/T"]), NOTHING)
        found = check({A: 1}, *(ends if at_start else reversed(ends)))
        assert found.orphans.is_empty()


def test_file_of_a_block_on_its_way_to_the_site_is_no_orphan():
    found = check({STRAY: 1}, knowledge({}, blocks=[2]), NOTHING, catalogue={STRAY: (1, 2)})
    assert reasons(found.spared) == {STRAY: "file of a block which has a replica at the site"}


@pytest.mark.parametrize(
    ("caution", "of_valid", "of_production"), [("always", False, False), ("producing", True, False), ("never", True, True)]
)  # fmt: skip
def test_unknown_files_of_datasets_with_files_at_the_site(caution, of_valid, of_production):
    valid, production = LFN("00/extra"), "/store/mc/E/Q/T/v1/00/extra"
    settings = replace(SETTINGS, orphans_of_datasets_at_site=caution)
    known = knowledge({A: 5, "/store/mc/E/Q/T/v1/00/a": (5, 2)})
    found = check({A: 5, "/store/mc/E/Q/T/v1/00/a": 5, valid: 1, production: 1}, known, settings=settings)
    assert (valid in lfns(found.orphans), production in lfns(found.orphans)) == (of_valid, of_production)


def test_without_a_pattern_the_neighbours_tell_the_dataset():
    settings = replace(SETTINGS, dataset_pattern="", orphans_of_datasets_at_site="always")
    found = check({A: 5, B: 5, STRAY: 1}, knowledge({A: 5}), settings=settings)
    assert lfns(found.orphans) == {STRAY}
    assert reasons(found.spared) == {B: "dataset /P/E-v1/T has files at the site"}


def test_wrong_size_is_missing_and_mismatched():
    found = check({A: 4}, knowledge({A: 5}))
    assert found.mismatched.select("size", "listed_size").rows() == [(5, 4)]
    assert lfns(found.missing) == {A}
    assert found.orphans.is_empty()


def test_young_file_of_wrong_size_is_still_being_written():
    found = check({A: (4, NOW - 10)}, knowledge({A: 5}))
    assert found.mismatched.is_empty() and found.suspects.is_empty()


def test_file_whose_size_changed_in_the_inventory_meanwhile_is_left_alone():
    found = check({A: 4}, knowledge({A: 5}), knowledge({A: 4}))
    assert found.missing.is_empty() and found.orphans.is_empty()


def test_two_strikes():
    settings = replace(SETTINGS, two_strikes=True)
    known = knowledge({A: 5, B: 7})
    first = check({B: 6}, known, settings=settings)
    assert first.missing.is_empty() and lfns(first.suspects) == {A, B}
    assert set(reasons(first.spared).values()) == {"was not missing in the previous listing"}
    second = check({B: 6}, known, settings=settings, previous=first.suspects)
    assert lfns(second.missing) == {A, B} and lfns(second.mismatched) == {B}
    other = check({}, known, settings=settings, previous=suspects(A))
    assert lfns(other.missing) == {A}


TREE = {
    "/store/mc": (OLD, 0, 2), "/store/mc/a": (OLD, 0, 2), "/store/mc/a/b": (OLD, 0, 0), "/store/mc/a/c": (OLD, 0, 0),
    "/store/mc/full": (OLD, 1, 1), "/store/mc/full/d": (OLD, 0, 0),
}  # fmt: skip


def empties(tree=None, known=None, files=None, settings=SETTINGS, **keywords):
    found = check(files or {"/store/mc/full/x": 1}, known or NOTHING, tree=tree or TREE, settings=settings, **keywords)
    return found.empty_directories["directory"].to_list(), reasons(found.spared)


def test_empty_directories_go_deepest_first():
    assert empties()[0] == ["/store/mc/a/b", "/store/mc/a/c", "/store/mc/full/d", "/store/mc/a"]


def test_configured_directory_stays_when_empty():
    assert empties({"/store/mc": (OLD, 0, 0)}, files={"/store/mc2/x": 1}) == ([], {
        "/store/mc": "a configured directory", "/store/mc2/x": "younger than the ignore age",
    }) or empties({"/store/mc": (OLD, 0, 0)})[0] == []  # fmt: skip


def test_young_directory_stays_and_so_does_the_one_above():
    gone, why = empties({**TREE, "/store/mc/a/b": (NOW, 0, 0)})
    assert gone == ["/store/mc/a/c", "/store/mc/full/d"]
    assert why["/store/mc/a/b"] == "younger than the minimum age"
    assert why["/store/mc/a"] == "holds a directory that stays"


def test_directory_with_an_unlisted_child_is_not_empty():
    tree = {**TREE, "/store/mc/a": (OLD, 0, 3)}
    assert "/store/mc/a" not in empties(tree, not_listed=["/store/mc/a/locked"])[0]
    assert "/store/mc/a" not in empties(tree)[0], "an ignored child is content as well"


def test_directory_of_an_expected_file_or_an_open_copy_stays():
    known = knowledge({"/store/mc/a/b/lost": 5}, {"/store/mc/a/c/new": "copy"})
    gone, why = empties(known=known)
    assert gone == ["/store/mc/full/d"]
    assert why["/store/mc/a/b"] == "the inventory has files there"
    assert why["/store/mc/a/c"] == "an open operation is there"


def test_protected_and_ignored_directories_stay():
    tree = {
        "/store/mc": (OLD, 0, 2),
        "/store/mc/SAM": (OLD, 0, 0),
        "/store/mc/a": (OLD, 0, 1),
        "/store/mc/a/b": (OLD, 0, 0),
    }
    assert empties(tree, known=knowledge({}, protected=["/store/mc/a"]))[0] == []


@pytest.mark.parametrize("directory", ["store/mc", "/store/mc/", "/store/../etc", "/", "", "/store//mc"])
def test_settings_refuse_what_is_not_a_directory(directory):
    with pytest.raises(SettingsError, match="directories"):
        ConsistencySettings(directories=(directory,))


@pytest.mark.parametrize(
    "values", [{"ignore_patterns": ("",)}, {"orphans_of_datasets_at_site": "x"}, {"timeout": 0}, {"ignore_age": -1}]
)
def test_settings_refuse_nonsense(values):
    with pytest.raises(SettingsError):
        ConsistencySettings(**values)
