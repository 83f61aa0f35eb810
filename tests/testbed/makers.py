"""A tiny inventory and the disks that agree with it."""

from __future__ import annotations

from pathlib import Path

from inventory.changes import ChangeSet
from inventory.resolve import applied
from inventory.snapshot import Snapshot
from testbed.catalogue import DemoDataset, make_datasets
from testbed.sites import DISKS, TAPE, DemoSite, fill, make_sites

NOW = 1_700_000_000


def small_world(directory: Path, count: int = 6) -> tuple[Snapshot, list[DemoSite], list[DemoDataset]]:
    """``count`` datasets in an inventory, with their files on the disks below ``directory``."""
    datasets = make_datasets(7, count, DISKS, TAPE, NOW)
    sites = make_sites(directory, None)
    fill(sites, datasets)
    return applied(Snapshot.from_frames({}), _changes(datasets, sites), now=NOW), sites, datasets


def _changes(datasets: list[DemoDataset], sites: list[DemoSite]) -> ChangeSet:
    blocks = [(dataset, block) for dataset in datasets for block in dataset.blocks]
    places = [(dataset, site, group) for dataset in datasets for site, group in dataset.replicas]
    return (
        ChangeSet("test", 1)
        .put("groups", [{"name": "AnalysisOps"}, {"name": "DataOps"}])
        .put("sites", [{"name": site.name, "backend": site.backend} for site in sites])
        .put("datasets", [{"name": dataset.name} for dataset in datasets])
        .put("blocks", [{"dataset": dataset.name, "name": block.name} for dataset, block in blocks])
        .put("files", [
            {"dataset": dataset.name, "block": block.name, "lfn": file.lfn, "size": file.size, "adler32": file.adler32}
            for dataset, block in blocks for file in block.files
        ])
        .put("dataset_replicas", [{"dataset": dataset.name, "site": site, "group": group} for dataset, site, group in places])
        .put("block_replicas", [
            {"dataset": dataset.name, "block": block.name, "site": site, "group": group, "complete": True}
            for dataset, site, group in places for block in dataset.blocks
        ])
    )  # fmt: skip
