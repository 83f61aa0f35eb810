"""A skipped test is a failure in continuous integration, unless the README lists its reason under "Skipped tests"."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_README = Path(__file__).resolve().parent.parent / "README.md"


def allowed_reasons(readme: str) -> set[str]:
    """The reasons listed (``- reason``) in the section "Skipped tests" of the text ``readme``."""
    reasons: set[str] = set()
    inside = False
    for line in readme.splitlines():
        if line.startswith("#"):
            inside = line.lstrip("#").strip() == "Skipped tests"
        elif inside and line.startswith("- "):
            reasons.add(line[2:].strip().strip("`"))
    return reasons


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("DYNAMO_CI"):
        return
    known = allowed_reasons(_README.read_text() if _README.exists() else "")
    unknown = sorted({reason_of(report) for report in reporter.stats.get("skipped", [])} - known)
    if unknown:
        reporter.write_line("")
        reporter.write_line("Skipped for a reason that the README does not list under 'Skipped tests':", red=True)
        for reason in unknown:
            reporter.write_line(f"  {reason}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
