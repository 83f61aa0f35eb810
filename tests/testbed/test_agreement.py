"""The comparison of inventory and disks sees every kind of difference, and what happens behind Dynamo's back is one."""

from __future__ import annotations

import pytest

from testbed import agreement, damage
from testbed.sites import ROOMY_SITES
from tests.testbed.makers import small_world


@pytest.fixture
def world(tmp_path):
    return small_world(tmp_path, 12)


def test_they_agree(world):
    snapshot, sites, datasets = world
    found = agreement.compare(snapshot, sites)
    assert found.differences == []
    assert found.files == sum(len(dataset.replicas) for dataset in datasets for _ in dataset.files())


def test_a_flipped_byte_is_seen(world):
    path, lfn, found = _touched(
        world, lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    )
    assert path.exists()
    assert len(found) == 1
    assert f"{lfn} has (size, adler32)" in found[0]


def test_a_removed_file_is_seen(world):
    _, lfn, found = _touched(world, lambda path: path.unlink())
    assert found == [f"{world[1][0].name}: {lfn} is in the inventory but not on disk"]


def test_an_added_file_is_seen(world):
    _, lfn, found = _touched(world, lambda path: path.with_name("new.root").write_bytes(b"new"))
    name = f"{lfn.rpartition('/')[0]}/new.root"
    assert found == [f"{world[1][0].name}: {name} is on disk but not in the inventory"]


def test_damage_is_seen_and_twice_is_no_more(world):
    snapshot, sites, _ = world
    done = damage.do(snapshot, sites)
    assert done["site"] == ROOMY_SITES[0]
    assert damage.do(snapshot, sites) == done
    found = agreement.compare(snapshot, sites).differences
    assert len(found) == len(done["removed"]) + len(done["added"])
    assert all(text.startswith(f"{ROOMY_SITES[0]}: ") for text in found)


def test_only_files_that_another_site_has_are_removed(world):
    snapshot, sites, _ = world
    done = damage.do(snapshot, sites)
    elsewhere = {lfn for site in sites if site.name != done["site"] for lfn in site.lfns()}
    assert done["removed"]
    assert set(done["removed"]) <= elsewhere


def _touched(world, change):
    snapshot, sites, _ = world
    lfn = min(sites[0].lfns())
    path = sites[0].path(lfn)
    change(path)
    return path, lfn, agreement.compare(snapshot, sites).differences
