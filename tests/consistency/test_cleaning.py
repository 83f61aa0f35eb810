"""Which files of production's areas may go, and when nothing may."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from consistency.cleaning import CleaningRefused, Protection, areas, choose
from consistency.compare import Listing
from consistency.frames import DIRECTORIES, UNLISTED
from consistency.settings import DAY
from tests.consistency.makers import NOW, SETTINGS, listed

CLEAN = replace(
    SETTINGS, unmerged_directory="/store/unmerged", unmerged_age=14, log_directories=("/store/unmerged/logs", "/store/logs"),
    log_age=60, protected_lfns="somewhere",
)  # fmt: skip
KEPT = frozenset({"/store/unmerged/busy", "/store/unmerged/one.root"})


def cleaned(files, protection=None, settings=CLEAN):
    frames = (pl.DataFrame(schema=DIRECTORIES), pl.DataFrame(schema=UNLISTED))
    aged = {lfn: (1, NOW - days * DAY) for lfn, days in files.items()}
    listing = Listing(listed(aged), *frames, NOW)
    return choose(listing, protection or Protection(KEPT, KEPT), settings).rows()


def test_old_unprotected_files_go_and_young_or_protected_ones_stay():
    files = {
        "/store/unmerged/old/a": 15, "/store/unmerged/new/a": 13, "/store/unmerged/busy/x/a": 900,
        "/store/unmerged/busybody/a": 15, "/store/unmerged/one.root": 900,
    }  # fmt: skip
    assert cleaned(files) == [("/store/unmerged/busybody/a", 1, "unmerged"), ("/store/unmerged/old/a", 1, "unmerged")]


def test_logs_have_an_age_of_their_own():
    files = {"/store/unmerged/logs/a": 30, "/store/unmerged/logs/b": 61, "/store/logs/c": 61, "/store/logsx/d": 15}
    assert [row[0] for row in cleaned(files)] == ["/store/logs/c", "/store/logsx/d", "/store/unmerged/logs/b"]


def test_what_became_protected_during_the_listing_stays():
    protection = Protection(frozenset({"/store/unmerged/x"}), frozenset({"/store/unmerged/y"}))
    assert cleaned({"/store/unmerged/x/a": 99, "/store/unmerged/y/a": 99}, protection) == []


@pytest.mark.parametrize(
    ("protection", "reason"),
    [
        (Protection(frozenset(), frozenset()), "is empty"),
        (Protection(KEPT, frozenset()), "is empty"),
        (Protection(KEPT, KEPT, last_count=5), "at the last cleaning 5"),
    ],
)
def test_list_that_is_empty_or_suspiciously_short_stops_the_cleaning(protection, reason):
    with pytest.raises(CleaningRefused, match=reason):
        cleaned({"/store/unmerged/old/a": 15}, protection)


def test_too_many_files_stop_the_cleaning():
    with pytest.raises(CleaningRefused, match="max_cleaned"):
        cleaned({"/store/unmerged/old/a": 15, "/store/unmerged/old/b": 15}, settings=replace(CLEAN, max_cleaned=1))


def test_only_areas_are_listed_each_once():
    assert areas(CLEAN).directories == ("/store/unmerged", "/store/logs")
    assert areas(SETTINGS).directories == ()
