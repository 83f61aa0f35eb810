"""Control groups for the memory of programs: made where the worker's own group has one above that can be divided."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scheduler.programs import memory
from scheduler.programs.memory import MemoryGroup


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    """The worker's group below its service's, as plain files: here the kernel has nothing to divide."""
    own = tmp_path / "dynamo-worker.service" / "worker"
    own.mkdir(parents=True)
    (own.parent / "cgroup.controllers").write_text("memory pids\n")
    return own


def test_a_program_gets_a_group_with_the_limit_of_its_memory(worker: Path) -> None:
    left = worker.parent / "dynamo-program-1"
    left.mkdir()
    group = MemoryGroup(7, 1000, own=worker)
    place = worker.parent / "dynamo-program-7"
    assert group.add(4711) and group.there
    told = {name: (place / name).read_text() for name in ("memory.max", "memory.oom.group", "cgroup.procs")}
    assert told == {"memory.max": "1000", "memory.oom.group": "1", "cgroup.procs": "4711"}
    assert (worker.parent / "cgroup.subtree_control").read_text() == "+memory"
    assert not left.exists()  # of a supervisor that was killed
    (place / "memory.events").write_text("low 0\nmax 3\noom 1\noom_kill 0\n")
    assert not group.exceeded()
    (place / "memory.events").write_text("low 0\nmax 3\noom 1\noom_kill 2\n")
    assert group.exceeded()
    for file in place.iterdir():
        file.unlink()
    group.remove()
    assert not place.exists() and not group.there


@pytest.mark.parametrize("lacking", ["controllers", "division", "writing"])
def test_where_no_group_can_be_made_it_is_told(worker: Path, lacking: str) -> None:
    if lacking == "controllers":
        (worker.parent / "cgroup.controllers").unlink()
    elif lacking == "division":
        (worker.parent / "cgroup.subtree_control").mkdir()  # as EBUSY: the group above has processes of its own
    else:
        (worker.parent / "dynamo-program-7").write_text("")
    group = MemoryGroup(7, 1000, own=worker)
    assert not group.there and not group.add(os.getpid()) and not group.exceeded()


def test_a_root_group_is_not_divided() -> None:
    own = memory._own()
    assert own is None or own != Path("/sys/fs/cgroup")
