"""Which queued documents may be applied as one change set, and the one document that says what they say together; pure.

Applied together they have to come to just what they come to one after the other. A document therefore begins a new batch when
what it means depends on one before it: when it speaks of a dataset, a block or a replica that one before it makes, or names a
new site or group, which one before it must not use yet. What is known already does not change by injections, so that any number of
documents may add blocks to known datasets and files to known replicas.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from inventory.injection.plan import COUNTED, Plan
from inventory.snapshot import Snapshot

Document = Mapping[str, Any]
_NAMED = (("site", "site"), ("group", "group"), ("gruop", "group"))


@dataclass
class Spoken:
    """What a document speaks of, by names. ``sites_of``: by dataset; ``places``: sites of files and of replicas, by (dataset, block);
    ``replicas``: blocks whose replicas are listed."""

    names: set[tuple[str, str]] = field(default_factory=set)
    sites_of: dict[str, set[str]] = field(default_factory=dict)
    places: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    replicas: set[tuple[str, str]] = field(default_factory=set)
    lfns: set[str] = field(default_factory=set)

    def add(self, other: Spoken) -> None:
        """Speak of what the other speaks of, too."""
        self.names |= other.names
        self.replicas |= other.replicas
        self.lfns |= other.lfns
        for name, sites in other.sites_of.items():
            self.sites_of.setdefault(name, set()).update(sites)
        for block, sites in other.places.items():
            self.places.setdefault(block, set()).update(sites)


def spoken_of(document: Document) -> Spoken:
    """What a document that was read without a mistake speaks of."""
    said = Spoken()
    for key, kind in _NAMED:
        said.names.update((kind, item["name"]) for item in document.get(key) or ())
    for dataset in document.get("dataset") or ():
        name, sites = dataset["name"], said.sites_of.setdefault(dataset["name"], set())
        for block in dataset.get("blocks") or ():
            places = said.places.setdefault((name, _block(name, block["name"])), set())
            for file in block.get("files") or ():
                lfn, site = (file, None) if isinstance(file, str) else (file["name"], file.get("site"))
                said.lfns.add(lfn)
                if site is not None:
                    places.add(site)
            sites |= places
    for replica in document.get("datasetreplica") or ():
        name, site = replica["dataset"], replica["site"]
        said.sites_of.setdefault(name, set()).add(site)
        for block in replica.get("blockreplicas") or ():
            block_key = (name, _block(name, block["block"]))
            said.places.setdefault(block_key, set()).add(site)
            said.replicas.add(block_key)
    return said


def _block(dataset: str, name: str) -> str:
    return name.removeprefix(f"{dataset}#")


@dataclass(frozen=True)
class Known:
    """What the inventory has of what documents speak of: names of sites and groups, replicas of datasets and of blocks."""

    names: frozenset[tuple[str, str]]
    replicas: frozenset[tuple[str, str]]
    block_replicas: frozenset[tuple[str, str, str]]
    blocks: frozenset[tuple[str, str]]
    datasets: frozenset[str]

    @classmethod
    def of(cls, snapshot: Snapshot, datasets: Iterable[str]) -> Known:
        """All names of sites and groups, and what there is of the ``datasets``."""
        names = {(kind, name) for kind in ("site", "group") for name in snapshot.frame(f"{kind}s")["name"]}
        wanted = snapshot.table("datasets").filter(pl.col("name").is_in(sorted(set(datasets))))
        found = wanted.select("dataset_id", dataset="name").collect()
        ids = found["dataset_id"].implode()
        sites = snapshot.table("sites").select("site_id", site="name")
        blocks = snapshot.table("blocks").filter(pl.col("dataset_id").is_in(ids))
        named = blocks.select("dataset_id", "block_id", block="name").join(found.lazy(), on="dataset_id")
        replicas = snapshot.table("dataset_replicas").filter(pl.col("dataset_id").is_in(ids))
        held = snapshot.table("block_replicas").filter(pl.col("dataset_id").is_in(ids)).select("block_id", "site_id")
        pairs, triples, doubles = pl.collect_all([
            replicas.join(found.lazy(), on="dataset_id").join(sites, on="site_id").select("dataset", "site"),
            held.join(named, on="block_id").join(sites, on="site_id").select("dataset", "block", "site"),
            named.select("dataset", "block"),
        ])  # fmt: skip
        return cls(
            frozenset(names), frozenset(pairs.rows()), frozenset(triples.rows()), frozenset(doubles.rows()),
            frozenset(found["dataset"]),
        )  # fmt: skip


def leading(said: Sequence[Spoken], known: Known, *, deletion: bool) -> int:
    """How many of the documents, from the first on, may be applied as one; at least one."""
    before = Spoken()
    for number, each in enumerate(said):
        apart = _stands_apart if deletion else _depends_on_nothing
        if number and not apart(each, before, known):
            return number
        before.add(each)
    return len(said)


def _stands_apart(said: Spoken, before: Spoken, known: Known) -> bool:
    return not (said.names or before.names or said.sites_of.keys() & before.sites_of.keys())


def _depends_on_nothing(said: Spoken, before: Spoken, known: Known) -> bool:
    if said.names - before.names - known.names or said.lfns & before.lfns:
        return False
    for dataset in said.sites_of.keys() & before.sites_of.keys():
        sites = said.sites_of[dataset] | before.sites_of[dataset]
        if dataset not in known.datasets or not all((dataset, site) in known.replicas for site in sites):
            return False
    for block in said.places.keys() & before.places.keys():
        sites = said.places[block] | before.places[block]
        if block in said.replicas | before.replicas or block not in known.blocks:
            return False
        if not all((*block, site) in known.block_replicas for site in sites):
            return False
    return True


def together(documents: Sequence[Document], *, deletion: bool) -> Document:
    """One document that says what those of a batch say; of what several name, the first tells what it is like."""
    if len(documents) == 1:
        return documents[0]
    if deletion:
        return {
            key: [item for each in documents for item in each.get(key) or ()] for key in ("dataset", "datasetreplica")
        }
    whole: dict[str, list[Any]] = {}
    for key, kind in _NAMED:
        whole.setdefault(kind, []).extend(item for document in documents for item in document.get(key) or ())
    first = {kind: list({item["name"]: item for item in reversed(items)}.values()) for kind, items in whole.items()}
    return {
        **{kind: items for kind, items in first.items() if items},
        "dataset": list(_datasets(documents)),
        "datasetreplica": list(_replicas(documents)),
    }


def _datasets(documents: Sequence[Document]) -> Iterator[Document]:
    """Datasets with the blocks, and blocks with the files, that any of the documents gives them."""
    heads: dict[str, dict[str, Any]] = {}
    blocks: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    for document in documents:
        for dataset in document.get("dataset") or ():
            name = dataset["name"]
            heads.setdefault(name, dict(dataset))
            for block in dataset.get("blocks") or ():
                blocks[name].setdefault(_block(name, block["name"]), []).append(block.get("files"))
    for name, head in heads.items():
        yield (
            head | {"blocks": [_with_files(block, lists) for block, lists in blocks[name].items()]}
            if name in blocks
            else head
        )


def _with_files(name: str, lists: Sequence[list[Any] | None]) -> Document:
    given = [files for files in lists if files is not None]
    return {"name": name, "files": [file for files in given for file in files]} if given else {"name": name}


def _replicas(documents: Sequence[Document]) -> Iterator[Document]:
    heads: dict[tuple[str, str], dict[str, Any]] = {}
    for document in documents:
        for replica in document.get("datasetreplica") or ():
            head = heads.setdefault((replica["dataset"], replica["site"]), replica | {"blockreplicas": None})
            if replica.get("blockreplicas") is not None:
                head["blockreplicas"] = [*(head["blockreplicas"] or ()), *replica["blockreplicas"]]
    return iter(heads.values())


def shares(plan: Plan, said: Sequence[Spoken]) -> tuple[list[dict[str, int]], pl.Series]:
    """What each of the documents of a batch has of its plan: counts by kind; for each row of ``copies`` the number of the document."""
    owners = _Owners(said)
    counts = [dict.fromkeys(COUNTED.values(), 0) for _ in said]
    for frames in (plan.puts, plan.deletes):
        for table, label in COUNTED.items():
            if table in frames:
                for row in frames[table].iter_rows(named=True):
                    counts[owners.of(table, row)][label] += 1
    copies = [owners.of("files", row) for row in plan.copies.iter_rows(named=True)]
    return counts, pl.Series("document", copies, pl.Int64)


class _Owners:
    """The first document that names each thing; rows that follow from a thing belong to it."""

    def __init__(self, said: Sequence[Spoken]) -> None:
        self._first: dict[Any, int] = {}
        for number, each in enumerate(said):
            keys = [("dataset", name) for name in each.sites_of] + [("block", *block) for block in each.places]
            for key in (*each.names, *keys, *(("lfn", lfn) for lfn in each.lfns)):
                self._first.setdefault(key, number)

    def of(self, table: str, row: Mapping[str, Any]) -> int:
        if table in ("sites", "groups"):
            return self._first[table[:-1], row["name"]]
        dataset = row["dataset"] if "dataset" in row else row["name"]
        block = row["name"] if table == "blocks" else row.get("block")
        keys = (("lfn", row.get("lfn")), ("block", dataset, block), ("dataset", dataset))
        return next(self._first[key] for key in keys if key in self._first)
