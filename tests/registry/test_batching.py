"""Queued documents that go into one change set come to just what they come to one after the other."""

from __future__ import annotations

import random
from typing import Any

import pytest

from inventory import injection
from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused
from inventory.resolve import applied
from inventory.snapshot import Snapshot
from registry.batching import Known, leading, shares, spoken_of, together
from tests.registry.makers import BIG, inventory_of_the_tests

NOW = 1000
TABLES = ("sites", "groups", "datasets", "blocks", "files", "dataset_replicas", "block_replicas", "replica_files")


def start() -> Snapshot:
    return applied(Snapshot.from_frames({}), inventory_of_the_tests(), now=NOW)


def after(snapshot: Snapshot, document: Any, kind: str) -> tuple[Snapshot, injection.Plan]:
    plan = (injection.plan if kind == "inject" else injection.plan_deletion)(snapshot, document, NOW)
    return applied(snapshot, plan.into(ChangeSet("test", 1)), now=NOW), plan


def one_by_one(snapshot: Snapshot, documents: list[Any], kind: str) -> tuple[Snapshot, list[dict[str, int]], list[Any]]:
    """What comes of documents that are applied each by itself; a wrong one changes nothing."""
    counts, copies = [], []
    for number, document in enumerate(documents):
        try:
            snapshot, plan = after(snapshot, document, kind)
        except ChangeRefused:
            continue
        counts.append(dict(plan.counts))
        copies += [(number, *row) for row in plan.copies.select("lfn", "site").rows()]
    return snapshot, counts, sorted(copies)


def named(snapshot: Snapshot) -> dict[str, Any]:
    """Everything by names, in an order of its own: ids depend on the order in which things are made."""
    found = {}
    for table in TABLES:
        frame = snapshot.named(table).collect()
        frame = frame.select(column for column in sorted(frame.columns) if not column.endswith("_id"))
        found[table] = sorted(map(repr, frame.rows()))
    return found


def leading_of(snapshot: Snapshot, documents: list[Any], kind: str) -> int:
    said = [spoken_of(document) for document in documents]
    known = Known.of(snapshot, {name for each in said for name in each.sites_of})
    return leading(said, known, deletion=kind == "delete")


def injections(chance: random.Random, number: int) -> list[Any]:
    """Documents that speak of few datasets, blocks, sites and groups, so that they often meet."""
    return [_injection(chance, serial) for serial in range(number)]


def _injection(chance: random.Random, serial: int) -> Any:
    dataset, site = (
        chance.choice([BIG, BIG, "/N/1/A", "/N/2/A"]),
        chance.choice(["T2_A", "T2_B", "T2_Sleeping", "T9_New"]),
    )
    block = chance.choice(["b1", "b2", "n1", f"n{serial}"])
    document: dict[str, Any] = {}
    if chance.random() < 0.2:
        document["site"] = [{"name": chance.choice(["T2_A", "T9_New"]), "host": f"h{serial}", "status": "ready"}]
    if chance.random() < 0.2:
        document["group"] = [{"name": chance.choice(["AnalysisOps", "NewOps"])}]
    if chance.random() < 0.8:
        lfn = f"/store/{chance.choice([serial, serial, 0])}.root"
        file = {"name": lfn, "size": 10, "adler32": "00000001"} | ({"site": site} if chance.random() < 0.7 else {})
        files = {"files": [file]} if chance.random() < 0.8 else {}
        document["dataset"] = [{"name": dataset, "status": "valid", "blocks": [{"name": block} | files]}]
    if chance.random() < 0.4:
        replica = {"dataset": dataset, "site": site, "group": chance.choice(["AnalysisOps", "NewOps"])}
        if chance.random() < 0.5:
            replica["blockreplicas"] = [{"block": block, "group": "AnalysisOps"}]
        document["datasetreplica"] = [replica]
    return document


def deletions(chance: random.Random, number: int) -> list[Any]:
    """Invalidations of a dataset, one of its blocks, a file, or a replica."""
    found = []
    for _ in range(number):
        dataset, blocks = chance.choice([(BIG, ("b1", "b2")), ("/Small/Run-v1/AOD", ("s1",))])
        block = chance.choice(blocks)
        lfn = "/store/big/1.root" if dataset == BIG else "/store/small/1.root"
        found.append(chance.choice([
            {"dataset": [{"name": dataset}]}, {"dataset": [{"name": dataset, "blocks": []}]},
            {"dataset": [{"name": dataset, "blocks": [{"name": block}]}]},
            {"dataset": [{"name": dataset, "blocks": [{"name": block, "files": [lfn]}]}]},
            {"datasetreplica": [{"dataset": dataset, "site": chance.choice(["T2_A", "T2_B", "T1_Tape"])}]},
            {"datasetreplica": [{"dataset": dataset, "site": "T2_A", "blockreplicas": [{"block": block}]}]},
        ]))  # fmt: skip
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["inject", "delete"])
def test_a_batch_comes_to_what_its_documents_come_to(kind: str) -> None:
    batched = 0
    for seed in range(60):
        chance = random.Random(seed)
        documents = (injections if kind == "inject" else deletions)(chance, chance.randint(2, 6))
        snapshot = start()
        number = leading_of(snapshot, documents, kind)
        batch = documents[:number]
        if number == 1:
            continue
        try:
            found, plan = after(snapshot, together(batch, deletion=kind == "delete"), kind)
        except ChangeRefused:
            continue  # applied in halves
        batched += 1
        expected, counts, copies = one_by_one(snapshot, batch, kind)
        assert named(found) == named(expected), (seed, batch)
        own, owners = shares(plan, [spoken_of(document) for document in batch])
        summed = {label: sum(each[label] for each in own) for label in plan.counts}
        assert summed == {label: sum(each[label] for each in counts) for label in plan.counts}, (seed, batch)
        rows = plan.copies.select("lfn", "site").rows()
        assert sorted((owner, *row) for owner, row in zip(owners, rows, strict=True)) == copies, (seed, batch)
    assert batched > 8


FILE = {"name": "/store/n.root", "size": 1, "adler32": "00000001", "site": "T2_A"}


def block_of(dataset: str, block: str, **file: object) -> Any:
    return {"dataset": [{"name": dataset, "blocks": [{"name": block, "files": [FILE | file]}]}]}


@pytest.mark.parametrize(("documents", "number"), [
    # Datasets of their own.
    ([block_of("/N/1/A", "b"), block_of("/N/2/A", "b", name="/store/o.root")], 2),
    # The second adds to what the first makes.
    ([block_of("/N/1/A", "b"), block_of("/N/1/A", "c", name="/store/o.root")], 1),
    # Blocks and files that are added to what there is.
    ([block_of(BIG, "n1"), block_of(BIG, "n2", name="/store/o.root"), block_of(BIG, "n3", name="/store/p.root")], 3),
    ([block_of(BIG, "b1"), block_of(BIG, "b1", name="/store/o.root")], 2),
    # A file at a site that has no replica yet makes one.
    ([block_of(BIG, "b1", site="T1_Tape"), block_of(BIG, "b1", name="/store/o.root")], 1),
    ([block_of("/N/1/A", "b"), block_of("/N/2/A", "b")], 1),
    # The first may not use what only the second makes.
    ([block_of("/N/1/A", "b", site="T9_New"), {"site": [{"name": "T9_New"}]}], 1),
    ([{"site": [{"name": "T9_New"}]}, block_of("/N/1/A", "b", site="T9_New"), {"site": [{"name": "T9_New"}]}], 3),
])  # fmt: skip
def test_what_may_go_together(documents: list[Any], number: int) -> None:
    assert leading_of(start(), documents, "inject") == number


def test_an_empty_list_of_blocks_stays_one() -> None:
    """Without it the whole dataset would go."""
    whole = together([{"dataset": [{"name": BIG, "blocks": []}]}, {"dataset": [{"name": "/x"}]}], deletion=True)
    assert whole["dataset"][0] == {"name": BIG, "blocks": []}
