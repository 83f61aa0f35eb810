"""Findings, and the one table of their codes: severity, what it is about, what to do. The documentation is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Code:
    """``severity``: an error cannot be meant or stops a cycle; a warning is most likely a mistake; a note is worth knowing."""

    severity: str
    title: str
    advice: str


CODES: dict[str, Code] = {
    "DL001": Code("error", "cannot be read", "correct the text; until then the last good one stays in force"),
    "DL101": Code("warning", "a line never matches: earlier lines take all that it would", "remove it, or move it up"),
    "DL102": Code("warning", "the predicates of a line contradict each other", "correct or remove one of them"),
    "DL103": Code("warning", "a line speaks of sites that no `On` chooses", "add the sites to `On`, or remove the line"),
    "DL104": Code("warning", "a line stands after the default, which still comes last", "put the default at the end"),
    "DL105": Code("note", "a predicate always holds", "remove it"),
    "DL106": Code("warning", "a glob where a regular expression is read, or the other way round", "`==` and `in` take globs, `=~` regular expressions"),
    "DL107": Code("warning", "a name with blanks where names have none", "in lists, names are separated by blanks; else two lines"),
    "DL108": Code("warning", "a fraction compared with `==` or `!=`", "use `<` or `>`"),
    "DL109": Code("warning", "an empty list", "give the list items, or remove the predicate"),
    "DL110": Code("note", "the policy is too long for all lines to be looked at", "split it"),
    "DL201": Code("warning", "an `until` that is past", "remove the line, or give it a new date"),
    "DL202": Code("note", "a `from` that lies ahead: not in force yet", "nothing, if that is meant"),
    "DL203": Code("warning", "an `until` or `from` that moves along with the present", "give a date"),
    "DL204": Code("warning", "an `until` before its `from`: never in force", "correct the dates"),
    "DL301": Code("warning", "no site of that name, or none that matches", "correct the name, or remove it"),
    "DL302": Code("warning", "no group of that name, or none that matches", "correct the name, or remove it"),
    "DL303": Code("error", "no partition of that name", "correct the name, or define the partition"),
    "DL304": Code("note", "no dataset of the inventory matches", "nothing, if they are to come; else remove it"),
    "DL401": Code("warning", "`Algo Static` in a policy that counts copies", "leave out `Algo Static`, or do not count copies"),
    "DL402": Code("warning", "the default deletes whatever no line speaks of, trigger or not", "use `Dismiss` as the default"),
    "DL403": Code("warning", "a site can match `When` and `Until` at once: triggered and stopped", "let `Until` begin where `When` ends, or below"),
    "DL404": Code("note", "a key of `Order` has no effect", "remove it, or write `Order none`"),
    "DL405": Code("note", "nothing is ever dismissed", "give it a `When` that can hold, or protect by the default"),
    "DL406": Code("warning", "an `On`, `When` or `Until` that adds nothing", "remove it"),
    "DL501": Code("warning", "sites with a quota or replicas of a partition that no policy for it chooses", "add them to `On`, or take the quota away"),
    "DL502": Code("note", "partitions that overlap: a block replica in both counts in both", "narrow one, if that is not meant"),
    "DL503": Code("warning", "policies for partitions that overlap: both delete there", "narrow one of the partitions"),
    "DL504": Code("warning", "several policies for one partition", "keep one"),
    "DL505": Code("warning", "a union of partitions that overlap: their quotas are added, their replicas counted once", "leave one out of the union"),
    "DL506": Code("note", "a partition with quotas that no policy rules", "write a policy, if it should be kept below its quota"),
}  # fmt: skip
"""All codes; a code keeps its meaning for ever."""


@dataclass(frozen=True)
class Finding:
    """One finding with its place (line and column from 1)."""

    code: str
    file: str
    line: int
    column: int
    what: str

    @property
    def severity(self) -> str:
        """One of ``SEVERITIES``."""
        return CODES[self.code].severity

    @property
    def advice(self) -> str:
        """What to do about it."""
        return CODES[self.code].advice

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "code": self.code, "severity": self.severity, "file": self.file, "line": self.line, "column": self.column,
            "what": self.what, "advice": self.advice,
        }  # fmt: skip

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity} {self.code}: {self.what}; {self.advice}"
