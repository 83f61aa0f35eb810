"""``manage.py inventory path-rules FILE``: from logical to physical file names at sites."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from inventory import client, entering, paths, turn
from inventory.changes import NAMED
from inventory.snapshot import Snapshot

HELP = (
    "Give sites the path rules of FILE, in its order: lines SITE PROTOCOL PATTERN TEMPLATE [CHAIN]. They replace all rules "
    "that these sites have for these protocols. Without FILE, list the rules; --lfn shows what one name becomes."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
    parser.add_argument("--site", help="list, or show --lfn, at this site")
    parser.add_argument("--lfn", help="show the physical name of this logical one at --site")
    parser.add_argument("--protocol", default="", help="with --lfn; without rules for it: backend + LFN")
    turn.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Replace, map or list."""
    if options["lfn"] is not None:
        pfn = paths.site_pfn(client.snapshot(), options["site"] or "", options["lfn"], options["protocol"])
        out.write(json.dumps({"pfn": pfn}) if options["json"] else pfn)
        return
    if options["file"] is not None:
        rules = entering.rule_rows(entering.read_text(options["file"]), str(options["file"]))
        with turn.taken("inventory path-rules", options, file=str(options["file"])) as run:
            _replace(run, rules)
    rows = [row for row in _present(client.snapshot()).iter_rows(named=True) if options["site"] in (None, row["site"])]
    told = [" ".join(row[name] for name in _WORDS if row[name] is not None) for row in rows]
    out.write(json.dumps(rows, indent=2) if options["json"] else "\n".join(told) or "there are no path rules")


_WORDS = ("site", "protocol", "lfn_pattern", "pfn_template", "chain")


def _present(snapshot: Snapshot) -> pl.DataFrame:
    """All rules by site name."""
    return (
        snapshot.named("path_rules").select(NAMED["path_rules"].names()).sort("site", "protocol", "position")
    ).collect()


def _replace(run: turn.Turn, rules: pl.DataFrame) -> None:
    # Two changes in one: what a rule at the same position had is deleted first, or an old chain would stay.
    old = _present(run.snapshot()).join(rules, on=["site", "protocol"], how="semi")
    entered = run.changes().delete("path_rules", old).put("path_rules", rules)
    if not entered.is_empty():
        run.commit(entered)
