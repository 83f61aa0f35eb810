"""Copies and deletions at real XRootD servers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction

from fileops.models import Attempt, Subscription
from fileops.subscriptions import replica_deletions, subscribe_deletions
from inventory.changes import ChangeSet
from tests.fileops.world import World, make_world
from tests.services.servers import XrootdSite

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture(scope="module")
def servers(xrootd_sites: Callable[[], XrootdSite]) -> list[XrootdSite]:
    return [xrootd_sites() for _ in range(3)]


def xrootd_world(tmp_path: Path, servers: list[XrootdSite], local: str = "") -> World:
    """A at a server, B (a copy) at another, C at a third; those of ``local`` are directories."""
    names = ["A", "B", "C"]
    by_root = {tmp_path / name: server for name, server in zip(names, servers, strict=True) if name not in local}
    made = make_world(
        tmp_path,
        names,
        [],
        size=3_000_000,
        backend=lambda root: by_root[root].url if root in by_root else root.as_uri(),
    )
    for name, server in zip(names, servers, strict=True):
        if name not in local:
            made.roots[name] = server.root
            for path in server.root.iterdir():
                shutil.rmtree(path)
    holders = [{"dataset": "/Primary/Run1/AOD", "site": site} for site in ("A", "B")]
    full = [{**row, "block": "b1", "complete": True} for row in holders]
    made.change(ChangeSet("test", 1).put("dataset_replicas", holders).put("block_replicas", full))
    for site in ("A", "B"):
        for lfn in made.content:
            made.put(site, lfn)
    for server in servers:
        server.hand_over()
    return made


@pytest.mark.parametrize(
    ("kind", "local"), [("third-party", ""), ("through the mover", ""), ("upload", "AB"), ("download", "C")]
)
def test_copies_and_deletions_at_xrootd_sites(tmp_path: Path, servers: list[XrootdSite], kind: str, local: str) -> None:
    world = xrootd_world(tmp_path, servers, local)
    world.settings = replace(world.settings, third_party_from=0 if kind == "third-party" else 10**9)
    lfn = "/store/mc/run/f001.root"
    world.put("A", lfn, bytes(len(world.content[lfn])))
    world.put("C", "/store/mc/run/f002.root", b"wrong")
    for server in servers:
        server.hand_over()
    world.wants_copy("C")
    world.run()
    world.run(later=120)
    assert world.states() == {"done": 5}, Attempt.objects.values_list("message", flat=True)
    assert world.on_disk("C") == world.content
    files, _ = replica_deletions(world.snapshot, world.replicas("B"))
    with transaction.atomic():
        subscribe_deletions(files, "alice", "a test")
    assert world.run().done == 5
    assert world.on_disk("B") == {}
    assert world.on_disk("C") == world.content


def test_a_site_that_is_down_delays_nobody_else(tmp_path: Path, servers: list[XrootdSite]) -> None:
    world = xrootd_world(tmp_path, servers, local="AB")
    world.change(
        ChangeSet("test", 1).put("sites", [{"name": "D", "backend": (tmp_path / "D").as_uri(), "status": "READY"}])
    )
    (tmp_path / "D").mkdir()
    world.roots["D"] = tmp_path / "D"
    servers[2].stop()
    try:
        world.wants_copy("C", "D")
        world.run()
        assert world.states("D") == {"done": 5}
        assert world.states("C") == {"retry": 5}
        row = Subscription.objects.filter(site="C", attempts=1).first()
        assert row.not_before is not None
        assert "DESTINATION [ECONN" in row.message
    finally:
        servers[2].start()
    world.run(later=3600)
    assert world.states("C") == {"done": 5}
    assert world.on_disk("C") == world.content
