"""The relational tables as a follower of the log: each record is applied once, whatever dies when."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl
from django.db import models, transaction

from inventory import log
from inventory.image import Image
from inventory.log_models import FollowerPosition
from inventory.relational import MODELS, own_id, row_id
from inventory.resolve.delta import Delta
from inventory.schema import NO_GROUP_ID, NO_GROUP_NAME, TABLES

TABLES_FOLLOWER = "tables"

_BATCH = 500
_READ = 50_000


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
    """Apply one record with the position in one transaction; 0 when somebody else has applied it before."""
    with transaction.atomic():
        FollowerPosition.objects.get_or_create(pk=TABLES_FOLLOWER)
        row = FollowerPosition.objects.select_for_update().get(pk=TABLES_FOLLOWER)
        if row.sequence >= record.sequence:
            return 0
        if row.sequence == 0:
            _put("groups", pl.DataFrame({"group_id": [NO_GROUP_ID], "name": [NO_GROUP_NAME], "level": ["Dataset"]}))
        for table in record.delta.tables():
            _change(table, record.delta)
        row.sequence, row.time = record.sequence, record.time
        row.save()
    return 1


def read_tables() -> Image:
    """The image that the tables hold, at their position; all rows of one moment."""
    with transaction.atomic():
        # The row's lock keeps the follower from going on meanwhile.
        row = FollowerPosition.objects.select_for_update().filter(pk=TABLES_FOLLOWER).first()
        frames = {table: _read(table) for table in TABLES}
    return Image.from_frames(frames, *((0, 0) if row is None else (row.sequence, row.time)))


def _change(table: str, delta: Delta) -> None:
    if table == "path_rules":
        _replace_rules(delta)
        return
    ids = delta.touched(table).select(row_id(table)).to_series().to_list()
    for start in range(0, len(ids), _BATCH):
        MODELS[table].objects.filter(pk__in=ids[start : start + _BATCH]).delete()
    if table in delta.puts:
        _put(table, delta.puts[table])


def _put(table: str, rows: pl.DataFrame) -> None:
    own = own_id(table)
    rows = rows.drop(own).with_columns(id=rows[own]) if own is not None else rows.with_columns(id=row_id(table))
    _create(MODELS[table], rows.iter_rows(named=True))


def _replace_rules(delta: Delta) -> None:
    """Path rules are few: all are written again, numbered in their order."""
    rows = delta.applied_to("path_rules", _read("path_rules")).with_row_index("id", offset=1)
    MODELS["path_rules"].objects.all().delete()
    _create(MODELS["path_rules"], rows.iter_rows(named=True))


def _create(model: type[models.Model], rows: Iterable[dict[str, object]]) -> None:
    model.objects.bulk_create((model(**row) for row in rows), batch_size=_BATCH)


def _read(table: str) -> pl.DataFrame:
    schema = TABLES[table].schema
    own = own_id(table)
    columns = ["pk" if name == own else name for name in schema]
    rows = MODELS[table].objects.order_by("pk").values_list(*columns)
    frames = []
    batch: list[tuple[object, ...]] = []
    for row in rows.iterator(chunk_size=_READ):
        batch.append(row)
        if len(batch) == _READ:
            frames.append(pl.DataFrame(batch, schema=schema, orient="row"))
            batch = []
    return pl.concat([*frames, pl.DataFrame(batch, schema=schema, orient="row")])
