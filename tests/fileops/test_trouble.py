"""Sites that are full, read-only or refuse: the right class of error, a reason, and nobody else delayed."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from fileops.batches import alive, claim, me
from fileops.lifecycle import Event
from fileops.models import Attempt, Batch, Subscription
from fileops.release import chosen, release
from fileops.subscriptions import replica_deletions, subscribe_deletions
from fileops.waiting import happen
from inventory.changes import ChangeSet
from registry.callers import of_command
from tests.fileops.world import World, make_world
from tests.services.servers import XrootdSite

pytestmark = pytest.mark.django_db
SIZE = 300_000


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """A file system of its own, of ``size`` bytes, at ``place``."""
    place.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "none", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("only root can make a disk that runs full")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(params=["directory", "server"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A has the files; C is where they go (a directory, or a server's); D is another destination."""
    made = make_world(tmp_path, ["A", "C", "D"], ["A"], size=SIZE)
    if request.param == "server":
        site: XrootdSite = request.getfixturevalue("xrootd_sites")()
        made.roots["C"] = site.root
        made.change(ChangeSet("test", 1).put("sites", [{"name": "C", "backend": site.url}]))
    return made


@pytest.mark.slow
def test_a_full_site_holds_what_does_not_fit_and_goes_on_when_there_is_room(world: World) -> None:
    with small_disk(world.roots["C"] / "store", 3 * SIZE + SIZE // 2):
        world.wants_copy("C", "D")
        world.run()
        states = world.states("C")
        assert set(states) == {"done", "held:destination_full"}, set(Attempt.objects.values_list("message", flat=True))
        assert states["done"] == 3
        assert world.states("D") == {"done": 5}
        row = Subscription.objects.filter(site="C", state="held").first()
        assert "ENOSPC" in row.message
        assert world.plan(later=600).released == 0
        for done in Subscription.objects.filter(site="C", state="done"):
            world.path("C", done.lfn).unlink()
        assert world.plan(later=world.settings.full_retry + 60).released == 2
        assert world.move().done == 2
        assert len(world.on_disk("C")) == 2


@pytest.mark.slow
def test_a_read_only_site_refuses_copies_and_deletions(world: World) -> None:
    store = world.roots["C"] / "store"
    with small_disk(store, 100 * SIZE):
        subprocess.run(["mount", "-o", "remount,ro", str(store)], check=True)
        world.wants_copy("C", "D")
        world.run()
        assert world.states("C") == {"held:destination_refuses": 5}
        assert world.states("D") == {"done": 5}
        message = Subscription.objects.filter(site="C").first().message
        assert "EROFS" in message
        subprocess.run(["mount", "-o", "remount,rw", str(store)], check=True)
        assert release(chosen(["C"]), of_command("olga")) == 5
        assert world.run().done == 5
        subprocess.run(["mount", "-o", "remount,ro", str(store)], check=True)
        rows = [{"dataset": "/Primary/Run1/AOD", "block": "b1", "site": "C", "complete": True}]
        world.change(ChangeSet("test", 1).put("block_replicas", rows))
        files, _ = replica_deletions(world.snapshot, world.replicas("C"))
        with transaction.atomic():
            subscribe_deletions(files, "alice", "a test")
        world.run()
        held = Subscription.objects.filter(site="C", operation="delete")
        assert {(row.state, row.reason) for row in held} == {("held", "destination_refuses")}
        assert len(world.on_disk("C")) == 5


@pytest.mark.slow
def test_a_server_that_may_not_write_there_says_so(tmp_path: Path, xrootd_sites: Callable[[], XrootdSite]) -> None:
    site = xrootd_sites()
    world = make_world(tmp_path, ["A", "C"], ["A"], num_files=2)
    world.change(ChangeSet("test", 1).put("sites", [{"name": "C", "backend": site.url}]))
    store = site.root / "store"
    store.mkdir()
    if os.geteuid() == 0:
        os.chown(store, 0, 0)
    store.chmod(0o555)
    world.wants_copy("C")
    world.run()
    assert world.states("C") == {"held:destination_refuses": 2}
    assert "EACCES" in Subscription.objects.first().message
    store.chmod(0o755)


@pytest.fixture
def plain(tmp_path: Path) -> World:
    return make_world(tmp_path, ["A", "C"], ["A"])


def test_a_released_file_forgives_its_sources(plain: World) -> None:
    lfn = next(iter(plain.content))
    plain.put("A", lfn, b"wrong")
    plain.wants_copy("C")
    plain.run()
    plain.plan()
    assert Subscription.objects.get(lfn=lfn).reason == "all_failed"
    plain.put("A", lfn)
    assert plain.plan(later=10**6).released == 0
    assert release(chosen(reasons=["all_failed"]), of_command("olga")) == 1
    assert plain.run().done == 1
    row = Subscription.objects.get(lfn=lfn)
    assert (row.state, row.attempts) == ("done", 1)
    assert list(Attempt.objects.filter(lfn=lfn).order_by("id").values_list("exit_code", flat=True)) == [5, 0]


def test_the_database_refuses_a_second_open_subscription_of_a_file(plain: World) -> None:
    plain.wants_copy("C")
    row = Subscription.objects.first()
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    row.open_key = None
    row.save()


def test_two_movers_never_take_the_same_batch(plain: World) -> None:
    plain.wants_copy("C")
    plain.plan()
    now = timezone.now()
    first = claim(10, 60, now)
    assert [batch.claims for batch in first] == [1]
    assert claim(10, 60, now) == []
    assert claim(10, 60, now + timedelta(seconds=30)) == []
    late = claim(10, 60, now + timedelta(seconds=61))
    assert [batch.claims for batch in late] == [2]


def test_a_batch_of_a_dead_process_of_this_machine_is_taken_over_at_once(plain: World) -> None:
    plain.wants_copy("C")
    plain.plan()
    now = timezone.now()
    claim(10, 600, now)
    with subprocess.Popen(["sleep", "60"]) as child:
        host = me().split()[0]
        started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        owner = f"{host} {child.pid} {started}"
        Batch.objects.update(owner=owner)
        assert alive(owner)
        assert claim(10, 600, now) == []
        child.kill()
    assert not alive(owner)
    assert not alive(f"{host} {os.getpid()} 1")  # the number was given to another process since
    assert alive("elsewhere 1 1")
    assert len(claim(10, 600, now)) == 1


def test_an_event_passes_over_what_has_moved_on(plain: World) -> None:
    plain.wants_copy("C")
    ids = list(Subscription.objects.values_list("id", flat=True))
    Subscription.objects.filter(pk=ids[0]).update(state="done", open_key=None)
    assert happen(Event.CANCELLED, ids, message="enough") == 4
    assert plain.states() == {"done": 1, "cancelled": 4}
    assert not Subscription.objects.filter(open_key__isnull=False).exists()


def test_a_name_that_leads_elsewhere_is_held_and_touches_nothing(plain: World, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    now = timezone.now()
    Subscription.objects.create(
        site="C",
        lfn="/store/../../secret",
        key="x",
        open_key="x",
        operation="delete",
        author="mallory",
        created=now,
        updated=now,
    )
    plain.run()
    assert plain.states() == {"held:bad_name": 1}
    assert (tmp_path / "secret").read_bytes() == b"secret"
