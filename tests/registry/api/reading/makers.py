"""An inventory with rows of every kind, made by names."""

from __future__ import annotations

from inventory.changes import ChangeSet

SITES = ("T1_Tape", "T2_A", "T2_B", "T2_Empty")
GROUPS = ("AnalysisOps", "DataOps")
DATASETS = [f"/Prim{number:02}/Era-v{number % 3}/{'AOD' if number % 2 else 'RAW'}" for number in range(12)]


def blocks_of(dataset: str) -> list[str]:
    place = DATASETS.index(dataset)
    return [
        f"{place:08x}-0000-4000-8000-{number:012x}" if number % 2 else f"b{number}" for number in range(1 + place % 4)
    ]


def files_of(dataset: str, block: str) -> list[dict]:
    place = DATASETS.index(dataset)
    return [
        {"dataset": dataset, "block": block, "lfn": f"/store{dataset}/{block}/{number}.root", "size": 100 + 10 * place + number,
         "adler32": None if number else place, "crc32": 2**32 - 1 - place}
        for number in range(3)
    ]  # fmt: skip


def filled_inventory(token: int = 1) -> ChangeSet:
    """Twelve datasets with one to four blocks of three files, at two or three sites, one replica in five incomplete."""
    changes = ChangeSet("test", token)
    changes.put("groups", [{"name": name, "level": "Dataset"} for name in GROUPS])
    changes.put("sites", [
        {"name": name, "host": f"{name.lower()}.example.org", "storage_type": "MSS" if "Tape" in name else "DISK",
         "backend": f"root://{name.lower()}.example.org//store-root", "status": "MORGUE" if "Empty" in name else "READY"}
        for name in SITES
    ])  # fmt: skip
    changes.put("partitions", [
        {"name": "Analysis", "definition": "blockreplica.owner == AnalysisOps"},
        {"name": "Data", "definition": "blockreplica.owner == DataOps"}, {"name": "Both", "definition": "[Analysis, Data]"},
    ])  # fmt: skip
    changes.put("quotas", [{"site": "T2_A", "partition": "Analysis", "quota": 10**12}])
    statuses = ("VALID", "PRODUCTION", "INVALID")
    changes.put("datasets", [
        {"name": name, "status": statuses[place % 3], "data_type": "mc" if place % 2 else "data",
         "software_version": None if place % 4 == 0 else f"X_{place % 4}", "usage_rank": None if place % 3 else place / 7,
         "num_access": place, "last_update": 1_700_000_000 + place}
        for place, name in enumerate(DATASETS)
    ])  # fmt: skip
    changes.put("blocks", [{"dataset": name, "name": block} for name in DATASETS for block in blocks_of(name)])
    changes.put("files", [row for name in DATASETS for block in blocks_of(name) for row in files_of(name, block)])
    there = [(name, SITES[(place + step) % 3]) for place, name in enumerate(DATASETS) for step in range(2 + place % 2)]
    changes.put("dataset_replicas", [
        {"dataset": name, "site": site, "group": GROUPS[len(site) % 2], "growing": site == "T2_A"} for name, site in there
    ])  # fmt: skip
    changes.put("block_replicas", [
        {"dataset": name, "block": block, "site": site, "complete": (place + number) % 5 > 0}
        for place, (name, site) in enumerate(there) for number, block in enumerate(blocks_of(name))
    ])  # fmt: skip
    return changes
