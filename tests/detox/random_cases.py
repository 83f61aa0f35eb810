"""Random small inventories and policies: every action, operator and variable, with values where it matters."""

from __future__ import annotations

import random
from dataclasses import dataclass

import polars as pl

from inventory.policy.facts import Facts
from inventory.policy.model import Condition, Policy
from inventory.policy.parser import parse_partitions, parse_policy
from inventory.policy.variables import VARIABLES, variables_for
from inventory.schema import DATASET_STATUSES, TABLES
from inventory.snapshot import Snapshot

NOW = 1_700_000_000
DAY = 86_400
SITES = ("T1_A_Disk", "T1_A_MSS", "T2_B", "T2_C", "T0_MSS")
GROUPS = {"None": "Dataset", "Ana": "Dataset", "Ops": "Block", "Val": "Dataset", "Exp": "Block"}
PARTITIONS = """
Disk: site.storage_type == DISK
Tape: site.storage_type == MSS
All: [Disk, Tape]
Every: site.name == *
Owned: blockreplica.owner in [Ana Ops] and dataset.name == /*/*
Mixed: [OwnedAna, OldOps]
OwnedAna: blockreplica.owner == A*
OldOps: blockreplica.owner != Ana and blockreplica.last_update older_than 2 days ago
"""
DATES = ("1 day ago", "3 days ago", "2023-11-10", "1 hour ago", "tomorrow")
TEXTS = {
    "dataset.name": ("/a/*", "/*/RAW", "/a/RAW", "/?/AOD", "/b/AOD", "nothing"),
    "dataset.release": ("1_2_*", "1_2_3", "1_*_pre1", "2_0_0"),
    "blockreplica.owner": ("Ana", "Ops", "None", "*s", "A??", "Val"),
    "site.name": ("T2_*", "T1_A_Disk", "*MSS", "T2_C"),
}
REGEXES = {
    "dataset.name": ("/a", "/[ab]/RAW$", r"(?!/a)/.*", "AOD"),
    "dataset.release": (r"1_\d_\d", "1_2_3$", "1_2_3"),
    "blockreplica.owner": ("A|O", r"\w+s$", "(?:Ana|Val)$"),
    "site.name": ("T[12]_", ".*MSS$", "MSS"),
}
FAVOURITES = (
    "blockreplica.owner", "blockreplica.owner", "blockreplica.last_update", "dataset.on_tape", "blockreplica.on_tape",
    "dataset.num_full_copy", "replica.num_full_other_copy_common_owner", "replica.size", "blockreplica.num_full_disk_copy",
)  # fmt: skip
"""What real policies are made of: owners, and counts of copies that change while a cycle deletes."""
FULLNESS = (
    "dataset.on_tape", "dataset.num_full_disk_copy", "dataset.num_full_copy", "dataset.has_incomplete_replica",
    "replica.num_full_disk_copy_common_owner",
)  # fmt: skip
"""What a line sees otherwise once a line above it has taken blocks off the replica."""
OPERATORS = {
    "text": ("==", "!=", "=~", "!=~", "in", "notin"), "enum": ("==", "!=", "in", "notin"), "bool": ("true", "not"),
    "number": ("<", ">", "==", "!=", "in", "notin"), "bytes": ("<", ">", "==", "!=", "in", "notin"),
    "seconds": ("<", ">", "==", "in"), "time": ("older_than", "newer_than"),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """All that a cycle is made of."""

    snapshot: Snapshot
    definitions: dict[str, Condition | tuple[str, ...]]
    facts: Facts
    policy: Policy
    share: float


def predicate(rng: random.Random, name: str, operator: str | None = None) -> str:
    """A predicate on the variable with an operand that some values match."""
    kind = VARIABLES[name].type
    operator = operator or rng.choice(OPERATORS[kind])
    if operator in ("true", "not"):
        return name if operator == "true" else f"not {name}"
    if operator in ("=~", "!=~"):
        return f"{name} {operator} {rng.choice(REGEXES[name])}"
    if operator in ("in", "notin"):
        return f"{name} {operator} [{' '.join(_operand(rng, name) for _ in range(rng.randint(0, 3)))}]"
    return f"{name} {operator} {_operand(rng, name)}"


def _operand(rng: random.Random, name: str) -> str:
    variable = VARIABLES[name]
    if variable.type == "text":
        return rng.choice(TEXTS[name])
    if variable.type == "enum":
        return rng.choice(variable.values)
    if variable.type == "time":
        return rng.choice(DATES)
    if variable.type == "seconds":
        return str(rng.choice([0, DAY, 2 * DAY]))
    if name == "site.occupancy":
        return str(rng.choice([0.1, 0.3, 0.5, 0.8, 1]))
    if name == "site.quota":
        return str(rng.choice([0, 1e-11, 3e-11]))
    return str(rng.randint(0, 3) if variable.type == "number" else rng.choice([0, 1, 4, 9]))


def policy_text(rng: random.Random, partition: str, must: str = "", first: tuple[str, ...] = ()) -> str:
    """A policy file; ``must`` is a condition that one of its lines has, ``first`` are the lines that the stack begins with."""
    lines = [f"Partition {partition}"]
    lines += [
        f"On {on}" for on in rng.choice([["always"], ["site.name == *"], ["site.name == T1*", "site.name == T2*"]])
    ]
    for word in ("When", "Until"):
        for _ in range(rng.randint(1, 2)):
            usual = "site.occupancy > 0.2" if word == "When" else "site.occupancy < 0.1"
            lines.append(f"{word} {usual if rng.random() < 0.7 else _condition(rng, 'site')}")
    stack = [_line(rng, _condition(rng, "replica")) for _ in range(rng.randint(0, 5))]
    if rng.random() < 0.4:
        stack = [splitting(rng), _line(rng, predicate(rng, rng.choice(FULLNESS))), *stack]
    if must:
        stack.insert(rng.randint(0, len(stack)), _line(rng, must))
    lines += [*first, *stack, rng.choice(["Dismiss", "Dismiss", "Protect", "Delete", "Ignore"])]
    sortable = [
        name
        for name, variable in variables_for("replica").items()
        if variable.numeric and variable.level in ("dataset", "replica")
    ]
    keys = [f"{rng.choice(['increasing', 'decreasing'])} {rng.choice(sortable)}" for _ in range(rng.randint(0, 2))]
    lines.append(f"Order {' '.join(keys) or 'none'}")
    return "\n".join(lines + (["Algo Static"] if rng.random() < 0.3 else []))


def splitting(rng: random.Random) -> str:
    """A line that takes some of the blocks of many replicas."""
    taking = rng.choice(["blockreplica.owner", "blockreplica.last_update", "blockreplica.is_locked"])
    return f"{rng.choice(['ProtectBlock', 'DeleteBlock', 'DismissBlock'])} {predicate(rng, taking)}"


def _line(rng: random.Random, condition: str) -> str:
    actions = (
        "Ignore",
        "Protect",
        "Delete",
        "Dismiss",
        "Dismiss",
        "ProtectBlock",
        "DeleteBlock",
        "DismissBlock",
        "DismissBlock",
    )
    return f"{rng.choice(actions)} {condition}"


def _condition(rng: random.Random, context: str) -> str:
    names = sorted(variables_for(context))
    often = [name for name in FAVOURITES if name in names]
    chosen = [rng.choice(often if often and rng.random() < 0.5 else names) for _ in range(rng.choice([1, 1, 2]))]
    text = " and ".join(predicate(rng, name) for name in chosen)
    if rng.random() < 0.1:
        text += f" {rng.choice(['until', 'from'])} {rng.choice(['2023-01-01', '2030-01-01'])}"
    return text


def make_case(rng: random.Random, must: str = "", first: tuple[str, ...] = ()) -> Case:
    """An inventory of a few datasets, facts about it, and a policy (see ``policy_text``)."""
    frames = _inventory(rng)
    snapshot = Snapshot.from_frames(frames, time=NOW)
    definitions = parse_partitions(PARTITIONS)
    partition = rng.choice(["All", "All", "Every", "Owned", "Mixed"])
    policy = parse_policy(policy_text(rng, partition, must, first))
    return Case(snapshot, definitions, _facts(rng, frames), policy, rng.choice([0.01, 0.3]))


def _inventory(rng: random.Random) -> dict[str, pl.DataFrame]:
    rows: dict[str, list[tuple]] = {name: [] for name in TABLES}
    group_ids = {name: number * 3 for number, name in enumerate(GROUPS)}
    rows["groups"] = [(group_ids[name], name, level) for name, level in GROUPS.items()]
    for number, name in enumerate(SITES):
        status = "READY" if rng.random() < 0.8 else rng.choice(["MORGUE", "WAITROOM", "UNKNOWN"])
        rows["sites"].append((number * 2 + 1, name, "", "MSS" if "MSS" in name else "DISK", "", status))
    for number, text in enumerate(line for line in PARTITIONS.split("\n") if line):
        name, _, definition = text.partition(": ")
        rows["partitions"].append((number + 1, name, definition))
        rows["quotas"] += [
            (site[0], number + 1, rng.choice([-1, 0, 10, 20, 40])) for site in rows["sites"]
            if rng.random() < 0.9 and not definition.startswith("[")
        ]  # fmt: skip
    block_id = 5
    for number in range(rng.randint(0, 5)):
        blocks = []
        for _ in range(rng.choice([0, 1, 2, 2, 3])):
            block_id += rng.randint(1, 3)
            blocks.append((number * 2 + 3, block_id, f"b{block_id}", rng.choice([0, 1, 3, 5]), 1, False, NOW - DAY))
        rows["blocks"] += blocks
        rows["datasets"].append(_dataset(rng, number))
        for site in rows["sites"]:
            if rng.random() < 0.6:
                _replica(rng, rows, number * 2 + 3, site[0], blocks, list(group_ids.values()))
    return {
        name: pl.DataFrame(rows[name], schema=table.schema, orient="row").sort(table.key)
        for name, table in TABLES.items()
    }


def _dataset(rng: random.Random, number: int) -> tuple:
    name = f"/{rng.choice('abc')}/{rng.choice(['RAW', 'AOD'])}" + (f"/{number}" if number else "")
    return (
        number * 2 + 3, name, rng.choice(DATASET_STATUSES), "mc", rng.choice([None, "1_2_3", "1_2_4", "1_2_3_pre1", "2_0_0"]),
        False, NOW - rng.randint(0, 4) * DAY, rng.choice([None, 0.5, 1.0, 2.0]), rng.randint(0, 2),
        rng.choice([0, NOW - DAY]), rng.choice([0.0, 1.0]),
    )  # fmt: skip


def _replica(rng: random.Random, rows: dict, dataset: int, site: int, blocks: list[tuple], groups: list[int]) -> None:
    owner = rng.choice(groups)
    rows["dataset_replicas"].append((dataset, site, True, owner))
    whole, alike = rng.random() < 0.7, rng.random() < 0.6
    for block in blocks if rng.random() < 0.85 else []:
        if whole or rng.random() < 0.5:
            complete = rng.random() < 0.8
            rows["block_replicas"].append((
                dataset, block[1], site, owner if alike else rng.choice(groups), False,
                block[3] if complete else block[3] // 2, 1, complete, NOW - rng.randint(0, 4) * DAY,
            ))  # fmt: skip


def _facts(rng: random.Random, frames: dict[str, pl.DataFrame]) -> Facts:
    def some(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
        chosen = frame.select(columns).unique(maintain_order=True)
        return chosen.filter(pl.Series([rng.random() < 0.2 for _ in range(chosen.height)], dtype=pl.Boolean))

    datasets = frames["datasets"]
    return Facts(
        some(frames["block_replicas"], "dataset_id", "block_id", "site_id"),
        some(frames["dataset_replicas"], "dataset_id", "site_id"), some(datasets, "dataset_id"),
        some(datasets, "dataset_id"), ("T2_B",) if rng.random() < 0.5 else (), some(datasets, "dataset_id"),
    )  # fmt: skip
