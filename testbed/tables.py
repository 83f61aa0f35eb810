"""What the story looks at and shows: occupancy, disks, candidates."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from rich.table import Table

from inventory import entering
from inventory.partitions import occupancy as occupancies
from inventory.snapshot import Snapshot
from inventory.units import volume
from testbed.catalogue import DemoDataset
from testbed.sites import DemoSite

_QUICK = {"fileops.advance": 2, "registry.track": 2}
_CALM = {"fileops.advance": 15, "registry.track": 30}


def quicken_schedules() -> None:
    """Nobody wants to wait half a minute for each step of a demo."""
    _schedule(_QUICK)


def calm_schedules() -> None:
    """Nor have their machine busy once the story is told."""
    _schedule(_CALM)


def _schedule(seconds: Mapping[str, int]) -> None:
    for task in PeriodicTask.objects.filter(task__in=seconds):
        task.interval, _ = IntervalSchedule.objects.get_or_create(
            every=seconds[task.task], period=IntervalSchedule.SECONDS
        )
        task.save()  # not update(): beat has to notice


def partition_rows(path: Path) -> list[dict[str, str]]:
    """Names and definitions of a file of partitions, as a change set wants them."""
    return entering.partition_rows(path.read_text(), str(path))


def write_popularity(datasets: Sequence[DemoDataset], path: Path) -> None:
    """What a popularity service would tell: the usage rank of every dataset, as CSV."""
    ranks = {
        "dataset": [dataset.name for dataset in datasets],
        "usage_rank": [dataset.usage_rank for dataset in datasets],
    }
    pl.DataFrame(ranks).write_csv(path)


def copy_candidate(datasets: Sequence[DemoDataset], there: Sequence[str], missing: Sequence[str]) -> DemoDataset:
    """A valid dataset of middle size that sites of ``there`` have and none of ``missing``."""
    fitting = [
        dataset for dataset in datasets
        if dataset.status == "VALID" and {site for site, _ in dataset.replicas} & set(there)
        and not {site for site, _ in dataset.replicas} & set(missing) and dataset.usage_rank < 100
    ]  # fmt: skip
    return sorted(fitting, key=lambda dataset: (dataset.size, dataset.name))[len(fitting) // 4]


def intact_files(dataset: DemoDataset, site: DemoSite) -> int:
    """How many of the dataset's files are on the site's disk with their right content."""
    paths = [(file, site.path(file.lfn)) for file in dataset.files()]
    return sum(path.exists() and zlib.adler32(path.read_bytes()) == file.adler32 for file, path in paths)


def used(sites: Sequence[DemoSite]) -> dict[str, int]:
    """Bytes on each site's disk."""
    return {site.name: site.used() for site in sites}


def total_quota(snapshot: Snapshot, site: str, partition: str) -> int:
    """Quota of the partition at the site in bytes; negative: no limit."""
    rows = occupancies(snapshot).filter((pl.col("site") == site) & (pl.col("partition") == partition))
    return int(rows["quota"][0])


def occupancy(snapshot: Snapshot, sites: Sequence[DemoSite], partition: str, title: str) -> Table:
    """A table: what the inventory says, what is on disk, and the share of the quota."""
    table = Table(title=title, title_justify="left")
    for heading in ("site", "files on disk", "volume on disk", "in the inventory", "quota", "occupancy"):
        table.add_column(heading, justify="left" if heading == "site" else "right")
    rows = {
        row["site"]: row for row in occupancies(snapshot).filter(pl.col("partition") == partition).iter_rows(named=True)
    }
    for site in sites:
        row = rows[site.name]
        quota, present = row["quota"], row["present"]
        share = f"{present / quota:.1%}" if quota > 0 else "no limit"
        shown = volume(quota) if quota > 0 else "–"
        table.add_row(site.name, f"{len(site.lfns()):,}", volume(site.used()), volume(present), shown, share)
    return table
