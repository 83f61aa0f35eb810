"""The page on performance is what the benchmarks printed."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from benchmarks import report
from benchmarks.measuring import Figure, grown

SMALL = [Figure("work", "s", 0.5, "bare INSERT", 0.1)]
LARGE = [Figure("work", "s", 2.0, "bare INSERT", 0.4, limit=3.0), Figure("other", "B", 9.0, "copy", 0.0)]


def test_growth_is_the_exponent_between_a_quarter_and_all() -> None:
    work, other = grown(SMALL, LARGE)
    assert work.growth == pytest.approx(1.0)
    assert other.growth is None
    assert work.ratio == pytest.approx(5.0)
    assert math.isnan(other.ratio)


def test_the_page_has_a_row_for_each_figure() -> None:
    work = {
        "work": "deciding",
        "unit": "s",
        "value": 1.25,
        "yardstick": "a copy",
        "yardstick_value": 0.25,
        "limit": 2.0,
        "growth": 0.96,
    }
    found = {
        "datasets": 43_000,
        "processors": 2,
        "peak_memory": 10**9,
        "time": "2026-11-24",
        "machine": "x86_64",
        "database": "sqlite",
        "figures": [work],
    }
    page = report.page({"start-43000-sqlite": found})
    assert "| 43,000 sqlite | deciding | 1.25 s | ≤ 2 s | a copy (0.25 s) | 5 | N^0.96 |" in page
    assert "peak memory of the benchmark 1,000 MB" in page


def test_the_page_in_the_docs_is_made_from_the_figures_kept() -> None:
    assert report.PAGE.read_text() == report.page(report.read())


def test_an_unknown_benchmark_is_named() -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks.report", "speed"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no benchmark speed; there are detox" in done.stderr


def test_figures_kept_name_benchmarks_that_there_are() -> None:
    kept = json.loads(report.KEPT.read_text())
    assert {key.split("-")[0] for key in kept} <= set(report.NAMES)
