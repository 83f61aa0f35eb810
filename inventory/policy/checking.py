"""Checking whole files of any kind, for the command and for pages: what is wrong, what is probably not meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from inventory.partitions import Definition, definitions
from inventory.policy.errors import Mistake, PolicyError
from inventory.policy.lint.conditions import KnownNames
from inventory.policy.lint.findings import Finding
from inventory.policy.lint.policies import lint
from inventory.policy.lint.together import Partitions, lint_partitions, lint_together
from inventory.policy.model import ACTIONS, Policy
from inventory.policy.parser import MAX_TEXT, parse_partitions, parse_policy
from inventory.snapshot import Snapshot

_FIRST_LINE = re.compile(r"^[ \t]*(?!#)(\S[^\n]*)$", re.MULTILINE)
_STATEMENTS = {"Partition", "On", "When", "Until", "Order", "Algo", *ACTIONS}
_NOT_TEXT = "cannot be read: not UTF-8 text"
KINDS = ("policy", "partitions", "rules")


@dataclass(frozen=True)
class World:
    """What files are held against: the inventory's names and replicas, where they are known; ``now`` in UTC seconds."""

    now: int
    known: KnownNames = field(default_factory=KnownNames)
    snapshot: Snapshot | None = None
    definitions: Partitions | None = None


@dataclass(frozen=True)
class FileReport:
    """What a check found: ``kind`` is one of ``KINDS``; ``names`` the partitions that the file defines or rules.

    ``readable`` is False for a file that could not be opened.
    """

    file: str
    kind: str
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[Finding, ...] = ()
    names: tuple[str, ...] = ()
    text: str = ""
    policy: Policy | None = None
    partitions: dict[str, Definition] | None = None
    readable: bool = True

    @property
    def usable(self) -> bool:
        return not self.mistakes

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Mistakes (DL001) and what else was found, in order of place."""
        mistakes = [Finding("DL001", self.file, one.line, one.column, one.what) for one in self.mistakes]
        return tuple(sorted([*mistakes, *self.warnings], key=lambda one: (one.line, one.column, one.code)))

    def as_dict(self) -> dict[str, Any]:
        """For JSON; lines and columns count from 1."""
        return {
            "file": self.file, "kind": self.kind, "usable": self.usable, "names": list(self.names),
            "findings": [finding.as_dict() for finding in self.findings],
        }  # fmt: skip

    def __str__(self) -> str:
        verdict = "good" if self.usable else f"{len(self.mistakes)} mistake(s)"
        lines = [str(mistake) for mistake in self.mistakes] + [str(finding) for finding in self.warnings]
        return "\n".join([f"{self.file} ({self.kind}): {verdict}, {len(self.warnings)} finding(s)", *lines])


def check_files(paths: Sequence[Path], world: World) -> list[FileReport]:
    """Check the files, each for itself and then together: policies are held against the partitions file among them."""
    texts = [(path, *read_text(path)) for path in paths]
    reports = [_checked(path, text, why, world) for path, text, why in texts]
    return together(reports, world)


def together(reports: list[FileReport], world: World) -> list[FileReport]:
    """The reports with what is found only where files are seen together."""
    partitions = next((_partitions(one) for one in reports if one.partitions is not None), world.definitions)
    if partitions is None:
        return reports
    known = KnownNames(world.known.sites, world.known.groups, frozenset(partitions.definitions), world.known.datasets)
    again = [
        one if one.policy is None else _report(one.policy, one, lint(one.policy, known, world.now)) for one in reports
    ]
    policies = [one.policy for one in again if one.policy is not None]
    return _added(again, lint_together(policies, partitions, world.snapshot, world.now), partitions.file)


def _added(reports: list[FileReport], found: Iterable[Finding], rest: str) -> list[FileReport]:
    """Each finding with its file's report; those on what none of the files is with the first."""
    more: dict[str, list[Finding]] = {}
    files = {one.file for one in reports}
    for finding in found:
        more.setdefault(finding.file if finding.file in files else reports[0].file, []).append(finding)
    return [_with(one, more.get(one.file, [])) for one in reports]


def _with(report: FileReport, found: Iterable[Finding]) -> FileReport:
    return _replaced(report, warnings=(*report.warnings, *found))


def _replaced(report: FileReport, **changed: Any) -> FileReport:
    return FileReport(**{name: getattr(report, name) for name in report.__dataclass_fields__} | changed)


def _report(policy: Policy, report: FileReport, found: Iterable[Finding]) -> FileReport:
    return _replaced(report, warnings=tuple(found), policy=policy)


def read_text(path: Path) -> tuple[str, str]:
    """The file's text, or why it cannot be had."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_TEXT * 4).decode(), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    except ValueError as error:
        return "", _NOT_TEXT if isinstance(error, UnicodeDecodeError) else "cannot be read: no file has such a name"


def _checked(path: Path, text: str, why: str, world: World) -> FileReport:
    if why:
        mistake = Mistake(str(path), 1, 1, why)
        return FileReport(str(path), kind_of("", path.name), (mistake,), readable=why == _NOT_TEXT)
    return check_text(text, str(path), world)


def check_text(text: str, file: str, world: World | None = None) -> FileReport:
    """Check a text, taken for what it looks like; without ``world`` for mistakes only."""
    kind = kind_of(text, Path(file).name)
    if kind == "rules":
        find = import_string(settings.POLICY_RULE_MISTAKES)
        wrong = tuple(Mistake(file, 1, 1, what.removeprefix(f"{file}: ")) for what in find(text, file))
        return FileReport(file, kind, wrong, text=text)
    try:
        if kind == "partitions":
            given = parse_partitions(text, file)
            report = FileReport(file, kind, names=tuple(given), text=text, partitions=given)
            if world is None:
                return report
            return _with(report, lint_partitions(_partitions(report), world.known, world.snapshot, world.now))
        policy = parse_policy(text, file)
    except PolicyError as error:
        return FileReport(file, kind, error.mistakes, text=text)
    found = tuple(lint(policy, world.known, world.now)) if world else ()
    return FileReport(file, kind, warnings=found, names=(policy.partition,), text=text, policy=policy)


def _partitions(report: FileReport) -> Partitions:
    lines = {
        line.partition(":")[0].strip(): number
        for number, line in enumerate(report.text.split("\n"), start=1) if not line.lstrip().startswith("#")
    }  # fmt: skip
    return Partitions(report.partitions or {}, report.file, lines)


def kind_of(text: str, name: str) -> str:
    """JSON is "rules", a file called so or whose first line reads `Name: …` "partitions", all else "policy"."""
    if text.lstrip().startswith("{"):
        return "rules"
    first = _FIRST_LINE.search(text)
    if first is None:
        return "partitions" if name.startswith("partitions") else "policy"
    if first[1].split()[0] in _STATEMENTS:
        return "policy"
    return "partitions" if name.startswith("partitions") or re.match(r"[^:\[]+:", first[1]) else "policy"


def world_of(snapshot: Snapshot, now: int) -> World:
    """A version of the inventory as what files are held against. Raises PartitionError for definitions of no use."""
    sites, groups, partitions = (
        frozenset(snapshot.frame(table)["name"]) for table in ("sites", "groups", "partitions")
    )
    known = KnownNames(sites, groups, partitions, snapshot.frame("datasets")["name"])
    return World(now, known, snapshot, Partitions(definitions(snapshot)))
