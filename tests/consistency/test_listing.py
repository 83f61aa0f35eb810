"""Listing a real directory tree, with trouble in some of its directories."""

from __future__ import annotations

import errno
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from consistency.listing import ListingFailed, list_site
from fileops.errors import StorageError
from fileops.storage import Entry
from fileops.storage.local import LocalStorage
from tests.consistency.makers import SETTINGS, lfns

QUICK = replace(SETTINGS, retries=2, threads=4, max_failures_in_a_row=3)


class Disk:
    """Lists below ``root``; directories in ``broken`` fail that many times."""

    def __init__(self, root: Path) -> None:
        self.storage = LocalStorage("T2_TEST", root, lambda lfn: lfn.lstrip("/"))
        self.broken, self.calls, self.lock = {}, [], threading.Lock()

    def __call__(self, directory: str) -> list[Entry]:
        with self.lock:
            self.calls.append(directory)
            if self.broken.get(directory, 0) > 0:
                self.broken[directory] -= 1
                raise StorageError(errno.ETIMEDOUT, f"{directory} timed out", "T2_TEST")
        return self.storage.list(directory)


@pytest.fixture
def disk(tmp_path):
    for name, size in {
        "store/mc/a/1.root": 3,
        "store/mc/a/2.root": 4,
        "store/mc/b/c/3.root": 5,
        "store/data/4": 1,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    (tmp_path / "store/mc/empty").mkdir()
    return Disk(tmp_path)


def silent(text):
    assert text


def test_lists_every_file_below_the_configured_directories(disk):
    listing = list_site(disk, QUICK, silent)
    assert lfns(listing.files) == {"/store/mc/a/1.root", "/store/mc/a/2.root", "/store/mc/b/c/3.root"}
    assert dict(listing.files.select("base_name", "size").rows()) == {"1.root": 3, "2.root": 4, "3.root": 5}
    counted = {row[0]: row[2:] for row in listing.directories.rows()}
    assert counted["/store/mc"] == (0, 3) and counted["/store/mc/a"] == (2, 0) and counted["/store/mc/empty"] == (0, 0)
    assert abs(listing.started - time.time()) < 5 and listing.unlisted.is_empty()


def test_directory_that_fails_once_is_tried_again(disk):
    disk.broken["/store/mc/a"] = 1
    listing = list_site(disk, QUICK, silent)
    assert listing.files.height == 3 and listing.unlisted.is_empty()


def test_directory_that_keeps_failing_is_unlisted_and_the_rest_goes_on(disk):
    disk.broken["/store/mc/a"] = 99
    listing = list_site(disk, QUICK, silent)
    assert lfns(listing.files) == {"/store/mc/b/c/3.root"}
    [(directory, reason)] = listing.unlisted.rows()
    assert directory == "/store/mc/a" and "ETIMEDOUT" in reason


def test_site_that_does_not_answer_fails_as_a_whole(disk):
    disk.broken["/store/mc"] = 99
    with pytest.raises(ListingFailed, match="timed out"):
        list_site(disk, QUICK, silent)


def test_too_many_failures_in_a_row_fail_the_listing(disk):
    for name in ("a", "b", "empty"):
        disk.broken[f"/store/mc/{name}"] = 99
    with pytest.raises(ListingFailed, match="3 directories in a row"):
        list_site(disk, QUICK, silent)


def test_configured_directory_that_is_not_there_is_empty(disk):
    listing = list_site(disk, replace(QUICK, directories=("/store/mc", "/store/nothing")), silent)
    assert listing.files.height == 3 and listing.unlisted.is_empty()


def test_ignored_directories_are_not_even_listed(disk):
    list_site(disk, replace(QUICK, ignore_patterns=("/store/mc/b",)), silent)
    assert "/store/mc/b" not in disk.calls and "/store/mc/a" in disk.calls


def test_names_that_no_lfn_has_are_told_and_hide_nothing_else(disk):
    root = bytes(disk.storage.root)
    for name in (b"\xff\xfe.root", b"line\nbreak.root", "\u00fc.root".encode(), b"quo'te\".root"):
        Path(os.fsdecode(root + b"/store/mc/a/" + name)).write_bytes(b"odd")
    odd = [Path(os.fsdecode(root + b"/store/mc/" + name)) for name in (b"\x80dir", b"new\nline", b"what?", b"100%")]
    for directory in odd:
        directory.mkdir()
        (directory / "inside").write_bytes(b"unseen")
    (disk.storage.root / "store/mc/outside").symlink_to("/etc")
    listing = list_site(disk, QUICK, silent)
    assert {"/store/mc/a/1.root", "/store/mc/b/c/3.root", "/store/mc/a/\u00fc.root"} <= lfns(listing.files)
    assert not any("inside" in lfn or "passwd" in lfn for lfn in lfns(listing.files))
    told = dict(listing.unlisted.rows())
    assert "not UTF-8" in told["/store/mc/a/\\udcff\\udcfe.root"] and "not UTF-8" in told["/store/mc/\\udc80dir"]
    assert all("no LFN has" in told[f"/store/mc/{name}"] for name in ("new\nline", "what?", "100%"))
    counted = dict(listing.directories.select("directory", "num_files").rows())
    assert counted["/store/mc/a"] == 6, "a directory with an odd file is not empty"
