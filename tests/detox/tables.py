"""Inventories for the engine from readable tables of replicas."""

from __future__ import annotations

import polars as pl

from detox.decisions import Decisions
from detox.engine import decide
from detox.settings import DetoxSettings
from inventory.policy.facts import Facts
from inventory.policy.parser import parse_partitions, parse_policy
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

NOW = 1_700_000_000
DAY = 86_400
PARTITIONS = "All: site.name == *\nOps: blockreplica.owner == Ops\nNoVal: blockreplica.owner in [Ops Ana]"
GROUPS = ("None", "Ana", "Ops", "Val")


def sites(**status_and_quota: tuple[str, int]) -> list[tuple[str, str, str, int]]:
    """Name, type, status, quota in all partitions, from ``T2_A=("READY", 100)``; names with MSS are tape."""
    return [
        (name, "MSS" if "MSS" in name else "DISK", status, quota) for name, (status, quota) in status_and_quota.items()
    ]


def inventory(places: list[tuple[str, str, str, int]], replicas: str) -> Snapshot:
    """Lines ``dataset site block:size[/present][@owner] …``; a dataset has the blocks that some replica has.

    A dataset named with ``!`` is INVALID; ``present`` bytes make a block replica incomplete; owner is Ana unless given.
    """
    rows: dict[str, list[tuple]] = {name: [] for name in TABLES}
    rows["groups"] = [(number, name, "Block" if name == "Ops" else "Dataset") for number, name in enumerate(GROUPS)]
    numbers = {place[0]: number for number, place in enumerate(places, start=1)}
    for name, kind, status, quota in places:
        rows["sites"].append((numbers[name], name, "", kind, "", status))
        rows["quotas"] += [(numbers[name], partition, quota) for partition in (1, 2, 3)]
    for number, line in enumerate(PARTITIONS.splitlines(), start=1):
        rows["partitions"].append((number, *line.split(": ", 1)))
    datasets: dict[str, int] = {}
    blocks: dict[tuple[str, str], int] = {}
    for line in filter(None, map(str.strip, replicas.splitlines())):
        dataset, site, *held = line.split()
        number = datasets.setdefault(dataset, len(datasets) + 1)
        rows["dataset_replicas"].append((number, numbers[site], True, 1))
        for text in held:
            block, _, more = text.partition(":")
            sizes, _, owner = more.partition("@")
            size, _, present = sizes.partition("/")
            if (dataset, block) not in blocks:
                blocks[dataset, block] = len(blocks) + 1
                rows["blocks"].append((number, blocks[dataset, block], block, int(size), 1, False, NOW - 9 * DAY))
            group = GROUPS.index(owner or "Ana")
            bytes_there = int(present or size)
            replica = (
                number,
                blocks[dataset, block],
                numbers[site],
                group,
                False,
                bytes_there,
                1,
                not present,
                NOW - 9 * DAY,
            )
            rows["block_replicas"].append(replica)
    for name, number in datasets.items():
        status = "INVALID" if name.startswith("!") else "VALID"
        rows["datasets"].append((number, name, status, "mc", None, False, NOW - number * DAY, float(number), 0, 0, 0.0))
    return Snapshot.from_frames({
        name: pl.DataFrame(rows[name], schema=table.schema, orient="row").sort(table.key) for name, table in TABLES.items()
    })  # fmt: skip


def run(snapshot: Snapshot, policy: str, facts: Facts | None = None, share: float = 0.01) -> Decisions:
    """Decide with the policy; its Partition is All, On, When, Until and Order have defaults that it may replace."""
    defaults = {
        "Partition": "Partition All", "On": "On always", "When": "When always", "Until": "Until never", "Order": "Order none",
    }  # fmt: skip
    given = [line.strip() for line in policy.splitlines()]
    head = [text for word, text in defaults.items() if not any(line.startswith(word) for line in given)]
    parsed = parse_policy("\n".join([*head, *given]))
    settings = DetoxSettings(deletion_per_iteration=share)
    return decide(snapshot, parsed, parse_partitions(PARTITIONS), facts or Facts.none(), settings, NOW)


def listed(decisions: Decisions, decision: str) -> list[str]:
    """``site dataset line blocks`` of one list, sorted."""
    rows = decisions.summary()[decision]
    return [f"{site} {dataset} {line} {blocks}" for site, dataset, line, blocks, _ in rows]
