"""What a check found, in the forms that people, continuous integration and code hosting services read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from inventory.policy.checking import FileReport
from inventory.policy.lint.findings import CODES

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(reports: Sequence[FileReport]) -> str:
    """For people: each file with its verdict, mistakes with a caret."""
    return "\n".join(map(str, reports))


def as_json(reports: Sequence[FileReport]) -> str:
    """A list of files with their findings."""
    return json.dumps([report.as_dict() for report in reports], indent=2, ensure_ascii=False)


def as_github(reports: Sequence[FileReport]) -> str:
    """Workflow commands, which GitHub shows beside the lines of a change."""
    lines = [
        f"::{finding.severity.replace('note', 'notice')} file={_escaped(finding.file, True)},line={finding.line},"
        f"col={finding.column},title={finding.code}::{_escaped(f'{finding.what}; {finding.advice}', False)}"
        for report in reports for finding in report.findings
    ]  # fmt: skip
    return "\n".join(lines)


def _escaped(text: str, value: bool) -> str:
    for character in "%\r\n" + (":," if value else ""):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def as_sarif(reports: Sequence[FileReport]) -> str:
    """SARIF 2.1.0, which code hosting services and editors read."""
    rules = [
        {"id": code, "shortDescription": {"text": one.title}, "help": {"text": one.advice},
         "defaultConfiguration": {"level": one.severity}}
        for code, one in CODES.items()
    ]  # fmt: skip
    driver = {"name": "dynamo-policy", "rules": rules}
    results = [_result(finding.as_dict()) for report in reports for finding in report.findings]
    document = {"$schema": _SARIF, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _result(finding: dict[str, Any]) -> dict[str, Any]:
    region = {"startLine": finding["line"], "startColumn": finding["column"]}
    place = {"artifactLocation": {"uri": finding["file"]}, "region": region}
    return {
        "ruleId": finding["code"], "level": finding["severity"],
        "message": {"text": f"{finding['what']}; {finding['advice']}"}, "locations": [{"physicalLocation": place}],
    }  # fmt: skip


FORMATS: dict[str, Callable[[Sequence[FileReport]], str]] = {
    "text": as_text, "json": as_json, "github": as_github, "sarif": as_sarif,
}  # fmt: skip
"""Forms by name."""
