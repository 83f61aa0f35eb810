"""The change sets that schedules send: each is right whatever has been committed before it."""

from __future__ import annotations

import random

from inventory.changes import ChangeSet

_SITES = [f"T2_{letter}" for letter in "ABC"]
_DATASETS = [f"/d{number}/x/Y" for number in range(3)]
TOKEN = 5


def change_set(seed: int, number: int) -> ChangeSet:
    """The change set ``number`` of schedule ``seed``: each process makes the same."""
    draw = random.Random(f"{seed}-{number}")
    changes = ChangeSet(f"author{number % 3}", TOKEN, run=str(number), transaction=f"{seed}-{number}")
    if draw.random() < 0.3:
        _settings(draw, changes, number)
    dataset, block = draw.choice(_DATASETS), draw.choice(("b1", "b2"))
    chosen = draw.random()
    if chosen < 0.2:
        _remove(draw, changes, dataset, block)
    elif chosen < 0.3:
        changes.put("datasets", [{"name": f"/many{number}-{index}/x/Y"} for index in range(60)])
    else:
        _data(draw, changes, dataset, block)
    # Every change set changes something, and can be told from all others.
    return changes.put("groups", [{"name": f"group-{number}"}])


def refused(seed: int, number: int) -> ChangeSet:
    """A change set that has a right row and a wrong one."""
    changes = ChangeSet("author", TOKEN, transaction=f"refused-{seed}-{number}")
    wrong = {"dataset": "/nowhere/x/Y", "block": "b", "lfn": "/store/x", "size": 1}
    return changes.put("groups", [{"name": f"refused-{number}"}]).put("files", [wrong])


def stale(seed: int, number: int) -> ChangeSet:
    """A change set of a writer that lost its turn."""
    changes = ChangeSet("author", TOKEN - 1, transaction=f"stale-{seed}-{number}")
    return changes.put("groups", [{"name": f"stale-{number}"}])


def _settings(draw: random.Random, changes: ChangeSet, number: int) -> None:
    site = draw.choice(_SITES)
    rule = {"site": site, "protocol": "root", "position": draw.randrange(3), "lfn_pattern": "(.*)"}
    changes.put("sites", [{"name": site, "host": f"host{number}"}])
    changes.put("partitions", [{"name": "P", "definition": "dataset.name == *"}])
    changes.put("path_rules", [rule | {"pfn_template": f"{number}{{0}}"}])
    changes.put("quotas", [{"site": site, "partition": "P", "quota": number}])


def _remove(draw: random.Random, changes: ChangeSet, dataset: str, block: str) -> None:
    rows = {
        "datasets": {"name": dataset}, "blocks": {"dataset": dataset, "name": block},
        "sites": {"name": draw.choice(_SITES)}, "block_replicas": {"dataset": dataset, "block": block, "site": "T2_A"},
    }  # fmt: skip
    table = draw.choice(list(rows))
    changes.delete(table, [rows[table]])


def _data(draw: random.Random, changes: ChangeSet, dataset: str, block: str) -> None:
    base = {"dataset": dataset, "block": block}
    site, number = draw.choice(_SITES), draw.choice((1, 2, 12))
    lfns = [f"/store{dataset}/{block}/{draw.randrange(40)}-{index}" for index in range(number)]
    changes.put("sites", [{"name": site}])
    changes.put("datasets", [{"name": dataset, "software_version": draw.choice((None, "1_2_3"))}])
    changes.put("blocks", [{"dataset": dataset, "name": block}])
    changes.put("files", [base | {"lfn": lfn, "size": 100 + index} for index, lfn in enumerate(lfns)])
    changes.put("dataset_replicas", [{"dataset": dataset, "site": site}])
    changes.put("block_replicas", [base | {"site": site, "complete": draw.random() < 0.5}])
    if draw.random() < 0.5:
        changes.put("replica_files", [base | {"site": site, "lfn": lfns[0]}])
