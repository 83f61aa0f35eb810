"""Checking whole files of any kind, for the command and for pages: what is wrong, what looks odd."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from inventory.policy.errors import Mistake, PolicyError
from inventory.policy.linter import KnownNames, LintWarning, lint, lint_condition
from inventory.policy.model import ACTIONS, Condition
from inventory.policy.parser import MAX_TEXT, parse_partitions, parse_policy
from inventory.snapshot import Snapshot

_FIRST_LINE = re.compile(r"^[ \t]*(?!#)(\S[^\n]*)$", re.MULTILINE)
_STATEMENTS = {"Partition", "On", "When", "Until", "Order", "Algo", *ACTIONS}


@dataclass(frozen=True)
class FileReport:
    """What a check found: ``kind`` is "policy", "partitions" or "rules" (enforcer rules in JSON); ``names`` the partitions that the file defines or rules."""

    file: str
    kind: str
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[LintWarning, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return not self.mistakes

    def as_dict(self) -> dict[str, Any]:
        """For JSON; lines and columns count from 1."""
        return {**asdict(self), "usable": self.usable}

    def __str__(self) -> str:
        verdict = "good" if self.usable else f"{len(self.mistakes)} mistake(s)"
        lines = [str(mistake) for mistake in self.mistakes]
        lines += [f"{self.file}:{warning.line}:{warning.column}: warning: {warning.what}" for warning in self.warnings]
        return "\n".join([f"{self.file} ({self.kind}): {verdict}, {len(self.warnings)} warning(s)", *lines])


def check_file(path: Path, known: KnownNames, now: int, kind: str = "") -> FileReport:
    """Check the file; one that cannot be read has that as its only mistake."""
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_TEXT * 4).decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        return FileReport(
            str(path), kind or kind_of("", path.name), (Mistake(str(path), 1, 1, f"cannot be read: {reason}"),)
        )
    return check_text(text, str(path), known, now, kind)


def check_text(text: str, file: str, known: KnownNames, now: int, kind: str = "") -> FileReport:
    """Check a text, taken for what it looks like unless ``kind`` says."""
    kind = kind or kind_of(text, Path(file).name)
    if kind == "rules":
        find = import_string(settings.POLICY_RULE_MISTAKES)
        return FileReport(
            file, kind, tuple(Mistake(file, 1, 1, what.removeprefix(f"{file}: ")) for what in find(text, file))
        )
    try:
        if kind == "partitions":
            partitions = parse_partitions(text, file)
            conditions = [part for part in partitions.values() if isinstance(part, Condition)]
            warnings = [warning for part in conditions for warning in lint_condition(part, known, now)]
            return FileReport(file, kind, warnings=tuple(warnings), names=tuple(partitions))
        policy = parse_policy(text, file)
    except PolicyError as error:
        return FileReport(file, kind, error.mistakes)
    return FileReport(file, kind, warnings=tuple(lint(policy, known, now)), names=(policy.partition,))


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


def known_names(snapshot: Snapshot) -> KnownNames:
    """The names of sites, groups and partitions that a version of the inventory has."""
    sites, groups, partitions = (
        frozenset(snapshot.frame(table)["name"]) for table in ("sites", "groups", "partitions")
    )
    return KnownNames(sites, groups, partitions)
