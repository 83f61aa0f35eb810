"""Records of the log as the frames that the history keeps. Reads the database, changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from inventory import log
from inventory.history.segment import RECORD_SCHEMA, RECORDS, schema_of, stored_schema
from inventory.log_models import UpdateRecord
from inventory.resolve.delta import Delta
from inventory.schema import TABLES

_HEADER = ("sequence", "time", "author", "service", "run", "transaction", "epoch", "token")


@dataclass(frozen=True)
class Pieces:
    """Records ``first`` … ``last`` as frames by name (``records`` and tables), in the order of the log."""

    first: int
    last: int
    last_time: int
    transaction: str
    frames: dict[str, pl.DataFrame] = field(repr=False)


def headers(after: int, until: int) -> pl.DataFrame:
    """Records without their rows, in the columns of ``RECORD_SCHEMA``; ``next_ids`` is not known without the rows."""
    rows = UpdateRecord.objects.filter(sequence__gt=after, sequence__lte=until).order_by("sequence")
    return pl.DataFrame(
        [
            {**{name: getattr(row, name) for name in _HEADER}, "counts": json.dumps(row.counts), "next_ids": "{}"}
            for row in rows.iterator()
        ],
        schema=RECORD_SCHEMA,
    )


def pieces(after: int, until: int, most_bytes: int | None = None) -> Pieces | None:
    """The records later than ``after`` up to ``until``, or fewer so that they have about ``most_bytes`` in the log.

    None: there is none. Raises RecordsDropped, DatabaseError.
    """
    until = _within(after, until, most_bytes)
    records = list(log.records_after(after, until))
    if not records:
        return None
    about = headers(after, records[-1].sequence)
    ids = {record.sequence: json.dumps(record.delta.next_ids) for record in records}
    about = about.with_columns(next_ids=pl.col("sequence").replace_strict(ids, return_dtype=pl.String))
    deltas = [(record.sequence, record.delta) for record in records]
    frames = {RECORDS: about, **{name: _rows(name, deltas) for name in TABLES}}
    last = records[-1]
    return Pieces(
        records[0].sequence, last.sequence, last.time, about["transaction"][-1],
        {name: frame for name, frame in frames.items() if name == RECORDS or frame.height},
    )  # fmt: skip


def stored(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the types it has on disk."""
    return frame.cast(stored_schema(name))


def _within(after: int, until: int, most_bytes: int | None) -> int:
    if most_bytes is None:
        return until
    sizes = UpdateRecord.objects.filter(sequence__gt=after, sequence__lte=until).order_by("sequence")
    total = 0
    for sequence, size in sizes.values_list("sequence", "size").iterator():
        total += size
        if total >= most_bytes:
            return int(sequence)
    return until


def _rows(name: str, deltas: Iterable[tuple[int, Delta]]) -> pl.DataFrame:
    """All rows of one table that the records put or delete."""
    parts = []
    for sequence, delta in deltas:
        for kind, frames in ((False, delta.puts), (True, delta.deletes)):
            if name in frames:
                parts.append(frames[name].with_columns(sequence=pl.lit(sequence), deleted=pl.lit(kind)))
    schema = schema_of(name)
    empty = pl.DataFrame(schema=schema)
    return pl.concat([empty, *(part.cast({c: schema[c] for c in part.columns}) for part in parts)], how="diagonal")
