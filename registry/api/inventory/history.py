"""Who changed what: the records of the log, and what they did to the rows of a dataset or in one version."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from inventory.history.archive import settled
from inventory.history.changed import NotInHistory, Wanted, records, rows
from inventory.history.past import Past, directory
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from registry.api.asked import Asked, integer, value_of, wrong
from registry.api.columns import Field, by_name
from registry.api.cursors import After
from registry.api.documented import documented
from registry.api.frames import Listed
from registry.api.inventory.datasets import NAME
from registry.api.reading import InventoryList
from registry.errors import NotThere

_WHO = (
    Field("version", "integer", "version of the inventory that the change made", 4711, filtered=False),
    Field("time", "time", "when", 1_764_000_000, filtered=False),
    Field("author", "text", "user", "alice", filtered=False),
    Field("service", "text", "what acted for the user; empty: nothing", "dealer", filtered=False),
    Field("run", "text", "number of the run; empty: none", "1234", filtered=False),
    Field("transaction", "text", "the sender's name for it", "dealer-52-T2_US_MIT", filtered=False),
)
RECORDS = by_name(
    *_WHO,
    Field(
        "counts", "json", "rows that were put and deleted, by table", {"block_replicas": {"put": 12, "deleted": 0}}, filtered=False
    ),
)  # fmt: skip
CHANGES = by_name(
    *_WHO,
    Field("table", "choice", "table of the row", "block_replicas", choices=tuple(TABLES), filtered=False),
    Field("object", "json", "names of the row's key", {"dataset": NAME, "block": "b1", "site": "T2_US_MIT"}, filtered=False),
    Field("what", "choice", "what happened to it", "changed", choices=("made", "changed", "deleted"), filtered=False),
    Field("values", "json", "by column what it was and is", {"complete": {"old": False, "new": True}}, filtered=False),
)  # fmt: skip
_CONDITIONS = {
    "author": "user", "run": "number of the run", "since": "time of the oldest", "until": "time of the newest",
}  # fmt: skip
_TIME = Field("time", "time", "")
_KEYS = ("version", "place")


def _wanted(asked: Asked, **more: Any) -> Wanted:
    times = {name: asked.only(name) for name in ("since", "until")}
    seconds = {name: value_of(name, text, _TIME) for name, text in times.items() if text is not None}
    for name in ("author", "run"):
        more.setdefault(name, asked.only(name))
    return Wanted(**seconds, **more)


def _listed(read: Any) -> Listed:
    """A list by version and place in it, the newest first; ``read(newest, limit)`` gives rows up to a version."""

    def frames(after: After | None, most: int) -> Iterator[pl.DataFrame]:
        while True:
            newest, behind = (None, 0) if after is None else (after[0], after[1] + 1)
            found = _placed(read(newest, behind + most))
            found = found if after is None else found.filter((pl.col("version") < newest) | (pl.col("place") >= behind))
            if found.height:
                yield found
            if found.height < most:
                return
            after = found.select(_KEYS).row(-1)

    return Listed(frames, ("-version",), _KEYS, (int, int))


def _placed(found: pl.DataFrame) -> pl.DataFrame:
    return found.with_columns(place=pl.int_range(pl.len()).over("version"))


@documented("history", "Changes of the inventory", "Every change that was committed, the newest first.", **_CONDITIONS)
class History(InventoryList):
    """``history``."""

    fields = RECORDS
    others = tuple(_CONDITIONS)

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """Records that archive and log have."""
        wanted = _wanted(asked)

        def read(newest: int | None, limit: int) -> pl.DataFrame:
            which = replace(wanted, newest=_older(newest, snapshot), limit=limit)
            return settled(directory(), lambda archive: records(Past.of(archive), which)).rename(
                {"sequence": "version"}
            )

        return _listed(read)


class _Changes(InventoryList):
    fields = CHANGES

    def changes(self, snapshot: Snapshot, wanted: Wanted) -> Listed:
        """Rows that records changed."""

        def read(newest: int | None, limit: int) -> pl.DataFrame:
            which = replace(wanted, newest=_older(newest, snapshot), limit=limit)
            return _frame(settled(directory(), lambda archive: rows(Past.of(archive), which)))

        return _listed(read)


@documented("history", "One change", "What the change that made a version did to each row.")
class HistoryOfVersion(_Changes):
    """``history/{version}``."""

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """Rows of one record."""
        version = integer("version", variables["version"])
        if version > snapshot.version:
            raise NotThere(f"there is no version {version}; the newest is {snapshot.version}")
        return self.changes(snapshot, Wanted(version=version))


@documented(
    "datasets", "Changes of a dataset", "What happened to a dataset, its blocks, files and replicas, the newest first.",
    **_CONDITIONS, table="of the rows; else of all tables",
)  # fmt: skip
class HistoryOfDataset(_Changes):
    """``datasets/{name}/history``."""

    others = (*_CONDITIONS, "table")

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """Rows of a dataset, which may be gone."""
        table = asked.only("table")
        if table is not None and "dataset_id" not in (TABLES[table].schema if table in TABLES else ()):
            raise wrong("table", f"{table[:60]!r} has no rows of datasets")
        wanted = _wanted(asked, dataset=_literal(variables["name"]), table=table)
        listed = self.changes(snapshot, wanted)
        try:
            next(listed.frames(None, 1), None)
        except NotInHistory as error:
            raise NotThere(str(error)) from None
        return listed


def _literal(name: str) -> str:
    """A name that is no glob."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _older(newest: int | None, snapshot: Snapshot) -> int:
    return snapshot.version if newest is None else min(newest, snapshot.version)


def _frame(found: Sequence[dict[str, Any]]) -> pl.DataFrame:
    kinds = {"integer": pl.Int64, "time": pl.Int64}
    shown = [
        {name: _text(row[name]) if field.kind == "json" else row[name] for name, field in CHANGES.items()} for row in found
    ]  # fmt: skip
    return pl.DataFrame(shown, schema={name: kinds.get(field.kind, pl.String) for name, field in CHANGES.items()})


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
