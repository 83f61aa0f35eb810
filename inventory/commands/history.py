"""``manage.py inventory history``: who changed what, when, by which run."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any, TextIO

import polars as pl

from inventory.history.changed import Wanted, records, rows
from inventory.history.past import Past, directory, settled
from inventory.history.shown import sentence
from inventory.history.times import moment
from inventory.progress import waiting
from inventory.schema import TABLES
from inventory.spreadsheets import written
from inventory.subcommands import count

HELP = (
    "Show who changed what, when and by which run, the newest first: records with how many rows they put and deleted; with a "
    "version, table or name each row, with old and new values. Names may be globs."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Options of the subcommand."""
    for kind in ("dataset", "site", "block", "lfn"):
        parser.add_argument(f"--{kind}", metavar="NAME", help=f"rows of this {kind}")
    parser.add_argument("--table", choices=tuple(TABLES), help="rows of this table")
    parser.add_argument("--version", type=int, dest="of_version", metavar="N", help="all rows of this record")
    parser.add_argument("--author", help="records of this author")
    parser.add_argument("--run", metavar="N", help="records of this run")
    parser.add_argument("--since", type=moment, metavar="TIME", help="records from this time on, as '2 days ago'")
    parser.add_argument("--until", type=moment, metavar="TIME", help="records up to this time")
    parser.add_argument("--limit", type=count, default=100, help="at most so many; 0: all (default: %(default)s)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a list of objects")
    form.add_argument("--csv", action="store_true", help="comma-separated values with a header")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Print what was found."""
    names = ("author", "run", "since", "until", "table", "dataset", "site", "block", "lfn")
    limit = options["limit"] or None
    wanted = Wanted(version=options["of_version"], limit=limit, **{name: options[name] for name in names})
    with waiting("reading the history"):
        found = settled(directory(), lambda archive: _found(Past.of(archive), wanted))
    if options["json"]:
        out.write(json.dumps(found, indent=2, default=str))
    elif options["csv"]:
        out.write(_csv(found).rstrip("\n"))
    else:
        out.write("\n".join(_told(entry) for entry in found) or "nothing was found")


def _found(past: Past, wanted: Wanted) -> list[dict[str, Any]]:
    if wanted.by_row:
        return rows(past, wanted)
    return [
        {"version": row["sequence"], **{name: row[name] for name in ("time", "author", "service", "run", "transaction")},
         "counts": json.loads(row["counts"])}
        for row in records(past, wanted).iter_rows(named=True)
    ]  # fmt: skip


def _told(entry: dict[str, Any]) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry["time"]))
    run = f" run {entry['run']}" if entry["run"] else ""
    who = f"{entry['version']:>8}  {when}  {entry['author']}  {entry['service'] or '-'}{run}"
    if "counts" in entry:
        return f"{who}  {_counts(entry['counts'])}"
    return f"{who}  {sentence(entry)}"


def _counts(counts: dict[str, dict[str, int]]) -> str:
    parts = []
    for table, changed in counts.items():
        numbers = [f"{sign}{changed[kind]}" for kind, sign in (("put", "+"), ("deleted", "-")) if changed[kind]]
        parts.append(f"{table} {' '.join(numbers)}")
    return ", ".join(parts) or "no rows"


def _csv(found: list[dict[str, Any]]) -> str:
    plain = [
        {name: json.dumps(value, default=str) if isinstance(value, dict) else value for name, value in entry.items()}
        for entry in found
    ]  # fmt: skip
    return written(pl.DataFrame(plain, infer_schema_length=None)) if plain else ""
