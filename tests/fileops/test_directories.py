"""Directories that deletions emptied are removed, whatever other directories and sites do."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from fileops import directories
from fileops.models import DirectoryToClean
from tests.fileops.world import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, ["A", "B"], [])


def clean(world: World, limit: int = 100) -> int:
    return directories.clean(world.storage, limit, 3, 10.0, timezone.now())


def test_a_site_that_does_not_answer_keeps_no_other_site_waiting(world: World) -> None:
    world.roots["A"].rmdir()
    (world.roots["B"] / "store/mc/run").mkdir(parents=True)
    directories.queue([("A", f"/store/mc/run{number}") for number in range(5)], "alice")
    directories.queue([("B", "/store/mc/run")], "alice")
    # Fewer than the directories of the silent site are looked at.
    assert [clean(world, limit=2), clean(world, limit=2)] == [0, 1]
    left = DirectoryToClean.objects.all()
    assert {row.site for row in left} == {"A"}
    assert all("mounted" in row.message and row.not_before > timezone.now() for row in left)


def test_a_directory_that_cannot_be_removed_keeps_no_other_of_its_site_waiting(world: World) -> None:
    (world.roots["B"] / "store/mc/good").mkdir(parents=True)
    (world.roots["B"] / "store/mc/file").touch()
    directories.queue([("B", "/store/mc/file"), ("B", "/store/mc/good")], "alice")
    assert clean(world) == 1
    (left,) = DirectoryToClean.objects.all()
    assert (left.directory, left.not_before is None) == ("/store/mc/file", False)
    assert "ENOTDIR" in left.message
