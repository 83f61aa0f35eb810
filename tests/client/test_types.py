"""What type checkers of the client's users see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORY = """
from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from dynamo_client import AsyncDynamo, Dynamo
from dynamo_client.records import Caller, Dataset, Request


def blocking(dynamo: Dynamo) -> None:
    assert_type(dynamo.whoami(), Caller)
    assert_type(dynamo.datasets("/A*", status="VALID"), Iterator[Dataset])
    assert_type(dynamo.request_copy("/A", "T2_A", copies=2), Request)


async def awaited(dynamo: AsyncDynamo) -> None:
    assert_type(await dynamo.whoami(), Caller)
    assert_type(dynamo.datasets("/A*", status="VALID"), AsyncIterator[Dataset])
    assert_type(await dynamo.request_copy("/A", "T2_A", copies=2), Request)
"""
WRONG = """
from dynamo_client import AsyncDynamo, Dynamo

Dynamo().request_copy(17)
Dynamo().request_copy("/A", copy=2)
Dynamo().whoami().name
AsyncDynamo().whoami().user
Dynamo(colour="red")
"""


def checked(text: str, place: Path) -> tuple[int, str]:
    (place / "story.py").write_text(text)
    words = ["--strict", "--config-file=", f"--cache-dir={ROOT / '.mypy_cache'}", "story.py"]
    environment = {"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words], cwd=place, env=environment, capture_output=True, text=True, timeout=250, check=False
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.slow
def test_results_have_their_types_in_both_clients(tmp_path: Path) -> None:
    assert checked(STORY, tmp_path)[0] == 0, checked(STORY, tmp_path)[1]


@pytest.mark.slow
def test_wrong_calls_are_seen_before_they_are_made(tmp_path: Path) -> None:
    code, told = checked(WRONG, tmp_path)
    assert code == 1
    assert {int(line.split(":")[1]) for line in told.splitlines() if "error:" in line} == {4, 5, 6, 7, 8}, told
