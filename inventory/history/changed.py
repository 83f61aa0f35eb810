"""Who changed what, when and by which run: records and rows of archive and log, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from inventory.errors import InventoryError
from inventory.history.names import OWNERS, Names
from inventory.history.past import Past
from inventory.policy.patterns import glob_matches, is_glob
from inventory.schema import TABLES

_KEY_OF = {"dataset": "dataset_id", "site": "site_id", "block": "block_id", "lfn": "file_id"}


class NotInHistory(InventoryError):
    """A name that is looked for never was in the inventory, as far as the history goes back."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for; names may be globs; ``since``, ``until`` in UTC seconds; records up to the number ``newest``; at
    most ``limit`` (None: all).
    """

    author: str | None = None
    run: str | None = None
    version: int | None = None
    since: int | None = None
    until: int | None = None
    newest: int | None = None
    table: str | None = None
    dataset: str | None = None
    site: str | None = None
    block: str | None = None
    lfn: str | None = None
    limit: int | None = 100

    @property
    def by_row(self) -> bool:
        """Whether rows are asked for, not only records."""
        return any((self.table, self.version is not None, *(getattr(self, kind) for kind in _KEY_OF)))


def records(past: Past, wanted: Wanted) -> pl.DataFrame:
    """Records, the newest first, in the columns of ``segment.RECORD_SCHEMA``."""
    return _first(_records(past, wanted).sort("sequence", descending=True), wanted).collect()


def rows(past: Past, wanted: Wanted) -> list[dict[str, Any]]:
    """Rows that records put or deleted, the newest first: who, ``table``, ``object`` (names of its key), ``what`` (made,
    changed, deleted), ``values`` ({column: {"old", "new"}} of what is not the same). Raises NotInHistory.
    """
    names = Names(past)
    ids = _ids(names, wanted)
    about = _records(past, wanted).collect()
    found: list[dict[str, Any]] = []
    for table in _tables(wanted):
        found += _of_table(past, names, table, ids, about, wanted)
    order = {name: place for place, name in enumerate(TABLES)}
    found.sort(key=lambda entry: (-entry["version"], order[entry["table"]]))
    return found if wanted.limit is None else found[: wanted.limit]


def _records(past: Past, wanted: Wanted) -> pl.LazyFrame:
    tests = [
        pl.col(column) == value
        for column, value in (("author", wanted.author), ("run", wanted.run), ("sequence", wanted.version))
        if value is not None
    ]
    if wanted.since is not None:
        tests.append(pl.col("time") >= wanted.since)
    if wanted.until is not None:
        tests.append(pl.col("time") <= wanted.until)
    if wanted.newest is not None:
        tests.append(pl.col("sequence") <= wanted.newest)
    return past.records().filter(pl.lit(True), *tests)


def _first(rows: pl.LazyFrame, wanted: Wanted) -> pl.LazyFrame:
    return rows if wanted.limit is None else rows.head(wanted.limit)


def _ids(names: Names, wanted: Wanted) -> dict[str, list[int]]:
    """Ids that rows must have, by column. Raises NotInHistory for a name that never was."""
    found = {}
    for kind, column in _KEY_OF.items():
        name = getattr(wanted, kind)
        if name is None:
            continue
        test = glob_matches(pl.col("name"), name) if is_glob(name) else pl.col("name") == name
        found[column] = names.ids(column, test)
        if not found[column]:
            raise NotInHistory(
                f"{kind} {name!r} is nowhere in the history; names are written whole, or as globs in quotes"
            )
    return found


def _tables(wanted: Wanted) -> list[str]:
    needed = {_KEY_OF[kind] for kind in _KEY_OF if getattr(wanted, kind) is not None}
    names = [wanted.table] if wanted.table else list(TABLES)
    return [name for name in names if needed <= set(TABLES[name].schema)]


def _of_table(
    past: Past, names: Names, table: str, ids: dict[str, list[int]], about: pl.DataFrame, wanted: Wanted
) -> list[dict[str, Any]]:
    found = past.rows(table).filter(pl.lit(True), *(pl.col(column).is_in(some) for column, some in ids.items()))
    found = found.join(about.lazy().select("sequence"), on="sequence", how="semi")
    found = found.sort("sequence", *TABLES[table].key, descending=[True, *(False for _ in TABLES[table].key)])
    newest = _first(found, wanted).collect()
    if newest.is_empty():
        return []
    told = _with_names(names, _with_former(past, table, newest), table)
    heads = about.filter(pl.col("sequence").is_in(newest["sequence"].implode()))
    senders = {row["sequence"]: row for row in heads.iter_rows(named=True)}
    return [_entry(table, row, senders[row["sequence"]]) for row in told]


def _with_former(past: Past, table: str, newest: pl.DataFrame) -> pl.DataFrame:
    """The rows with what their key had before: ``former_<column>``, ``former_deleted`` (null: there was nothing)."""
    key = list(TABLES[table].key)
    columns = ["deleted", *(name for name in TABLES[table].schema if name not in key)]
    story = past.rows(table, until=int(newest["sequence"].max())).join(newest.lazy(), on=key, how="semi")  # type: ignore[arg-type]
    former = [pl.col(name).shift(1).over(key).alias(f"former_{name}") for name in columns]
    return newest.join(
        story.sort("sequence", maintain_order=True).select("sequence", *key, *former).collect(),
        on=["sequence", *key], how="left", maintain_order="left",
    )  # fmt: skip


def _with_names(names: Names, rows: pl.DataFrame, table: str) -> list[dict[str, Any]]:
    """The rows with names in place of other tables' ids."""
    frame = rows
    for column in [name for name in frame.columns if name.removeprefix("former_") in OWNERS]:
        owner = column.removeprefix("former_")
        if OWNERS[owner] != table:
            known = names.of(owner, {int(number) for number in frame[column].drop_nulls().unique()})
            shown = {number: known.get(int(number), f"#{number}") for number in frame[column].drop_nulls().unique()}
            text = pl.col(column).replace_strict(shown, default=None, return_dtype=pl.String)
            frame = frame.with_columns(text.alias(column))
    own = [name for name in TABLES[table].key if OWNERS.get(name) == table]
    if own:
        known = names.of(own[0], {int(number) for number in frame[own[0]]})
        shown = {number: known.get(int(number), f"#{number}") for number in frame[own[0]].unique()}
        frame = frame.with_columns(pl.col(own[0]).replace_strict(shown, return_dtype=pl.String))
    return frame.to_dicts()


def _entry(table: str, row: dict[str, Any], sender: dict[str, Any]) -> dict[str, Any]:
    key = TABLES[table].key
    before = row["former_deleted"]
    made = before is None or before
    what = "deleted" if row["deleted"] else ("made" if made else "changed")
    values = {}
    for column in TABLES[table].schema:
        if column in key or column in _PARTS_OF_NAMES.get(table, ()):
            continue
        old, new = row[f"former_{column}"], row[column]
        if old != new:
            values[column.removesuffix("_id")] = {"old": old, "new": new}
    who = {name: sender[name] for name in ("time", "author", "service", "run", "transaction")}
    labels = {_LABELS.get(column, column): row[column] for column in key}
    return {"version": row["sequence"], **who, "table": table, "object": labels, "what": what, "values": values}


_PARTS_OF_NAMES = {
    "groups": ("name",), "sites": ("name",), "partitions": ("name",), "datasets": ("name",), "blocks": ("name",),
    "files": ("directory", "base_name"),
}  # fmt: skip
_LABELS = {
    "group_id": "group", "site_id": "site", "partition_id": "partition", "dataset_id": "dataset",
    "block_id": "block", "file_id": "lfn",
}  # fmt: skip
