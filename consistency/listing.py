"""Lists what lies at a site: several directories at once, each with a time-out and retries.

What cannot be listed is noted as unlisted, so that nothing under it counts as missing or orphan.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import polars as pl

from consistency.compare import Listing
from consistency.frames import DIRECTORIES, LISTED, UNLISTED, contains_text
from consistency.settings import ConsistencySettings
from fileops.errors import StorageError
from fileops.storage import Entry
from fileops.storage.base import checked


class ListingFailed(RuntimeError):
    """The site as a whole does not answer; nothing may be concluded from what was seen."""


ListDirectory = Callable[[str], list[Entry]]
"""Entries of an LFN directory; raises :class:`StorageError`, with ENOENT where there is none."""

Progress = Callable[[str], None]
_RETRY_PAUSE = 0.2


@dataclass
class _Seen:
    files: list[tuple[str, str, int, int]] = field(default_factory=list)
    directories: list[tuple[str, int | None, int, int]] = field(default_factory=list)
    unlisted: list[tuple[str, str]] = field(default_factory=list)
    failures_in_a_row: int = 0


def list_site(list_directory: ListDirectory, settings: ConsistencySettings, progress: Progress) -> Listing:
    """Everything below ``settings.directories``; raises :class:`ListingFailed` when the site does not answer."""
    seen, started = _Seen(), int(time.time())
    mtimes: dict[str, int | None] = dict.fromkeys(settings.directories)
    waiting = list(settings.directories)
    with ThreadPoolExecutor(settings.threads, thread_name_prefix="list") as pool:
        running: dict[Future[list[Entry]], str] = {}
        try:
            while waiting or running:
                while waiting and len(running) < 2 * settings.threads:
                    directory = waiting.pop()
                    running[pool.submit(_listed, list_directory, directory, settings.retries)] = directory
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    directory = running.pop(future)
                    waiting += _note(directory, future, seen, mtimes, settings)
                    _tell(progress, seen)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if not seen.directories and seen.unlisted:
        raise ListingFailed(f"no directory could be listed; the first trouble: {seen.unlisted[0][1]}")
    return _frames(seen, started)


def _listed(list_directory: ListDirectory, directory: str, retries: int) -> list[Entry]:
    for attempt in range(retries):
        try:
            return list_directory(directory)
        except StorageError as error:
            if error.code == errno.ENOENT or attempt == retries - 1:
                raise
            time.sleep(_RETRY_PAUSE * 2**attempt)
    raise AssertionError("unreachable: retries is at least 1")


def _note(
    directory: str,
    future: Future[list[Entry]],
    seen: _Seen,
    mtimes: dict[str, int | None],
    settings: ConsistencySettings,
) -> list[str]:
    """Add the result for one directory to ``seen``; returns the directories to go on with."""
    try:
        entries = future.result()
    except StorageError as error:
        if error.code == errno.ENOENT and directory in settings.directories:
            return []  # a site need not have every configured directory
        seen.unlisted.append((directory, str(error)))
        if error.code == errno.ENOENT:
            return []  # vanished during the listing, which says nothing about the site
        seen.failures_in_a_row += 1
        if seen.failures_in_a_row >= settings.max_failures_in_a_row:
            raise ListingFailed(f"{seen.failures_in_a_row} directories in a row failed; the last: {error}") from error
        return []
    seen.failures_in_a_row = 0
    num_found = len(entries)
    entries = _nameable(directory, entries, seen)
    below = [entry for entry in entries if entry.kind == "directory"]
    files = [entry for entry in entries if entry.kind == "file"]
    seen.files += [(directory, entry.name, entry.size, entry.modified) for entry in files]
    seen.directories.append((directory, mtimes.get(directory), num_found - len(below), len(below)))
    following = []
    for entry in below:
        path = f"{directory}/{entry.name}"
        if not contains_text(path, settings.ignore_patterns):
            mtimes[path] = entry.modified
            following.append(path)
    return following


def _nameable(directory: str, entries: list[Entry], seen: _Seen) -> list[Entry]:
    """Those of ``entries`` whose names can be told and used; the others are noted as unlisted, and left to a person.

    A file's name has to be text; a directory's also has to be one that storages can be asked for.
    """
    usable = []
    for entry in entries:
        shown = f"{directory}/{entry.name}".encode("utf-8", "backslashreplace").decode()
        if shown != f"{directory}/{entry.name}":
            seen.unlisted.append((shown, "its name is not UTF-8: no LFN; rename or remove it at the site"))
            continue
        try:
            if entry.kind == "directory":
                checked(shown, "")
        except StorageError as error:
            seen.unlisted.append((shown, f"{error}; rename or remove it at the site"))
        else:
            usable.append(entry)
    return usable


def _tell(progress: Progress, seen: _Seen) -> None:
    if seen.directories and len(seen.directories) % 1000 == 0:
        progress(f"{len(seen.directories)} directories, {len(seen.files)} files, {len(seen.unlisted)} unlisted")


def _frames(seen: _Seen, started: int) -> Listing:
    return Listing(
        files=pl.DataFrame(seen.files, schema=LISTED, orient="row").unique(("directory", "base_name")).sort("directory", "base_name"),
        directories=pl.DataFrame(seen.directories, schema=DIRECTORIES, orient="row").sort("directory"),
        unlisted=pl.DataFrame(seen.unlisted, schema=UNLISTED, orient="row").sort("directory"),
        started=started,
    )  # fmt: skip
