"""A small inventory for the registry's tests, made by names."""

from __future__ import annotations

from inventory.changes import ChangeSet

SITES = ("T1_Tape", "T2_A", "T2_B", "T2_Sleeping")
BIG = "/Big/Run-v1/RAW"
SMALL = "/Small/Run-v1/AOD"


def inventory_of_the_tests(token: int = 1) -> ChangeSet:
    """BIG (blocks b1, b2 with one file each) whole at T2_A and half (b1) at T2_B; SMALL (block s1) at T1_Tape; group AnalysisOps."""
    changes = ChangeSet("test", token)
    changes.put("groups", [{"name": "AnalysisOps", "level": "Dataset"}])
    changes.put("sites", [
        {"name": name, "host": f"{name.lower()}.example.org", "storage_type": "MSS" if "Tape" in name else "DISK",
         "backend": f"file:///tmp/{name}", "status": "WAITROOM" if "Sleeping" in name else "READY"}
        for name in SITES
    ])  # fmt: skip
    changes.put("datasets", [{"name": BIG, "status": "VALID"}, {"name": SMALL, "status": "VALID"}])
    changes.put(
        "blocks", [{"dataset": BIG, "name": "b1"}, {"dataset": BIG, "name": "b2"}, {"dataset": SMALL, "name": "s1"}]
    )
    changes.put("files", [
        {"dataset": BIG, "block": "b1", "lfn": "/store/big/1.root", "size": 100, "adler32": 1},
        {"dataset": BIG, "block": "b2", "lfn": "/store/big/2.root", "size": 200, "adler32": 2},
        {"dataset": SMALL, "block": "s1", "lfn": "/store/small/1.root", "size": 300, "adler32": 3},
    ])  # fmt: skip
    held = [(BIG, "T2_A", ("b1", "b2")), (BIG, "T2_B", ("b1",)), (SMALL, "T1_Tape", ("s1",))]
    changes.put("dataset_replicas", [{"dataset": d, "site": s, "group": "AnalysisOps"} for d, s, _ in held])
    changes.put("block_replicas", [
        {"dataset": dataset, "block": block, "site": site, "complete": True}
        for dataset, site, blocks in held for block in blocks
    ])  # fmt: skip
    return changes
