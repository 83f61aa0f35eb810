"""A small world for tests: sites that are real directories, datasets of real files, and the inventory that tells of them."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import polars as pl
from django.db import transaction
from django.utils import timezone

from fileops import mover, planning
from fileops.models import Attempt, Subscription
from fileops.mover import Moved
from fileops.planning import Planned
from fileops.settings import FileopsSettings
from fileops.storage import Storage, storage_for
from fileops.subscriptions import missing_files, subscribe_copies
from inventory.changes import ChangeSet
from inventory.resolve import applied
from inventory.snapshot import Snapshot

SETTINGS = FileopsSettings(timeout=10, copy_timeout=60, lease=30, clean_depth=2)
DATASET, BLOCK = "/Primary/Run1/AOD", "b1"


@dataclass
class World:
    """``roots``: the directory of each site; ``content``: of each LFN."""

    roots: dict[str, Path]
    snapshot: Snapshot
    content: dict[str, bytes]
    settings: FileopsSettings = SETTINGS
    storages: dict[str, Storage] = field(default_factory=dict)

    def change(self, changes: ChangeSet) -> None:
        self.snapshot = applied(self.snapshot, changes, int(time.time()))

    def storage(self, site: str) -> Storage:
        if site not in self.storages:
            self.storages[site] = storage_for(self.snapshot, site)
        return self.storages[site]

    def path(self, site: str, lfn: str) -> Path:
        return self.roots[site] / lfn.lstrip("/")

    def put(self, site: str, lfn: str, content: bytes | None = None) -> Path:
        path = self.path(site, lfn)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content[lfn] if content is None else content)
        return path

    def wants_copy(self, *sites: str) -> None:
        """The block shall be at ``sites``: in the inventory, and subscribed."""
        rows = [{"dataset": DATASET, "site": site, "growing": False} for site in sites]
        blocks = [{"dataset": DATASET, "block": BLOCK, "site": site, "complete": False} for site in sites]
        self.change(ChangeSet("test", 1).put("dataset_replicas", rows).put("block_replicas", blocks))
        with transaction.atomic():
            subscribe_copies(missing_files(self.snapshot, self.replicas(*sites)), "alice", "a test")

    def replicas(self, *sites: str) -> pl.DataFrame:
        found = self.snapshot.named("block_replicas").filter(pl.col("site").is_in(list(sites)))
        return found.select("dataset_id", "block_id", "site_id").collect()

    def plan(self, seed: int = 0, later: float = 0.0) -> Planned:
        now = timezone.now() + timedelta(seconds=later)
        return planning.plan(self.snapshot, self.settings, now, seed)

    def move(self) -> Moved:
        return mover.move(self.storage, self.settings, lambda: None)

    def run(self, seed: int = 0, later: float = 0.0) -> Moved:
        self.plan(seed, later)
        return self.move()

    def states(self, site: str | None = None) -> dict[str, int]:
        rows = Subscription.objects.all() if site is None else Subscription.objects.filter(site=site)
        counts: dict[str, int] = {}
        for state, reason in rows.values_list("state", "reason"):
            name = f"{state}:{reason}" if reason else state
            counts[name] = counts.get(name, 0) + 1
        return counts

    def on_disk(self, site: str) -> dict[str, bytes]:
        root = self.roots[site]
        return {f"/{path.relative_to(root)}": path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def make_world(
    directory: Path,
    sites: Sequence[str],
    holders: Sequence[str],
    num_files: int = 5,
    size: int = 10_000,
    backend: Callable[[Path], str] = Path.as_uri,
    tape: Sequence[str] = (),
) -> World:
    """``sites`` with one dataset of one block of ``num_files`` files, complete at ``holders``."""
    roots = {site: directory / site for site in sites}
    for root in roots.values():
        root.mkdir(exist_ok=True)
    draw = random.Random(7)
    content = {f"/store/mc/run/f{number:03}.root": draw.randbytes(size + number) for number in range(num_files)}
    snapshot = applied(Snapshot.from_frames({}), site_changes({s: backend(r) for s, r in roots.items()}, tape), 1000)
    world = World(roots, applied(snapshot, dataset_changes(content, holders), 2000), content)
    for site in holders:
        for lfn in content:
            world.put(site, lfn)
    return world


def site_changes(backends: dict[str, str], tape: Sequence[str] = ()) -> ChangeSet:
    """Ready sites at these backend URLs."""
    rows = [
        {"name": site, "backend": url, "status": "READY", "storage_type": "MSS" if site in tape else "DISK"}
        for site, url in backends.items()
    ]
    return ChangeSet("test", 1).put("sites", rows)


def dataset_changes(content: dict[str, bytes], holders: Sequence[str]) -> ChangeSet:
    """The dataset with these files, complete at ``holders``."""
    files = [
        {"dataset": DATASET, "block": BLOCK, "lfn": lfn, "size": len(data), "adler32": zlib.adler32(data)}
        for lfn, data in content.items()
    ]
    here = [{"dataset": DATASET, "site": site} for site in holders]
    changes = ChangeSet("test", 1).put("datasets", [{"name": DATASET, "status": "VALID"}])
    changes.put("blocks", [{"dataset": DATASET, "name": BLOCK}]).put("files", files)
    changes.put("dataset_replicas", [{**row, "growing": False} for row in here])
    return changes.put("block_replicas", [{**row, "block": BLOCK, "complete": True} for row in here])


def attempts() -> list[tuple[str, str, int]]:
    """Source, destination and exit code of all that was tried, in order."""
    return list(Attempt.objects.order_by("id").values_list("source", "destination", "exit_code"))
