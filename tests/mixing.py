"""In which order tests run: workers take pieces of the list, and one that gets all the long ones would end long after the others."""

from __future__ import annotations

import pytest

_LONG = (
    "tests/inventory/faults/test_schedules.py",
    "tests/testbed/",
    "tests/load/",
    "tests/benchmarks/",
    "tests/web/test_every",
)
_MOST = 0.7


def mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """The long tests evenly among the first seven tenths of the others; the order is else as it was."""
    long = [item for item in items if item.nodeid.startswith(_LONG)]
    others = [item for item in items if not item.nodeid.startswith(_LONG)]
    every = max(1, int(_MOST * len(others) / (len(long) + 1)))
    found: list[pytest.Item] = []
    for number, item in enumerate(long):
        found += [*others[number * every : (number + 1) * every], item]
    return found + others[len(long) * every :]
