"""The demo's six storage sites: five disk sites, three of them too full, and one tape-like."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from testbed import xrootd
from testbed.catalogue import DemoDataset, DemoFile

TAPE = "T1_US_FNAL_MSS"
FULL_SITES = ("T2_US_MIT", "T2_DE_DESY", "T1_US_FNAL_Disk")
ROOMY_SITES = ("T2_CH_CERN", "T2_IT_Bari")
DISKS = FULL_SITES + ROOMY_SITES

# Fraction of the quota that is taken at the start: above the high watermark (0.90) at three sites.
_FILLED = {"T2_US_MIT": 0.97, "T2_DE_DESY": 0.94, "T1_US_FNAL_Disk": 0.95, "T2_CH_CERN": 0.55, "T2_IT_Bari": 0.62}


@dataclass(frozen=True)
class DemoSite:
    """A site with its own directory ``root``; ``port`` is set when an XRootD server serves it."""

    name: str
    root: Path
    port: int | None

    @property
    def storage_type(self) -> str:
        return "mss" if self.name == TAPE else "disk"

    @property
    def backend(self) -> str:
        return f"root://127.0.0.1:{self.port}/" if self.port else f"file://{quote(str(self.root))}"

    def path(self, lfn: str) -> Path:
        return self.root / lfn.lstrip("/")

    def write(self, file: DemoFile) -> None:
        """Put the file on the site's disk, as production's own stage-out does before it injects."""
        path = self.path(file.lfn)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)

    def belongs_to_server(self) -> None:
        """Hand what was written to the account that the site's server runs under."""
        owner = xrootd.account()
        if self.port and owner is not None:
            xrootd.give(self.root, owner)

    def lfns(self) -> set[str]:
        """All files on disk below /store, by LFN; a directory that goes meanwhile has none."""
        found = os.walk(self.root / "store")
        return {f"/{Path(directory, name).relative_to(self.root)}" for directory, _, names in found for name in names}

    def used(self) -> int:
        """Bytes on disk."""
        return sum(_size(self.path(lfn)) for lfn in self.lfns())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def make_sites(directory: Path, ports: list[int] | None) -> list[DemoSite]:
    """The sites below ``directory``; with ``ports`` (one a site) they are XRootD servers, else plain directories."""
    names = (*DISKS, TAPE)
    return [DemoSite(name, directory / name, ports[index] if ports else None) for index, name in enumerate(names)]


def fill(sites: list[DemoSite], datasets: list[DemoDataset]) -> int:
    """Write every dataset's files at the sites that hold it; returns the number of files written."""
    by_name = {site.name: site for site in sites}
    written = 0
    for dataset in datasets:
        places = [by_name[name] for name, _ in dataset.replicas]
        for file in dataset.files():
            for site in places:
                site.write(file)
                written += 1
    for site in sites:
        site.belongs_to_server()
    return written


def site_document(sites: list[DemoSite]) -> list[dict[str, str]]:
    """The sites as the injection document has them."""
    return [
        {"name": site.name, "host": "127.0.0.1", "storage_type": site.storage_type, "backend": site.backend, "status": "ready"}
        for site in sites
    ]  # fmt: skip


def quotas(datasets: list[DemoDataset], owners: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str, int]]:
    """(site, partition, bytes) such that the partitions together are filled as ``_FILLED`` says.

    ``owners`` names the owner groups of each simple partition. Tape has no limit.
    """
    rows: list[tuple[str, str, int]] = [(TAPE, "PhysicsTape", -1)]
    for site, filled in _FILLED.items():
        for partition, groups in owners.items():
            used = sum(
                dataset.size
                for dataset in datasets
                for place, owner in dataset.replicas
                if place == site and owner in groups
            )
            rows.append((site, partition, int(used / filled) + 1))
    return rows
