"""``manage.py inventory path-rules FILE``: from logical to physical file names at sites."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from inventory import client, entering, paths
from inventory.changes import NAMED

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
    parser.add_argument("--author", help="who the change is noted for (default: the login name)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Replace, map or list."""
    if options["lfn"] is not None:
        pfn = paths.site_pfn(client.snapshot(), options["site"] or "", options["lfn"], options["protocol"])
        out.write(json.dumps({"pfn": pfn}) if options["json"] else pfn)
        return
    if options["file"] is not None:
        _replace(entering.rule_rows(entering.read_text(options["file"]), str(options["file"])), options["author"])
    rows = [row for row in _present().iter_rows(named=True) if options["site"] in (None, row["site"])]
    told = [" ".join(row[name] for name in _WORDS if row[name] is not None) for row in rows]
    out.write(json.dumps(rows, indent=2) if options["json"] else "\n".join(told) or "there are no path rules")


_WORDS = ("site", "protocol", "lfn_pattern", "pfn_template", "chain")


def _present() -> pl.DataFrame:
    """All rules by site name."""
    return (
        client.snapshot().named("path_rules").select(NAMED["path_rules"].names()).sort("site", "protocol", "position")
    ).collect()


def _replace(rules: pl.DataFrame, author: str | None) -> None:
    # Two changes in one: what a rule at the same position had is deleted first, or an old chain would stay.
    old = _present().join(rules, on=["site", "protocol"], how="semi")
    entered = entering.changes(author, "inventory path-rules").delete("path_rules", old).put("path_rules", rules)
    entering.commit(entered)
