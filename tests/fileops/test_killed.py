"""A mover that is killed at any instant: what was acknowledged is there, once, and the next one finishes the work."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction

from fileops.lifecycle import State
from fileops.models import Attempt, Batch, Operation, Subscription
from fileops.storage.base import is_temporary
from fileops.subscriptions import replica_deletions, subscribe_deletions
from tests.fileops.world import World, make_world
from tests.services.servers import XrootdSite

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
KILLS = 2
# A kill comes within so many seconds; a quick machine is done with the whole work in about twice as long.
LATEST_SECONDS = {"directories": 0.05, "servers": 0.06}


@pytest.fixture
def start(child_environment: Callable[..., dict[str, str]]) -> Callable[[World], subprocess.Popen[str]]:
    def started(world: World) -> subprocess.Popen[str]:
        backends = dict(world.snapshot.frame("sites").select("name", "backend").iter_rows())
        command = [sys.executable, "-m", "tests.fileops.mover_process", json.dumps(backends)]
        child = subprocess.Popen(command, cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert "begun" in child.stdout.readline()
        return child

    return started


def in_the_middle() -> bool:
    return Batch.objects.filter(state=Batch.State.RUNNING).exists()


def acknowledged(world: World) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every file that is on record as copied; each is whole."""
    found = {}
    for row in Subscription.objects.filter(state=State.DONE, operation=Operation.COPY):
        path = world.path(row.site, row.lfn)
        assert path.read_bytes() == world.content[row.lfn]
        found[f"{row.site}{row.lfn}"] = (path.stat().st_ino, path.stat().st_mtime_ns)
    for row in Subscription.objects.filter(state=State.DONE, operation=Operation.DELETE):
        assert not world.path(row.site, row.lfn).exists()
    return found


@pytest.mark.parametrize(("kind", "seed"), [("directories", 1), ("servers", 2)])
def test_a_mover_killed_in_the_middle(
    tmp_path: Path,
    start: Callable[[World], subprocess.Popen[str]],
    request: pytest.FixtureRequest,
    seed: int,
    kind: str,
) -> None:
    world = make_world(tmp_path, ["A", "B", "C", "D"], ["A", "B"], num_files=16, size=2_000_000)
    if kind == "servers":
        serve(world, request.getfixturevalue("xrootd_sites"))
    world.settings = world.settings.__class__(batch_size=7, replica_grace=3600)
    world.wants_copy("C", "D")
    world.plan(seed)
    draw = random.Random(seed)
    seen: dict[str, tuple[int, int]] = {}
    killed = 0
    for _ in range(KILLS):
        child = start(world)
        time.sleep(draw.uniform(0.0, LATEST_SECONDS[kind]))
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
        now = acknowledged(world)
        assert seen.items() <= now.items()
        seen = now
        assert in_the_middle()
    assert killed == KILLS
    if seed == 2:
        # Meanwhile everything is given up again at B.
        files, _ = replica_deletions(world.snapshot, world.replicas("B"))
        with transaction.atomic():
            subscribe_deletions(files, "alice", "a test")
        world.plan(seed)
    last = start(world)
    assert last.wait(120) == 0
    if seed == 2:
        world.plan(seed, later=120)
        assert start(world).wait(120) == 0
        assert world.on_disk("B") == {}
    assert seen.items() <= acknowledged(world).items()
    assert set(world.states()) == {"done"}
    for site in ("A", "C", "D"):
        assert world.on_disk(site) == world.content
        assert not any(is_temporary(path.name) for path in world.roots[site].rglob("*"))
    assert set(Batch.objects.values_list("state", flat=True)) == {Batch.State.DONE}
    succeeded = Attempt.objects.filter(exit_code=0).values_list("destination", "lfn", "operation")
    assert len(succeeded) == len(set(succeeded)) == Subscription.objects.count()


def serve(world: World, xrootd_sites: Callable[[], XrootdSite]) -> None:
    """Put XRootD servers over the sites' directories."""
    rows = []
    for site, old in world.roots.items():
        server = xrootd_sites()
        for path in old.iterdir():
            path.rename(server.root / path.name)
        server.hand_over()
        world.roots[site] = server.root
        rows.append({"name": site, "backend": server.url})
    from inventory.changes import ChangeSet

    world.change(ChangeSet("test", 1).put("sites", rows))
