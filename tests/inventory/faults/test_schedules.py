"""Whatever strikes at whichever step: what was acknowledged is there, once, and all that follow the log are equal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest
from django.conf import settings

from tests.inventory.faults.mutations import MUTATIONS
from tests.inventory.faults.schedule import COMBINATIONS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1000)]

SHARE = len(COMBINATIONS)
"""Schedules of one test: each combination of a fault and a family of steps comes first in one of them."""
SHARES = 10
_LONGEST = 900


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.inventory.faults", "--json", *arguments]
    return subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=_LONGEST)


def struck(finished: subprocess.CompletedProcess[str]) -> Counter[tuple[str, str]]:
    outcomes = [json.loads(line) for line in finished.stdout.splitlines()]
    assert outcomes
    return Counter((kind, family) for outcome in outcomes for kind, family, _ in outcome["struck"])


@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_is_lost_doubled_or_half_done(share):
    finished = run("--seeds", f"{share * SHARE}:{(share + 1) * SHARE}")
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.splitlines()) == SHARE
    assert set(struck(finished)) == set(COMBINATIONS)


def test_nothing_is_lost_doubled_or_half_done_on_mariadb(mariadb_url):
    finished = run("--seeds", f"{SHARES * SHARE}:{(SHARES + 1) * SHARE}", "--mariadb", mariadb_url)
    assert finished.returncode == 0, finished.stderr
    assert set(struck(finished)) == set(COMBINATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_inventory_is_noticed(mutation):
    finished = run("--seeds", f"0:{2 * SHARE}", "--mutation", mutation, "--stop")
    assert finished.returncode == 1, f"what is broken was not noticed: {finished.stderr}"
    assert "Again: " in finished.stderr
