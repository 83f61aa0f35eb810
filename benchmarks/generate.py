"""A synthetic inventory of the shape of CMS's, as a snapshot: same distributions as in production, any number of datasets.

Sites of three tiers, tape beside disk; about ten blocks a dataset, 2.4 replicas of it; owners, custody, partial and incomplete copies;
if wanted, 17 files a block, named by UUIDs in a directory for each thousand of a dataset.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from detox.segments import Array, ranges
from inventory.packed.texts import written
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

NOW = 1_700_000_000
DAY = 86_400
PARTITIONS = """\
AnalysisOps: blockreplica.owner == AnalysisOps and site.storage_type == DISK
DataOpsDisk: blockreplica.owner == DataOps and site.storage_type == DISK
RelVal: blockreplica.owner == RelVal
PhysicsTape: site.storage_type == MSS
Physics: [AnalysisOps, DataOpsDisk, PhysicsTape]
"""
_SIMPLE = ("AnalysisOps", "DataOpsDisk", "RelVal", "PhysicsTape")
_GROUPS = ("None", "AnalysisOps", "DataOps", "RelVal", "caf-comm", "express")
_TIERS = {
    "RAW": 4, "RECO": 3, "AOD": 8, "AODSIM": 22, "MINIAOD": 5, "MINIAODSIM": 22, "NANOAOD": 3, "NANOAODSIM": 10,
    "GEN-SIM": 12, "GEN-SIM-RECO": 2, "LHE": 3, "ALCARECO": 4, "RAW-RECO": 1, "GEN": 1,
}  # fmt: skip
_ERAS = (
    "RunIISummer16DR80Premix-PUMoriond17", "RunIIFall17MiniAODv2-PU2017", "RunIIAutumn18MiniAOD-102X", "RunIISummer19UL18",
    "Phys14DR", "Spring14", "Run2016B-03Feb2017", "Run2017C-31Mar2018", "Run2018A-17Sep2018",
    "HINPbPbAutumn18DR-mva98", "Run2018D-PromptReco",
)  # fmt: skip

_T1 = ("DE_KIT", "ES_PIC", "FR_CCIN2P3", "IT_CNAF", "RU_JINR", "UK_RAL", "US_FNAL")
_T2 = (
    "AT_Vienna", "BE_IIHE", "BE_UCL", "BR_SPRACE", "CH_CERN", "CH_CSCS", "CN_Beijing", "DE_DESY", "DE_RWTH", "EE_Estonia",
    "ES_CIEMAT", "ES_IFCA", "FI_HIP", "FR_CCIN2P3", "FR_GRIF_IRFU", "FR_GRIF_LLR", "FR_IPHC", "GR_Ioannina", "HU_Budapest",
    "IN_TIFR", "IT_Bari", "IT_Legnaro", "IT_Pisa", "IT_Rome", "KR_KISTI", "PK_NCP", "PL_Swierk", "PT_NCG_Lisbon", "RU_IHEP",
    "RU_INR", "RU_ITEP", "RU_JINR", "TR_METU", "TW_NCHC", "UA_KIPT", "UK_London_Brunel", "UK_London_IC", "UK_SGrid_Bristol",
    "UK_SGrid_RALPP", "US_Caltech", "US_Florida", "US_MIT", "US_Nebraska", "US_Purdue", "US_UCSD", "US_Vanderbilt", "US_Wisconsin",
)  # fmt: skip


def generate(datasets: int, seed: int = 1, quota_factor: float = 1.0, files: bool = False) -> Snapshot:
    """A snapshot of ``datasets`` datasets; ``quota_factor`` makes all quotas larger, or, below 1, sites fuller.

    ``files``: with all files, and those present in incomplete replicas.
    """
    rng = np.random.default_rng(seed)
    frames = _datasets(rng, datasets)
    frames |= _replicas(rng, frames["datasets"], frames["blocks"])
    if files:
        frames["files"] = _files(rng, frames["datasets"], frames["blocks"])
        frames |= _present(rng, frames)
    sites = _sites()
    frames |= {
        "sites": sites,
        "groups": _frame(
            "groups",
            group_id=range(6),
            name=_GROUPS,
            level=["Dataset", "Dataset", "Block", "Dataset", "Dataset", "Block"],
        ),
    }
    frames["partitions"] = _frame(
        "partitions", partition_id=range(1, 6), name=[line.split(":")[0] for line in PARTITIONS.splitlines()],
        definition=[line.split(": ", 1)[1] for line in PARTITIONS.splitlines()],
    )  # fmt: skip
    frames["quotas"] = _quotas(rng, sites, frames["block_replicas"], quota_factor)
    return Snapshot.from_frames(frames, time=NOW)


def _frame(table: str, **columns: Any) -> pl.DataFrame:
    declared = TABLES[table]
    frame = pl.DataFrame({name: pl.Series(values) for name, values in columns.items()})
    return frame.select(pl.col(name).cast(kind) for name, kind in declared.schema.items()).sort(declared.key)


def _sites() -> pl.DataFrame:
    disks = [f"T1_{name}_Disk" for name in _T1] + [f"T2_{name}" for name in _T2]
    names = ["T0_CH_CERN_Disk", *disks, "T0_CH_CERN_MSS", *(f"T1_{name}_MSS" for name in _T1)]
    status = ["MORGUE" if name == "T2_UA_KIPT" else "WAITROOM" if name == "T2_PK_NCP" else "READY" for name in names]
    kinds = ["MSS" if name.endswith("MSS") else "DISK" for name in names]
    nothing = [""] * len(names)
    return _frame(
        "sites",
        site_id=range(1, len(names) + 1),
        name=names,
        host=nothing,
        storage_type=kinds,
        backend=nothing,
        status=status,
    )


def _datasets(rng: np.random.Generator, number: int) -> dict[str, pl.DataFrame]:
    """Datasets with their blocks: a geometric number of blocks of lognormal size, in one of a hundred twelve times as many."""
    counts = np.maximum(1, rng.geometric(1 / 9.0, number)) * np.where(rng.random(number) < 0.01, 12, 1)
    weights = np.array(list(_TIERS.values())) / sum(_TIERS.values())
    tiers, eras = rng.choice(list(_TIERS), number, p=weights), rng.choice(_ERAS, number)
    updated = NOW - (rng.exponential(400, number) * DAY).astype(np.int64)
    ids = np.arange(1, number + 1)
    names = [
        f"/Prim{place:07}/{era}-v{1 + place % 3}/{tier}"
        for place, era, tier in zip(range(number), eras, tiers, strict=True)
    ]
    status = rng.choice(
        ["VALID", "PRODUCTION", "INVALID", "DEPRECATED", "UNKNOWN"], number, p=[0.93, 0.03, 0.02, 0.01, 0.01]
    )
    accesses = np.where(rng.random(number) < 0.45, 0, rng.poisson(12, number))
    of_block = np.repeat(ids, counts)
    total = len(of_block)
    sizes = rng.lognormal(24.2, 0.9, total).astype(np.int64) + 1
    return {
        "datasets": _frame(
            "datasets", dataset_id=ids, name=names, status=status, data_type=["mc"] * number,
            software_version=pl.repeat(None, number, dtype=pl.String, eager=True), is_open=np.zeros(number, bool),
            last_update=updated, usage_rank=np.round(rng.gamma(1.2, 90, number), 4), num_access=accesses,
            last_access=np.zeros(number), demand_rank=np.zeros(number),
        ),
        "blocks": _frame(
            "blocks", dataset_id=of_block, block_id=np.arange(1, total + 1), name=_block_names(of_block),
            size=sizes, num_files=1 + sizes // 3_000_000_000, is_open=np.zeros(total, bool),
            last_update=updated[of_block - 1] - rng.integers(0, 30 * DAY, total),
        ),
    }  # fmt: skip


def _block_names(dataset: Array) -> list[str]:
    return [f"{place:08x}-0000-4000-8000-{number - 1:012x}" for place, number in enumerate(dataset.tolist())]


def _files(rng: np.random.Generator, datasets: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """The files of all blocks."""
    counts = blocks["num_files"].to_numpy().astype(np.int64)
    of = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    dataset = blocks["dataset_id"].to_numpy()[of]
    whole = blocks["size"].to_numpy()
    begins = np.searchsorted(blocks["dataset_id"].to_numpy(), np.arange(1, datasets.height + 1))
    thousand = (np.arange(len(of)) - first[begins][dataset - 1]) // 1000
    places = pl.DataFrame({"dataset_id": dataset, "thousand": thousand})
    _, primary, processed, tier = (datasets["name"].str.split("/").list.get(part) for part in range(4))
    trunk = pl.DataFrame(
        {"dataset_id": datasets["dataset_id"], "trunk": "/store/mc/" + processed + "/" + primary + "/" + tier}
    )
    distinct = places.unique(maintain_order=True).join(trunk, on="dataset_id", maintain_order="left")
    distinct = distinct.select(
        "dataset_id", "thousand", directory=pl.format("{}/{}", "trunk", pl.col("thousand").cast(pl.String).str.zfill(5))
    )
    directory = places.join(distinct, on=["dataset_id", "thousand"], how="left", maintain_order="left")["directory"]
    shares = 0.2 + rng.random(len(of))
    sizes = (whole[of] * (shares / np.bincount(of, shares)[of])).astype(np.int64)
    # What rounding lost is the first file's.
    sizes[first] += whole - np.bincount(of, sizes).astype(np.int64)
    names = pl.Series(pl.from_arrow(written(rng.integers(0, 256, (len(of), 16), np.uint8), (True, ".root"))))
    return _frame(
        "files", dataset_id=dataset, block_id=of + 1, file_id=np.arange(1, len(of) + 1), directory=directory, base_name=names,
        size=sizes,
        adler32=rng.integers(0, 2**32, len(of)), crc32=rng.integers(0, 2**32, len(of)),
    )  # fmt: skip


def _present(rng: np.random.Generator, frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Of incomplete replicas the files that are there, and sizes that agree with them."""
    keys = ["dataset_id", "block_id", "site_id"]
    replicas = frames["block_replicas"]
    of_block = frames["files"].lazy().select("dataset_id", "block_id", "file_id", "size")
    lacking = replicas.lazy().filter(~pl.col("complete")).select(keys)
    there = lacking.join(of_block, on=keys[:2]).collect()
    there = there.filter(pl.Series(rng.random(there.height) < 0.5))
    sums = there.group_by(keys).agg(present=pl.col("size").sum(), number=pl.len())
    summed = replicas.join(sums, on=keys, how="left", maintain_order="left").with_columns(
        size=pl.when("complete").then("size").otherwise(pl.col("present").fill_null(0)),
        num_files=pl.when("complete").then("num_files").otherwise(pl.col("number").fill_null(0)),
    )
    listed = _frame("replica_files", **{name: there[name] for name in [*keys, "file_id"]})
    return {"replica_files": listed, "block_replicas": summed.select(replicas.columns).cast(dict(replicas.schema))}  # type: ignore[arg-type]


def _replicas(rng: np.random.Generator, datasets: pl.DataFrame, blocks: pl.DataFrame) -> dict[str, pl.DataFrame]:
    number = datasets.height
    dataset, site, custodial = _places(rng, number)
    replicas = len(dataset)
    owner = np.where(
        rng.random(replicas) < 0.62, 1, np.where(rng.random(replicas) < 0.9, 2, rng.integers(3, 6, replicas))
    )
    partial, mixed, broken = (rng.random(replicas) < share for share in (0.08, 0.05, 0.05))
    arrived = datasets["last_update"].to_numpy()[dataset - 1] + rng.integers(0, 200 * DAY, replicas)
    counts = np.bincount(blocks["dataset_id"].to_numpy(), minlength=number + 1)
    first = np.cumsum(counts) - counts
    of = np.repeat(np.arange(replicas), counts[dataset])
    block = ranges(first[dataset], counts[dataset])
    kept = ~partial[of] | (rng.random(len(of)) < 0.6)
    of, block = of[kept], block[kept]
    other = np.where(owner == 1, 2, np.where(owner == 2, 1, owner))
    sizes = blocks["size"].to_numpy()[block]
    complete = ~(broken[of] & (rng.random(len(of)) < 0.3))
    present = np.where(complete, sizes, (sizes * rng.random(len(of))).astype(np.int64))
    return {
        "dataset_replicas": _frame("dataset_replicas", dataset_id=dataset, site_id=site, growing=~partial, group_id=owner),
        "block_replicas": _frame(
            "block_replicas", dataset_id=dataset[of], block_id=block + 1, site_id=site[of],
            group_id=np.where(mixed[of] & (rng.random(len(of)) < 0.4), other[of], owner[of]), custodial=custodial[of],
            size=present, num_files=np.where(complete, blocks["num_files"].to_numpy()[block], 0), complete=complete,
            last_update=np.minimum(NOW - 3600, arrived[of]),
        ),
    }  # fmt: skip


def _places(rng: np.random.Generator, number: int) -> tuple[Array, Array, Array]:
    """Dataset, site and whether on tape: most datasets once on tape, and none to six times on disk."""
    ids = np.arange(1, number + 1)
    taped = ids[rng.random(number) < 0.72]
    copies = rng.choice([0, 1, 2, 3, 4, 6], number, p=[0.12, 0.42, 0.25, 0.12, 0.06, 0.03])
    disks = np.argsort(rng.random((number, 55)), axis=1)[:, :6] + 1
    on_disk = np.arange(6) < copies[:, None]
    dataset = np.concatenate([taped, np.repeat(ids, copies)])
    site = np.concatenate([rng.integers(56, 64, len(taped)), disks[on_disk]])
    order = np.lexsort((site, dataset))
    return dataset[order], site[order], (site > 55)[order]


def _quotas(rng: np.random.Generator, sites: pl.DataFrame, replicas: pl.DataFrame, factor: float) -> pl.DataFrame:
    used = np.bincount(replicas["site_id"], replicas["size"], minlength=sites.height + 1)[1:]
    tape = (sites["storage_type"].cast(pl.String) == "MSS").to_numpy()
    big = used / rng.uniform(0.80, 1.08, len(used)) * 0.75 * factor
    small = used * 0.35 * factor
    ids = sites["site_id"].to_numpy()
    columns = [
        (ids, np.full(len(ids), place), np.where(tape, -1, (big if name == "AnalysisOps" else small).astype(np.int64)))
        for place, name in enumerate(_SIMPLE, start=1)
    ]
    site, partition, quota = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return _frame("quotas", site_id=site, partition_id=partition, quota=quota)
