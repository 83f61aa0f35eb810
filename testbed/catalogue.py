"""The demo's data, made from a seed: datasets with CMS-like names, their blocks and real small files, and where they lie.

Frames (Polars) and plain injection documents come out; no I/O happens here. The content of a file follows from its
LFN, so that any copy anywhere can be checked without keeping the originals.
"""

from __future__ import annotations

import hashlib
import random
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

_ERAS = (
    "RunIISummer20UL18-106X_v11",
    "RunIIAutumn18-102X_v15",
    "Run2018D-PromptReco",
    "Run2017C-31Mar2018",
    "Run3Summer22-124X_v12",
)
_TIERS = ("AODSIM", "MINIAODSIM", "NANOAODSIM", "RECO", "AOD", "GEN-SIM", "RAW")
_PROCESSES = (
    "TTTo2L2Nu",
    "DYJetsToLL_M-50",
    "WJetsToLNu",
    "QCD_Pt-15to7000",
    "SingleMuon",
    "DoubleEG",
    "ZeroBias",
    "ttHTobb_M125",
)
DAY = 86400


@dataclass(frozen=True)
class DemoFile:
    """One file; ``size`` in bytes."""

    lfn: str
    size: int

    @property
    def content(self) -> bytes:
        """The bytes that every copy of the file must have (they follow from its name)."""
        seed = int.from_bytes(hashlib.sha256(self.lfn.encode()).digest()[:8], "big")
        return random.Random(seed).randbytes(self.size)

    @property
    def adler32(self) -> int:
        return zlib.adler32(self.content)


@dataclass(frozen=True)
class DemoBlock:
    name: str
    files: tuple[DemoFile, ...]


@dataclass(frozen=True)
class DemoDataset:
    """A dataset with the sites that hold it from the start, each with its owner."""

    name: str
    status: str
    usage_rank: float
    last_update: int
    blocks: tuple[DemoBlock, ...]
    replicas: tuple[tuple[str, str], ...] = field(default=())

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files())

    def files(self) -> Iterator[DemoFile]:
        for block in self.blocks:
            yield from block.files


def make_datasets(seed: int, count: int, disks: tuple[str, ...], tape: str, now: int) -> list[DemoDataset]:
    """``count`` datasets with about 13 files each, one to three disk replicas and often one on tape."""
    chance = random.Random(seed)
    return [_dataset(chance, number, disks, tape, now) for number in range(count)]


def _dataset(chance: random.Random, number: int, disks: tuple[str, ...], tape: str, now: int) -> DemoDataset:
    era, tier = chance.choice(_ERAS), chance.choice(_TIERS)
    primary = f"{chance.choice(_PROCESSES)}_{number:04d}"
    name = f"/{primary}/{era}-v{1 + number % 3}/{tier}"
    directory = f"/store/{'data' if tier in ('RAW', 'RECO', 'AOD') else 'mc'}/{era}/{primary}/{tier}/v{1 + number % 3}"
    blocks = tuple(_block(chance, directory) for _ in range(chance.choice((1, 2, 2, 3, 4))))
    return DemoDataset(
        name=name,
        status=chance.choices(("VALID", "PRODUCTION", "DEPRECATED"), (94, 4, 2))[0],
        usage_rank=round(chance.gammavariate(1.2, 90), 3),
        last_update=now - chance.randint(20, 900) * DAY,
        blocks=blocks,
        replicas=_places(chance, disks, tape),
    )


def _block(chance: random.Random, directory: str) -> DemoBlock:
    files = tuple(
        DemoFile(
            f"{directory}/{chance.randrange(10_000):05d}/{_uuid(chance)}.root",
            int(chance.lognormvariate(9.4, 0.7)) + 200,
        )
        for _ in range(chance.randint(3, 8))
    )
    return DemoBlock(_uuid(chance), files)


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _places(chance: random.Random, disks: tuple[str, ...], tape: str) -> tuple[tuple[str, str], ...]:
    copies = chance.choices((1, 2, 3), (45, 40, 15))[0]
    places = [(site, chance.choices(("AnalysisOps", "DataOps"), (85, 15))[0]) for site in chance.sample(disks, copies)]
    if chance.random() < 0.6:
        places.append((tape, "DataOps"))
    return tuple(places)


def injection_document(datasets: list[DemoDataset]) -> dict[str, list[dict[str, object]]]:
    """The injection document (POST /data/inventory/injectsync) for ``datasets`` and their replicas."""
    return {
        "dataset": [_dataset_entry(dataset) for dataset in datasets],
        "datasetreplica": [
            {
                "dataset": dataset.name, "site": site, "growing": False, "group": group,
                "blockreplicas": [
                    {"block": block.name, "group": group, "files": [{"name": file.lfn} for file in block.files]}
                    for block in dataset.blocks
                ],
            }
            for dataset in datasets
            for site, group in dataset.replicas
        ],
    }  # fmt: skip


def _dataset_entry(dataset: DemoDataset) -> dict[str, object]:
    return {
        "name": dataset.name,
        "status": dataset.status,
        "data_type": "data" if dataset.name.endswith(("RAW", "RECO", "AOD")) else "mc",
        "software_version": "CMSSW_10_6_20",
        "blocks": [
            {
                "name": block.name,
                "files": [
                    {"name": file.lfn, "size": file.size, "adler32": f"{file.adler32:08x}"} for file in block.files
                ],
            }
            for block in dataset.blocks
        ],
    }
