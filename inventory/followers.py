"""The relational tables as a follower of the log: each record is applied once, whatever dies when."""

from __future__ import annotations

import time
from collections.abc import Iterator

import polars as pl
from django.db import connection, models, transaction

from inventory import database, log
from inventory.errors import InventoryError
from inventory.image import Image
from inventory.log_models import FollowerPosition
from inventory.relational import MODELS, own_id, row_id
from inventory.resolve.delta import Delta
from inventory.schema import NO_GROUP_ID, NO_GROUP_NAME
from inventory.table_reading import read, read_chunks

TABLES_FOLLOWER = "tables"

STEP_ROWS = 20_000
"""Rows that one transaction writes: on SQLite all other writers wait for it."""

LONGEST_PAUSE = 0.12
"""Seconds between two such transactions: who waits for SQLite's lock looks for it each 0.1 s, and gets it in no other way."""

_BATCH = 500
_STATEMENT_BYTES = database.LEAST_PACKET // 2
_NUMBER_BYTES = 24


class TablesUnfinished(InventoryError):
    """The tables cannot be brought to the end of a record."""


def position() -> int:
    """Number of the last record that the tables have applied."""
    row = FollowerPosition.objects.filter(pk=TABLES_FOLLOWER).first()
    return 0 if row is None else row.sequence


def follow(until: int | None = None, limit: int = 100) -> int:
    """Apply at most ``limit`` records that the tables have not yet (up to ``until``); returns how many were applied."""
    start = position()
    last = start + limit if until is None else min(until, start + limit)
    applied = 0
    for record in log.records_after(start, last):
        applied += apply(record)
    return applied


def apply(record: log.Record) -> int:
    """Apply one record; 0 when it was applied before.

    A long record takes several transactions, so that nobody else waits for long; each notes how far it came.
    """
    steps = list(_steps(record.delta))
    while True:
        started = time.monotonic()
        step = database.repeated(lambda: _apply_step(record, steps), f"record {record.sequence} into the tables")
        if step is None:
            return 0
        if step == 0:
            return 1
        if connection.vendor == "sqlite":
            time.sleep(min(time.monotonic() - started, LONGEST_PAUSE))


def _apply_step(record: log.Record, steps: list[Delta]) -> int | None:
    """Apply the next piece in one transaction; how many are now, 0 after the last; None when all were before."""
    with transaction.atomic():
        row = _locked_position()
        if row.sequence >= record.sequence:
            return None
        if row.sequence == 0 and row.step == 0:
            nobody = {"group_id": [NO_GROUP_ID], "name": [NO_GROUP_NAME], "level": ["Dataset"]}
            _put("groups", pl.DataFrame(nobody))
        for piece in steps[row.step : row.step + 1]:
            for table in piece.tables():
                _change(table, piece)
        row.step += 1
        if row.step >= len(steps):
            row.sequence, row.time, row.step = record.sequence, record.time, 0
        row.save()
    return row.step


def read_tables() -> Image:
    """The image that the tables hold, at their position; all rows of one moment."""
    while True:
        with transaction.atomic():
            # The row's lock keeps the follower from going on meanwhile.
            row = _locked_position()
            if row.step == 0:
                # Without any record there is not even the group of nobody.
                chunks = {
                    **Image.from_frames({}).chunks,
                    **{name: rows for name, rows in read_chunks().items() if rows},
                }
                return Image(row.sequence, row.time, chunks)
        # A record is half-way in: it is finished first.
        if not follow(row.sequence + 1):
            raise TablesUnfinished(f"the tables are within record {row.sequence + 1}, which the log does not have")


def _locked_position() -> FollowerPosition:
    FollowerPosition.objects.get_or_create(pk=TABLES_FOLLOWER)
    return FollowerPosition.objects.select_for_update().get(pk=TABLES_FOLLOWER)


def _steps(delta: Delta) -> Iterator[Delta]:
    """The record in pieces of a limited number of rows by table: what goes first, then what is put.

    Short records are one piece.
    """
    if sum(count["put"] + count["deleted"] for count in delta.counts().values()) <= STEP_ROWS:
        yield delta
        return
    for table in delta.tables():
        size = STEP_ROWS if table != "path_rules" else max(delta.touched(table).height, 1)
        if table in delta.deletes:
            yield from (Delta(deletes={table: rows}) for rows in delta.deletes[table].iter_slices(size))
        if table in delta.puts:
            yield from (Delta(puts={table: rows}) for rows in delta.puts[table].iter_slices(size))


def _change(table: str, delta: Delta) -> None:
    if table == "path_rules":
        _replace_rules(delta)
        return
    ids = delta.touched(table).select(row_id(table)).to_series().to_list()
    for start in range(0, len(ids), _BATCH):
        MODELS[table]._default_manager.filter(pk__in=ids[start : start + _BATCH]).delete()
    if table in delta.puts:
        _put(table, delta.puts[table])


def _put(table: str, rows: pl.DataFrame) -> None:
    own = own_id(table)
    rows = rows.drop(own).with_columns(id=rows[own]) if own is not None else rows.with_columns(id=row_id(table))
    for batch in _batches(rows):
        _create(MODELS[table], batch)


def _batches(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """``rows`` in pieces that one statement can take: few rows, and texts that fit when every character is escaped."""
    texts = [pl.col(name).cast(pl.String).str.len_bytes().fill_null(0) for name, kind in rows.schema.items()
             if kind in (pl.String, pl.Categorical, pl.Enum)]  # fmt: skip
    size = 2 * pl.sum_horizontal(pl.lit(0), *texts) + _NUMBER_BYTES * len(rows.columns)
    numbers = (size.cast(pl.Int64).cum_sum() // _STATEMENT_BYTES, pl.int_range(pl.len()) // _BATCH)
    ends = rows.select(end=pl.struct(*(number.alias(str(i)) for i, number in enumerate(numbers))).rle_id())["end"]
    start = 0
    for length in ends.rle().struct.field("len").to_list():
        yield rows.slice(start, length)
        start += length


def _replace_rules(delta: Delta) -> None:
    """Path rules are few: all are written again, numbered in their order."""
    rows = delta.applied_to("path_rules", read("path_rules")).with_row_index("id", offset=1)
    MODELS["path_rules"]._default_manager.all().delete()
    for batch in _batches(rows):
        _create(MODELS["path_rules"], batch)


def _create(model: type[models.Model], rows: pl.DataFrame) -> None:
    model._default_manager.bulk_create(model(**row) for row in rows.iter_rows(named=True))
