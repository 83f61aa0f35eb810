"""``policy check``: mistakes and warnings of files, for people or as JSON; status 1 when a file cannot be used."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from inventory.policy.checking import FileReport, check_file, known_names
from inventory.policy.linter import KnownNames

HELP = "Check policy files, partitions files and files of enforcer rules; nothing is run."


def add_arguments(parser: ArgumentParser) -> None:
    """Files, and what names in them are held against."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="policy, partitions or rules (JSON) files, recognised by content"
    )
    parser.add_argument("--partitions", metavar="FILE", help="partitions file: policies for others are warned about")
    parser.add_argument(
        "--inventory", action="store_true", help="warn about sites, groups and partitions that do not exist"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Check all files, print what was found."""
    known, now = _known(options), int(time.time())
    reports = [check_file(Path(name), known, now) for name in options["files"]]
    if options["json"]:
        out.write(json.dumps([report.as_dict() for report in reports], indent=2, ensure_ascii=False))
    else:
        for report in reports:
            out.write(str(report))
    wrong = sum(not report.usable for report in reports)
    if wrong:
        raise CommandError(f"{wrong} of {len(reports)} file(s) cannot be used", returncode=1)


def _known(options: dict[str, Any]) -> KnownNames:
    known = KnownNames()
    if options["inventory"]:
        from inventory import client

        known = known_names(client.snapshot())
    if options["partitions"]:
        known = _with_partitions(known, Path(options["partitions"]))
    return known


def _with_partitions(known: KnownNames, path: Path) -> KnownNames:
    report: FileReport = check_file(path, KnownNames(), 0, kind="partitions")
    if not report.usable:
        raise CommandError(str(report))
    return KnownNames(known.sites, known.groups, frozenset(report.names))
