"""The image as files: readers map versions while the leader publishes others."""

from __future__ import annotations

import fcntl
import json
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from inventory import store as store_module
from inventory.changes import ChangeSet
from inventory.errors import ImageUnreadable, InventoryUnavailable, VersionGone
from inventory.image import Image
from inventory.packing import PackingDamaged, pack, unpack
from inventory.remote import LocalImage
from inventory.resolve import resolve
from inventory.schema import TABLES
from inventory.store import Store, read_manifest
from tests.inventory.makers import D, same, small


def grown(image: Image, number: int) -> Image:
    """The next version: one more file."""
    row = {"dataset": D, "block": "b1", "lfn": f"/more/{number}", "size": number}
    changes = small() if image.version == 0 else ChangeSet("a", 1).put("files", [row])
    return image.after(resolve(image.snapshot(), changes, number), image.version + 1, number)


def test_a_mapped_version_is_the_image_and_only_changed_chunks_are_written(tmp_path):
    store = Store(tmp_path, kept=4)
    first = store.publish(grown(Image.from_frames({}), 1))
    before = {path.name for path in tmp_path.glob("*.arrow")}
    second = store.publish(grown(first, 2))
    new = {path.name.rsplit("-", 3)[0] for path in tmp_path.glob("*.arrow") if path.name not in before}
    assert new == {"datasets", "blocks", "files", "block_replicas", "replica_files"}
    opened = LocalImage(tmp_path).snapshot()
    assert opened.version == 2
    for name in TABLES:
        assert same(opened.frame(name), second.snapshot().frame(name)), name


def test_old_versions_go_when_nobody_reads_them_and_what_is_held_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_KEPT_SECONDS", -1)
    store, image = Store(tmp_path, kept=2), Image.from_frames({})
    reader, held = LocalImage(tmp_path), []
    for number in range(8):
        image = store.publish(grown(image, number))
        held.append(reader.snapshot())
    counted = [snapshot.table("files").select(pl.len()).collect().item() for snapshot in held]
    assert counted == [3, *range(4, 11)]
    assert reader.snapshot(version=1).frame("files").height == 3
    del held
    store.clean()
    assert len(list(tmp_path.glob("[0-9]*.json"))) == 2
    with pytest.raises(VersionGone):
        reader.snapshot(version=1)
    assert reader.snapshot(version=7).frame("files").height == 9


def test_a_version_that_is_read_outlives_its_files_even_if_somebody_removes_them(tmp_path):
    store = Store(tmp_path, kept=1)
    image = store.publish(grown(Image.from_frames({}), 0))
    held = LocalImage(tmp_path).snapshot()
    names = {name: held.frame(name) for name in TABLES}
    for path in tmp_path.glob("*.arrow"):
        path.unlink()
    assert all(same(held.frame(name), names[name]) for name in TABLES)
    assert held.table("files").collect().equals(names["files"])
    assert image.version == held.version


@pytest.mark.slow
def test_two_hundred_commits_take_no_more_space_than_what_is_kept_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_KEPT_SECONDS", -1)
    store = Store(tmp_path, kept=2)
    image = store.publish(grown(Image.from_frames({}), 0))
    reader = LocalImage(tmp_path)
    reading, first = reader.snapshot(), used(tmp_path)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    spaces = []
    for number in range(1, 201):
        image = store.publish(grown(image, number))
        reader.snapshot()
        spaces.append(used(tmp_path))
        if number == 100:
            assert reading.frame("files").height == 3
            del reading
    # Kept are two versions; until the middle the first was read, too.
    assert (
        max(files for files, _ in spaces[:100]) <= 4 * first[0]
        and max(files for files, _ in spaces[101:]) <= 3 * first[0]
    )
    assert max(size for _, size in spaces[101:]) < 4 * first[1]
    assert len(list(Path("/proc/self/fd").iterdir())) < opened + 30


def used(directory):
    """Number and bytes of the files in a directory."""
    sizes = [path.stat().st_size for path in directory.iterdir()]
    return len(sizes), sum(sizes)


def test_a_process_that_reads_nothing_for_a_while_lets_its_version_go(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_KEPT_SECONDS", -1)
    monkeypatch.setattr("inventory.remote._IDLE_SECONDS", 0.05)
    store, reader = Store(tmp_path, kept=1), LocalImage(tmp_path)
    image = store.publish(grown(Image.from_frames({}), 0))
    assert reader.snapshot().version == 1
    image = store.publish(grown(image, 1))
    deadline = time.monotonic() + 30
    while len(list(tmp_path.glob("[0-9]*.json"))) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        store.clean()
    assert reader.snapshot().version == image.version


def test_a_version_of_an_earlier_server_stays_for_those_who_read_it(tmp_path):
    image = Store(tmp_path, kept=2).publish(grown(Image.from_frames({}), 1))
    held = LocalImage(tmp_path).snapshot()
    store = Store(tmp_path, kept=2)
    store.publish(Image(image.version, image.time, image.chunks))
    del image
    store.clean()
    assert held.frame("files").height == 3 and len(list(tmp_path.glob("*.json"))) == 3
    del held
    store.clean()
    assert len(list(tmp_path.glob("*.json"))) == 2


def test_files_of_an_earlier_server_go_when_the_new_one_has_published(tmp_path):
    image = Store(tmp_path, kept=2).publish(grown(Image.from_frames({}), 1))
    earlier = set(tmp_path.glob("*.arrow"))
    store = Store(tmp_path, kept=2)
    assert LocalImage(tmp_path).snapshot().frame("files").height == 3
    store.publish(Image(image.version, image.time, image.chunks))
    del image
    store.clean()
    assert not earlier & set(tmp_path.glob("*.arrow"))
    assert LocalImage(tmp_path).snapshot().frame("files").height == 3


def test_what_a_server_left_that_no_reader_can_find_makes_room_before_the_first_version(tmp_path):
    """Else a server that cannot start for lack of space would leave another half image at every attempt."""
    image = Store(tmp_path, kept=2).publish(grown(Image.from_frames({}), 1))
    named = {path.name for path in tmp_path.iterdir()}
    for name in ("files-7-1-aaaaaaaa.arrow", ".files-8-1-aaaaaaaa.arrow.tmp", "0.json"):
        (tmp_path / name).write_bytes(b"left by an attempt that ran out of space")
    Store(tmp_path, kept=2)
    assert {path.name for path in tmp_path.iterdir()} == named
    assert same(LocalImage(tmp_path).snapshot().frame("files"), image.snapshot().frame("files"))
    (tmp_path / "current.json").write_text("{")
    del image
    Store(tmp_path, kept=2)
    assert {path.name for path in tmp_path.iterdir()} == {"current.json", "committed"}


def test_readers_wait_for_what_is_committed_and_not_yet_published_as_long_as_the_server_lives(tmp_path):
    store, image = Store(tmp_path, kept=2), Image.from_frames({})
    store.publish(image)
    store.announce(1)
    reader = LocalImage(tmp_path)
    assert reader.snapshot().version == 0
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        later = threading.Timer(0.2, store.publish, [grown(image, 1)])
        later.start()
        assert reader.snapshot().version == 1
        later.join()


@pytest.mark.slow
def test_readers_never_see_half_a_version_while_versions_come_and_go(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_KEPT_SECONDS", -1)
    store, image = Store(tmp_path, kept=1), Image.from_frames({})
    image = store.publish(grown(image, 0))
    wrong, seen, done = [], set(), threading.Event()

    def read():
        reader = LocalImage(tmp_path)
        while not done.is_set():
            snapshot = reader.snapshot()
            block = snapshot.frame("blocks").row(by_predicate=pl.col("name") == "b1", named=True)
            seen.add(snapshot.version)
            if not block["num_files"] == snapshot.frame("files").height == snapshot.version + 2:
                wrong.append(snapshot.version)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        image = store.publish(grown(image, number))
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong and len(seen) > 3


@pytest.mark.django_db
def test_what_a_power_cut_left_is_not_read(tmp_path, monkeypatch):
    Store(tmp_path, kept=1).publish(Image.from_frames({}))
    assert LocalImage(tmp_path).is_current()
    monkeypatch.setattr("inventory.remote.boot", lambda: "another")
    assert not LocalImage(tmp_path).is_current()
    monkeypatch.undo()
    (tmp_path / "current.json").write_text('{"version": 0, "ti')
    assert not LocalImage(tmp_path).is_current()


def test_a_version_that_does_not_come_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("inventory.remote._WAIT_SECONDS", 0.05)
    Store(tmp_path, kept=1).publish(Image.from_frames({}))
    with pytest.raises(InventoryUnavailable, match="did not come"):
        LocalImage(tmp_path).snapshot(at_least=5)


def test_damaged_files_are_told(tmp_path):
    for name, content in {"a.json": "{", "b.json": "[]", "c.json": '{"version": 1}'}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(ImageUnreadable):
            read_manifest(tmp_path / name)
    Store(tmp_path / "image", kept=1).publish(Image.from_frames({}))
    next((tmp_path / "image").glob("groups-*")).unlink()
    with pytest.raises(VersionGone):
        LocalImage(tmp_path / "image").snapshot().frame("groups")
    next((tmp_path / "image").glob("0.*.json")).unlink()
    with pytest.raises(InventoryUnavailable, match="lacks files"):
        LocalImage(tmp_path / "image").snapshot()


def test_datasets_are_looked_up_in_their_chunks_only():
    chunk = TABLES["datasets"].chunk_datasets
    names = [{"name": f"/d{number}/x/Y"} for number in range(chunk + 10)]
    changes = ChangeSet("a", 1).put("datasets", names)
    image = Image.from_frames({})
    image = image.after(resolve(image.snapshot(), changes, 1), 1, 1)
    assert sorted(image.chunks["datasets"]) == [0, 1]
    ids = pl.Series("dataset_id", [chunk + 5, 3], dtype=pl.UInt32)
    found = image.snapshot().of_datasets("datasets", ids)
    assert found["dataset_id"].to_list() == [3, chunk + 5]
    assert image.snapshot().table("datasets").select(pl.len()).collect().item() == len(names)


def test_packed_frames_come_back_and_damage_is_told():
    frame = pl.DataFrame({"name": ["a", None], "size": [1, 2]})
    data = pack({"author": "é"}, [("put", "sites", frame)])
    about, ((kind, name, back),) = unpack(data)
    assert (about, kind, name) == ({"author": "é"}, "put", "sites") and back.equals(frame)
    for wrong in (b"", b"xx", data[:-1], data + b"x", data[:4] + b"\xff" + data[5:], json.dumps({}).encode()):
        with pytest.raises(PackingDamaged):
            unpack(wrong)
