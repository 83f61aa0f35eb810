"""A slow and plain inventory of files and replicas, one object per thing, to compare the real one with."""

from __future__ import annotations

from typing import Any

from inventory.changes import ChangeSet
from inventory.snapshot import Snapshot

Key = tuple[str, ...]


class PlainInventory:
    """Blocks with their files' sizes; replicas with the files they hold. For blocks whose files are known one by one."""

    def __init__(self) -> None:
        self.blocks: dict[Key, dict[str, int]] = {}
        self.dataset_replicas: set[Key] = set()
        self.replicas: dict[Key, set[str] | None] = {}
        """By (dataset, block, site): the files there; None for one of a block that never had files and was said complete."""

    def apply(self, changes: ChangeSet) -> None:
        """Deletes first, then puts."""
        for table in ("sites", "datasets", "blocks", "files", "dataset_replicas", "block_replicas", "replica_files"):
            for row in _rows(changes.deletes, table):
                getattr(self, f"_delete_{table}")(row)
        before = {block: set(files) for block, files in self.blocks.items()}
        whole = {key for key, files in self.replicas.items() if files == before[key[:2]]}
        for row in _rows(changes.puts, "blocks"):
            self.blocks.setdefault((row["dataset"], row["name"]), {})
        for row in _rows(changes.puts, "files"):
            self.blocks[row["dataset"], row["block"]][row["lfn"]] = row["size"]
        for row in _rows(changes.puts, "dataset_replicas"):
            self.dataset_replicas.add((row["dataset"], row["site"]))
        listed = {_replica(row) for row in _rows(changes.puts, "replica_files")}
        for row in _merged(_rows(changes.puts, "block_replicas")):
            self._put_replica(row, listed, whole)
        for row in _rows(changes.puts, "replica_files"):
            self.replicas[_replica(row)].add(row["lfn"])

    def content(self) -> dict[Key, tuple[int, int, bool, tuple[str, ...]]]:
        """By replica: size, number of files, complete, files listed one by one."""
        content = {}
        for key, held in self.replicas.items():
            sizes = self.blocks[key[:2]]
            complete = set(sizes) == held and bool(sizes)
            listed = () if complete else tuple(sorted(held))
            content[key] = (sum(sizes[lfn] for lfn in held), len(held), complete, listed)
        return content

    def _put_replica(self, row: dict[str, Any], listed: set[Key], whole: set[Key]) -> None:
        key, asked = _replica(row), row.get("complete")
        everything = set(self.blocks[key[:2]])
        if asked:
            self.replicas[key] = everything
        elif key not in self.replicas:
            self.replicas[key] = set() if asked is False or key in listed else everything
        elif asked is False and key in whole:
            self.replicas[key] = set()

    def _delete_sites(self, row: dict[str, Any]) -> None:
        self._drop(lambda key: key[-1] == row["name"])

    def _delete_datasets(self, row: dict[str, Any]) -> None:
        self._drop(lambda key: key[0] == row["name"])
        self.blocks = {key: files for key, files in self.blocks.items() if key[0] != row["name"]}

    def _delete_blocks(self, row: dict[str, Any]) -> None:
        key = (row["dataset"], row["name"])
        self.blocks.pop(key, None)
        self.replicas = {other: files for other, files in self.replicas.items() if other[:2] != key}

    def _delete_files(self, row: dict[str, Any]) -> None:
        key = (row["dataset"], row["block"])
        self.blocks.get(key, {}).pop(row["lfn"], None)
        for other, files in self.replicas.items():
            if other[:2] == key:
                files.discard(row["lfn"])

    def _delete_dataset_replicas(self, row: dict[str, Any]) -> None:
        self._drop(lambda key: (key[0], key[-1]) == (row["dataset"], row["site"]))

    def _delete_block_replicas(self, row: dict[str, Any]) -> None:
        self.replicas.pop(_replica(row), None)

    def _delete_replica_files(self, row: dict[str, Any]) -> None:
        self.replicas.get(_replica(row), set()).discard(row["lfn"])

    def _drop(self, gone: Any) -> None:
        self.replicas = {key: files for key, files in self.replicas.items() if not gone(key)}
        self.dataset_replicas = {key for key in self.dataset_replicas if not gone(key)}


def content_of(snapshot: Snapshot) -> dict[Key, tuple[int, int, bool, tuple[str, ...]]]:
    """The same of a real snapshot."""
    listed: dict[Key, list[str]] = {}
    for row in snapshot.named("replica_files").collect().iter_rows(named=True):
        listed.setdefault(_replica(row), []).append(row["lfn"])
    rows = snapshot.named("block_replicas").collect().iter_rows(named=True)
    return {
        _replica(row): (row["size"], row["num_files"], row["complete"], tuple(sorted(listed.get(_replica(row), []))))
        for row in rows
    }


def _replica(row: dict[str, Any]) -> Key:
    return (row["dataset"], row["block"], row["site"])


def _rows(frames: dict[str, Any], table: str) -> list[dict[str, Any]]:
    return list(frames[table].iter_rows(named=True)) if table in frames else []


def _merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged: dict[Key, dict[str, Any]] = {}
    for row in rows:
        merged.setdefault(_replica(row), {}).update({name: value for name, value in row.items() if value is not None})
    return list(merged.values())
