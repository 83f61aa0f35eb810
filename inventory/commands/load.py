"""``manage.py inventory load PATH…``: whole inventories, injection documents and dataset attributes from files."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from inventory import client, turn
from inventory.changes import ChangeSet
from inventory.errors import InventoryError
from inventory.loading import Loaded, read_all
from inventory.locking import locks_read
from inventory.progress import waiting
from inventory.snapshot import Snapshot

HELP = (
    "Load inventories (a directory or archive of TSV tables, a directory of exported Parquet tables), injection documents (.json) "
    "and dataset attributes. Everything is checked first; each path is one change of the inventory."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="directory, .tgz or .json")
    parser.add_argument(
        "--partitions",
        type=Path,
        help="file of partition definitions for TSV tables (default: partitions.txt beside them)",
    )
    parser.add_argument(
        "--attributes", type=Path, help="CSV or Parquet file: dataset, usage_rank, num_access, last_access, demand_rank"
    )
    turn.add_arguments(parser)
    parser.add_argument("--check", action="store_true", help="only check, change nothing")
    parser.add_argument("--json", action="store_true", help="what was done as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Read, check, commit; tell what was done."""
    if not options["paths"] and options["attributes"] is None:
        raise InventoryError("nothing to load: give a PATH or --attributes FILE")
    if options["check"]:
        done = [_entry(one) for one in _read(options, client.snapshot(), lambda: ChangeSet("check", 0))]
    else:
        paths = [str(path) for path in (*options["paths"], options["attributes"]) if path is not None]
        with turn.taken("inventory load", options, paths=paths) as run:
            loaded = _read(options, run.snapshot(), run.changes)
            done = [_commit(run, one, loaded) for one in loaded]
    out.write(json.dumps(done, indent=2) if options["json"] else "\n".join(_told(entry) for entry in done))


def _read(options: dict[str, Any], snapshot: Snapshot, changes: Callable[[], ChangeSet]) -> list[Loaded]:
    given = (options["partitions"], options["attributes"], options["check"])
    with waiting("reading and checking"):
        return read_all(options["paths"], snapshot, changes, *given, _progress)


def _entry(one: Loaded) -> dict[str, Any]:
    return {
        "source": one.source,
        "rows": {table: frame.height for table, frame in one.changes.puts.items()},
        "version": None,
        "copies_wanted": 0 if one.copies is None else one.copies.height,
        "locks": 0 if one.locks is None else one.locks.height,
        "unknown_datasets": one.unknown,
    }


def _commit(run: turn.Turn, one: Loaded, loaded: list[Loaded]) -> dict[str, Any]:
    entry = _entry(one)
    if one.changes.is_empty():
        return entry
    _progress(f"committing {one.source}")
    try:
        with waiting(f"committing {one.source}"):
            entry["version"] = run.commit(one.changes).version
    except InventoryError:
        before = ", ".join(other.source for other in loaded[: loaded.index(one)]) or "nothing"
        _progress(f"{one.source} was not loaded; loaded before it: {before}")
        raise
    if one.locks is not None and one.locks.height:
        locks_read.send(sender=one.source, locks=one.locks, author=one.changes.author)
    return entry


def _told(entry: dict[str, Any]) -> str:
    rows = ", ".join(f"{number} {table}" for table, number in entry["rows"].items()) or "nothing"
    version = "not changed" if entry["version"] is None else f"version {entry['version']}"
    lines = [f"{entry['source']}: {rows}; {version}"]
    if entry["copies_wanted"]:
        lines.append(
            f"  {entry['copies_wanted']} files should be copied to other replicas: inject by the REST interface to have that done"
        )
    if entry["unknown_datasets"]:
        lines.append(f"  {entry['unknown_datasets']} datasets are not in the inventory and were passed over")
    if entry["locks"]:
        lines.append(f"  {entry['locks']} block replicas are locked")
    return "\n".join(lines)


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
