"""Change sets for tests: a small inventory, and seeded random histories of one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import polars as pl

from inventory.changes import ChangeSet
from inventory.resolve import applied
from inventory.snapshot import Snapshot

D = "/a/b/RAW"


def small(token: int = 1) -> ChangeSet:
    """Two sites, one dataset with a block of three known files (b1) and a counted one (b2), whole at T2_A."""
    return (
        ChangeSet("tester", token)
        .put("sites", [{"name": "T2_A"}, {"name": "T2_B"}])
        .put("groups", [{"name": "physics"}])
        .put("datasets", [{"name": D}])
        .put("blocks", [{"dataset": D, "name": "b1"}, {"dataset": D, "name": "b2", "size": 100, "num_files": 2}])
        .put("files", [file(number) for number in range(3)])
        .put("dataset_replicas", [{"dataset": D, "site": "T2_A", "group": "physics"}])
        .put(
            "block_replicas",
            [{"dataset": D, "block": block, "site": "T2_A", "complete": True} for block in ("b1", "b2")],
        )
    )


def file(number: int, block: str = "b1", **more: Any) -> dict[str, Any]:
    """File number ``number`` of the block, of 10 + number bytes."""
    return {"dataset": D, "block": block, "lfn": f"/store/{block}/f{number}", "size": 10 + number, **more}


def change(
    snapshot: Snapshot,
    puts: dict[str, list[dict]] | None = None,
    deletes: dict[str, list[dict]] | None = None,
    now: int = 200,
) -> Snapshot:
    """``snapshot`` with rows put and deleted at ``now``."""
    changes = ChangeSet("tester", 1)
    for table, rows in (puts or {}).items():
        changes.put(table, rows)
    for table, rows in (deletes or {}).items():
        changes.delete(table, rows)
    return applied(snapshot, changes, now)


def same(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    """Whether two frames have the same rows in the same order, types and all."""
    return left.schema == right.schema and left.equals(right)


def random_changes(seed: int, number: int) -> Iterator[ChangeSet]:
    """Change sets that are never refused, drawn from ``seed``: everything that can be put and deleted."""
    draw = random.Random(seed)
    yield _world()
    for index in range(number):
        changes = ChangeSet("tester", 1, transaction=f"{seed}-{index}")
        for _ in range(draw.randint(1, 4)):
            draw.choice((_files, _files, _replicas, _replicas, _arrive, _vanish, _remove, _site))(draw, changes)
        yield changes


_SITES = [f"T2_{letter}" for letter in "ABCD"]
_DATASETS = [f"/d{number}/x/Y" for number in range(6)]
_BLOCKS = ["b1", "b2", "counted"]


def _world() -> ChangeSet:
    changes = ChangeSet("tester", 1).put("sites", [{"name": name} for name in _SITES])
    changes.put("partitions", [{"name": "P", "definition": "dataset.name == *"}])
    return changes.put("groups", [{"name": "g1"}, {"name": "g2", "level": "Block"}])


def _base(draw: random.Random, changes: ChangeSet) -> dict[str, Any]:
    dataset, block = draw.choice(_DATASETS), draw.choice(_BLOCKS)
    changes.put("datasets", [{"name": dataset}])
    row = {"dataset": dataset, "name": block}
    if block == "counted":
        row |= {"size": 1000, "num_files": 10}
    changes.put("blocks", [row])
    return {"dataset": dataset, "block": block}


def _files(draw: random.Random, changes: ChangeSet) -> None:
    base = _base(draw, changes)
    if base["block"] != "counted":
        numbers = draw.sample(range(8), draw.randint(1, 4))
        rows = [base | {"lfn": _lfn(base, n), "size": 100 + n, "adler32": n or None} for n in numbers]
        changes.put("files", rows)


def _replicas(draw: random.Random, changes: ChangeSet) -> None:
    base, site = _base(draw, changes), draw.choice(_SITES)
    changes.put("sites", [{"name": site}])
    changes.put("dataset_replicas", [{"dataset": base["dataset"], "site": site}])
    if not _has(changes, "block_replicas", base | {"site": site}):
        changes.put("block_replicas", [base | {"site": site, "complete": draw.random() < 0.5}])


def _arrive(draw: random.Random, changes: ChangeSet) -> None:
    base, site, number = _base(draw, changes), draw.choice(_SITES), draw.randrange(8)
    if base["block"] == "counted":
        return
    changes.put("sites", [{"name": site}]).put("dataset_replicas", [{"dataset": base["dataset"], "site": site}])
    changes.put("block_replicas", [base | {"site": site}])
    changes.put("files", [base | {"lfn": _lfn(base, number), "size": 100 + number}])
    changes.put("replica_files", [base | {"site": site, "lfn": _lfn(base, number)}])


def _vanish(draw: random.Random, changes: ChangeSet) -> None:
    base = {"dataset": draw.choice(_DATASETS), "block": draw.choice(_BLOCKS[:2])}
    lfns = [_lfn(base, number) for number in draw.sample(range(8), 3)]
    if draw.random() < 0.5:
        changes.delete("files", [base | {"lfn": lfn} for lfn in lfns])
    else:
        changes.delete("replica_files", [base | {"site": draw.choice(_SITES), "lfn": lfn} for lfn in lfns])


def _remove(draw: random.Random, changes: ChangeSet) -> None:
    dataset, site = draw.choice(_DATASETS), draw.choice(_SITES)
    kind = draw.choice(("datasets", "blocks", "dataset_replicas", "block_replicas"))
    row = {"datasets": {"name": dataset}, "blocks": {"dataset": dataset, "name": "b1"}}.get(kind)
    row = row or {"dataset": dataset, "site": site} | ({"block": "b2"} if kind == "block_replicas" else {})
    changes.delete(kind, [row])


def _site(draw: random.Random, changes: ChangeSet) -> None:
    site = draw.choice(_SITES)
    if draw.random() < 0.3:
        changes.delete("sites", [{"name": site}])
    rule = {
        "site": site,
        "protocol": "root",
        "position": draw.randrange(3),
        "lfn_pattern": "(.*)",
        "pfn_template": "{0}",
    }
    changes.put("sites", [{"name": site}]).put("path_rules", [rule])
    changes.put("quotas", [{"site": site, "partition": "P", "quota": 17}])


def _lfn(base: dict[str, Any], number: int) -> str:
    return f"/store{base['dataset']}/{base['block']}/{number}.root"


def _has(changes: ChangeSet, table: str, key: dict[str, Any]) -> bool:
    rows = changes.puts.get(table)
    return rows is not None and bool(rows.filter(**key).height)
