"""A small inventory that Detox has something to do in: two sites, one of them too full, and a policy for it."""

from __future__ import annotations

from typing import Any

from fileops.models import Subscription
from inventory.models import TunedSetting
from inventory.policy.model import Policy
from inventory.policy.parser import parse_policy
from inventory.snapshot import Snapshot

TB = 10**12
POLICY = """\
Partition Physics
On site.name == T2_*
When site.occupancy > 0.9
Until site.occupancy < 0.5
Protect dataset.name == /*/*/RAW
ProtectBlock blockreplica.is_locked
Delete dataset.status == INVALID
Dismiss
Order increasing dataset.last_update
"""
PARTITIONS = [
    {"name": "AnalysisOps", "definition": "blockreplica.owner == AnalysisOps"},
    {"name": "DataOps", "definition": "blockreplica.owner == DataOps"},
    {"name": "Physics", "definition": "[AnalysisOps, DataOps]"},
]
SITES = [
    {"name": name, "host": "", "storage_type": "DISK", "backend": "file:///nowhere", "status": "READY"}
    for name in ("T2_A", "T2_B")
]
GROUPS = [{"name": "AnalysisOps", "level": "Dataset"}, {"name": "DataOps", "level": "Block"}]


def parsed(text: str = POLICY) -> Policy:
    return parse_policy(text, "Physics.txt")


def dataset(
    name: str,
    last_update: int,
    *,
    sites: tuple[str, ...],
    status: str = "VALID",
    files: int = 2,
    blocks: int = 2,
    group: str = "AnalysisOps",
) -> dict[str, list[dict[str, Any]]]:
    """Rows for a dataset of ``blocks`` blocks of 1 TB each in ``files`` files (0: only counted), complete and growing at ``sites``."""
    names = [f"{number:08x}-0000-0000-0000-000000000000" for number in range(blocks)]
    size = TB // files if files else 0
    return {
        "datasets": [{"name": name, "status": status, "last_update": last_update}],
        "blocks": [{"dataset": name, "name": block, "size": TB, "num_files": files or 3} for block in names],
        "files": [
            {"dataset": name, "block": block, "lfn": f"/store{name}/{block}/{number}.root", "size": size}
            for block in names
            for number in range(files)
        ],
        "dataset_replicas": [{"dataset": name, "site": site, "growing": True, "group": group} for site in sites],
        "block_replicas": [
            {"dataset": name, "block": block, "site": site, "group": group, "complete": True}
            for site in sites
            for block in names
        ],
    }


def let_all_pass() -> None:
    """Have the guard let cycles delete what they like."""
    for name in ("guard_site_share", "guard_partition_share"):
        TunedSetting.objects.update_or_create(component="detox", name=name, defaults={"value": 1.0})


def fill(inventory: Any, *datasets: dict[str, list[dict[str, Any]]], quota: int = 8 * TB) -> None:
    """Put sites, groups, partitions, quotas and the datasets into the inventory; the guard lets all pass that is deleted of them."""
    let_all_pass()
    quotas = [{"site": site["name"], "partition": "AnalysisOps", "quota": quota} for site in SITES]
    inventory.put(groups=GROUPS, sites=SITES, partitions=PARTITIONS, quotas=quotas)
    for rows in datasets:
        inventory.put(**{name: table for name, table in rows.items() if table})


def full_site(inventory: Any) -> None:
    """T2_A holds 8 of 8 TB: two old datasets of 2 TB, one new, one RAW; an invalid one of 2 TB without known files is at T2_B."""
    fill(
        inventory,
        dataset("/Old/A/AOD", 1000, sites=("T2_A",)),
        dataset("/Older/A/AOD", 900, sites=("T2_A", "T2_B")),
        dataset("/New/A/AOD", 5000, sites=("T2_A",)),
        dataset("/Raw/A/RAW", 100, sites=("T2_A",)),
        dataset("/Wrong/A/AOD", 4000, sites=("T2_B",), status="INVALID", files=0),
    )


def owners(snapshot: Snapshot) -> dict[tuple[str, str], set[str]]:
    """Groups of the block replicas by dataset and site."""
    found: dict[tuple[str, str], set[str]] = {}
    rows = snapshot.named("block_replicas").select("dataset", "site", "group").collect()
    for name, site, group in rows.iter_rows():
        found.setdefault((name, site), set()).add(group)
    return found


def growing(snapshot: Snapshot) -> dict[tuple[str, str], bool]:
    rows = snapshot.named("dataset_replicas").select("dataset", "site", "growing").collect()
    return {(name, site): flag for name, site, flag in rows.iter_rows()}


def wanted_deletions() -> list[tuple[str, str]]:
    """(site, lfn) of all open deletions, in order, doubles shown."""
    rows = Subscription.objects.filter(operation="delete").exclude(open_key=None)
    return sorted(rows.values_list("site", "lfn"))
