"""Slow and plain: what the vectorised functions of the registry have to come to, said with loops over rows."""

from __future__ import annotations

import fnmatch
from typing import Any

from inventory.snapshot import Snapshot


class PlainInventory:
    """The snapshot as dictionaries and sets of names."""

    def __init__(self, snapshot: Snapshot) -> None:
        datasets = dict(snapshot.frame("datasets").select("dataset_id", "name").iter_rows())
        sites = dict(snapshot.frame("sites").select("site_id", "name").iter_rows())
        groups = dict(snapshot.frame("groups").select("group_id", "name").iter_rows())
        blocks = snapshot.frame("blocks").iter_rows(named=True)
        self.sites, self.groups, self.datasets = set(sites.values()), set(groups.values()), set(datasets.values())
        self.blocks = {row["block_id"]: (datasets[row["dataset_id"]], row["name"]) for row in blocks}
        self.dataset_replicas = {
            (datasets[row["dataset_id"]], sites[row["site_id"]])
            for row in snapshot.frame("dataset_replicas").iter_rows(named=True)
        }
        self.replicas: list[dict[str, Any]] = [
            row | {"of": self.blocks[row["block_id"]], "site": sites[row["site_id"]], "group": groups[row["group_id"]]}
            for row in snapshot.frame("block_replicas").iter_rows(named=True)
        ]

    def covered(self, locks: list[tuple[str, str, str]]) -> set[tuple[int, int, int]]:
        """Ids of replicas under a lock."""
        return {
            (row["dataset_id"], row["block_id"], row["site_id"])
            for row in self.replicas
            for item, sites, groups in locks
            if _item(item, *row["of"])
            and _where(sites, row["site"], self.sites)
            and _where(groups, row["group"], self.groups)
        }

    def ended(self, kind: str, item: str, site: str) -> str | None:
        """What happened to an action."""
        dataset, separator, block = item.partition("#")
        known = (dataset, block) in self.blocks.values() if separator else dataset in self.datasets
        gone = not known or site not in self.sites
        there = [row for row in self.replicas if row["of"][0] == dataset and row["site"] == site]
        there = [row for row in there if not separator or row["of"][1] == block]
        if kind == "deletion":
            replica = not separator and (dataset, site) in self.dataset_replicas
            return "complete" if gone or not (there or replica) else None
        if gone:
            return "fail"
        complete = sum(row["complete"] for row in there)
        if separator:
            return "complete" if complete else None
        whole = complete == sum(of[0] == dataset for of in self.blocks.values())
        return "complete" if whole and (dataset, site) in self.dataset_replicas else None


def _item(pattern: str, dataset: str, block: str) -> bool:
    name, separator, only = pattern.partition("#")
    return (name, only) == (dataset, block) if separator else fnmatch.fnmatchcase(dataset, name)


def _where(pattern: str, name: str, names: set[str]) -> bool:
    if not pattern or not any(fnmatch.fnmatchcase(other, pattern) for other in names):
        return True
    return fnmatch.fnmatchcase(name, pattern)
