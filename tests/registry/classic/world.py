"""What golden answers are about: an inventory with odd corners, besides that of ``makers``."""

from __future__ import annotations

from django.test import Client

from inventory.changes import ChangeSet

PARTLY = "/Partly/Run-v1/AOD"
ODD = 'b"\\1 é'
NOW = 1_780_000_000


def more(token: int = 2) -> ChangeSet:
    """A block with an odd name and two files at T2_B, one of them at T1_MSS; rules for names at T2_A."""
    changes = ChangeSet("test", token)
    changes.put("sites", [{"name": "T1_XX_MSS", "host": "tape.example.org", "storage_type": "MSS", "status": "READY"}])
    changes.put("datasets", [{"name": PARTLY, "status": "PRODUCTION", "is_open": True, "last_update": NOW}])
    changes.put("blocks", [{"dataset": PARTLY, "name": ODD, "is_open": True, "last_update": NOW}])
    changes.put("files", [
        {"dataset": PARTLY, "block": ODD, "lfn": "/store/partly/1.root", "size": 30, "adler32": 255, "crc32": 7},
        {"dataset": PARTLY, "block": ODD, "lfn": "/store/partly/2.root", "size": 10},
    ])  # fmt: skip
    changes.put("dataset_replicas", [{"dataset": PARTLY, "site": "T2_B"}, {"dataset": PARTLY, "site": "T1_XX_MSS"}])
    changes.put("block_replicas", [
        {"dataset": PARTLY, "block": ODD, "site": "T2_B", "complete": True},
        {"dataset": PARTLY, "block": ODD, "site": "T1_XX_MSS", "complete": False, "custodial": True},
    ])  # fmt: skip
    changes.put(
        "replica_files", [{"dataset": PARTLY, "block": ODD, "site": "T1_XX_MSS", "lfn": "/store/partly/1.root"}]
    )
    changes.put("path_rules", [
        {"site": "T2_A", "protocol": "davs", "position": 1, "lfn_pattern": "/store/big/(.*)", "pfn_template": "davs://a.example.org/{0}"},
        {"site": "T2_A", "protocol": "gfal2", "position": 1, "lfn_pattern": "/(.*)", "pfn_template": "gsiftp://a.example.org/{0}"},
    ])  # fmt: skip
    return changes


def timed(token: int = 3) -> ChangeSet:
    """The replicas of the odd block have a time of their own."""
    rows = [{"dataset": PARTLY, "block": ODD, "site": site, "last_update": NOW} for site in ("T2_B", "T1_XX_MSS")]
    return ChangeSet("test", token).put("block_replicas", rows)


def got(path: str, **parameters: object) -> object:
    """What nobody in particular gets as ``data``."""
    answer = Client().get(f"/data/{path}", parameters)
    assert answer.status_code == 200, answer.content
    return answer.json().get("data")


def ids(inventory, table: str, key: str) -> dict[str, int]:
    """Ids of the rows of a table by name."""
    return dict(inventory.snapshot().frame(table).select("name", key).iter_rows())
