"""``policy check``: mistakes and findings of files, for people or programs. Needs no database and no server.

Status 0: nothing wrong; 1: a mistake or a finding that is an error (with --strict, or a warning); 2: it could not be checked.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from inventory.errors import InventoryError
from inventory.policy.checking import FileReport, World, check_files, world_of
from inventory.policy.exported import read_export
from inventory.policy.formats import FORMATS
from inventory.policy.lint.together import Partitions

HELP = (
    "Check policy files, partitions files and files of enforcer rules; nothing is run, and no server is needed. "
    "Status 1: something is wrong; 2: it could not be checked."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Files, what they are held against, and how it is told."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="policy, partitions or rules (JSON) files, recognised by content, or directories of them",
    )
    parser.add_argument("--partitions", metavar="FILE", help="partitions file that the policies are held against")
    held = parser.add_mutually_exclusive_group()
    held.add_argument(
        "--inventory", action="store_true",
        help="hold names, sites and replicas against the running inventory",
    )  # fmt: skip
    held.add_argument(
        "--export", metavar="DIR", type=Path, help="hold them against what `inventory export` wrote there"
    )
    held.add_argument(
        "--offline", action="store_true", help="look at the files only (as without --inventory and --export)"
    )
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument("--format", choices=FORMATS, default="text", help="how findings are told (default: text)")
    parser.add_argument("--json", action="store_true", help="print JSON: --format json")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Check all files, print what was found."""
    try:
        reports = check_files(files_of(options["files"]), _world(options))
    except (InventoryError, OSError) as error:
        raise CommandError(str(error), returncode=2) from error
    out.write(FORMATS["json" if options["json"] else options["format"]](reports))
    _end(reports, options["strict"])


def _end(reports: list[FileReport], strict: bool) -> None:
    bad = ("error", "warning") if strict else ("error",)
    wrong = sum(any(finding.severity in bad for finding in report.findings) for report in reports)
    if unread := [report.file for report in reports if not report.readable]:
        raise CommandError(f"{len(unread)} of {len(reports)} file(s) cannot be read", returncode=2)
    if unusable := sum(not report.usable for report in reports):
        raise CommandError(f"{unusable} of {len(reports)} file(s) cannot be used", returncode=1)
    if wrong:
        raise CommandError(f"{wrong} of {len(reports)} file(s) have findings to be corrected", returncode=1)


def files_of(names: list[str]) -> list[Path]:
    """The files, and those of directories among them. Raises CommandError for an empty directory."""
    paths: list[Path] = []
    for path in map(Path, names):
        inside = sorted(one for one in path.iterdir() if one.suffix in (".txt", ".json")) if path.is_dir() else [path]
        if not inside:
            raise CommandError(f"{path} has no .txt and no .json files", returncode=2)
        paths += inside
    return paths


def _world(options: dict[str, Any]) -> World:
    now = int(time.time())
    world = World(now)
    if options["inventory"]:
        from inventory import client

        world = world_of(client.snapshot(), now)
    elif options["export"]:
        world = world_of(read_export(options["export"]), now)
    if options["partitions"]:
        (report,) = check_files([Path(options["partitions"])], world)
        if report.partitions is None:
            raise CommandError(str(report), returncode=2)
        world = replace(world, definitions=Partitions(report.partitions, report.file))
    return world
