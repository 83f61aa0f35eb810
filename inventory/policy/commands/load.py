"""``policy load``: put the texts of files, or of a checkout, in force; all of them, or nothing."""

from __future__ import annotations

import difflib
import json
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from django.db import transaction

from inventory.policy import versions
from inventory.policy.checking import FileReport, World, check_files
from inventory.policy.commands.check import files_of
from inventory.policy.errors import PolicyError
from inventory.policy.revision import revision_of
from inventory.subcommands import login_name

HELP = (
    "Put policies and enforcer rules of FILES, or of all files of a directory, in force. Checks everything first, shows what "
    "changes, and changes nothing if one cannot be used. Partitions are checked only: `inventory partitions FILE` takes them."
)


@dataclass(frozen=True)
class _Change:
    path: Path
    report: FileReport
    before: str
    number: int


def add_arguments(parser: ArgumentParser) -> None:
    """Files, who does it, and whether it is only looked at."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="policy and rules files, or directories of them")
    parser.add_argument("--author", help="who the change is noted for (default: the login name)")
    parser.add_argument("--comment", default="", help="why")
    parser.add_argument("--dry-run", action="store_true", help="show what would change")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Check, show, save."""
    paths = files_of(options["files"])
    reports = check_files(paths, World(int(time.time())))
    if wrong := [report for report in reports if not report.usable]:
        out.write("\n".join(map(str, wrong)))
        raise CommandError(
            f"{len(wrong)} of {len(reports)} file(s) cannot be used; what was in force stays in force", returncode=1
        )
    changes = [change for path, report in zip(paths, reports, strict=True) if (change := _change(path, report))]
    saved = [] if options["dry_run"] else _saved(changes, options)
    if options["json"]:
        out.write(json.dumps([_told(change, saved) for change in changes], indent=2))
        return
    for change in changes:
        out.write(
            diff(change.before, change.report.text, f"{change.path.name} version {change.number}", str(change.path))
        )
    told = ", ".join(saved) or ("; this was a dry run" if changes else "nothing: all is in force already")
    out.write(f"{len(changes)} of {len(reports)} file(s) change; put in force: {told}")


def _change(path: Path, report: FileReport) -> _Change | None:
    versions.check_name(path.name)
    if report.kind == "partitions":
        return None
    try:
        current = versions.in_force(path.name)
    except (versions.PolicyUnknown, PolicyError):
        # A first one, or one that was retired: the whole text is new.
        return _Change(path, report, "", 0)
    recorded = current.number and not current.alarm
    return None if recorded and current.text == report.text else _Change(path, report, current.text, current.number)


@transaction.atomic
def _saved(changes: list[_Change], options: dict[str, Any]) -> list[str]:
    return [
        str(versions.save(
            one.path.name, one.report.text, options["author"] or login_name(), "load",
            origin=str(one.path.resolve()), revision=revision_of(one.path), comment=options["comment"],
        ))
        for one in changes
    ]  # fmt: skip


def _told(change: _Change, saved: list[str]) -> dict[str, Any]:
    findings = [finding.as_dict() for finding in change.report.findings]
    return {
        "name": change.path.name,
        "kind": change.report.kind,
        "replaced": change.number,
        "saved": bool(saved),
        "findings": findings,
    }


def diff(before: str, after: str, old: str, new: str) -> str:
    """A unified difference of two texts."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="")
    return "\n".join(lines)
