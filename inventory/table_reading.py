"""The relational tables read whole into packed chunks, some datasets at a time: memory stays small whatever their size."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from django.db.models import Max

from inventory.chunked import Chunks
from inventory.image import split
from inventory.packed import PackedRows, pack
from inventory.relational import MODELS, Dataset, own_id
from inventory.schema import TABLES, Table

_DATASETS = 1024
"""Datasets whose rows one query reads, or those of a chunk, if these are more: all are powers of two."""


def read_chunks() -> Chunks:
    """All tables, as they are now."""
    return {name: dict(_chunks(table)) for name, table in TABLES.items()}


def read(name: str, first: int | None = None) -> pl.DataFrame:
    """The rows of a table, sorted by key; with ``first`` those of the datasets of one query from there on."""
    schema, own = TABLES[name].schema, own_id(name)
    columns = ["pk" if column == own else column for column in schema]
    rows = MODELS[name]._default_manager.values_list(*columns)
    if first is not None:
        column = "pk" if own == "dataset_id" else "dataset_id"
        rows = rows.filter(**{f"{column}__gte": first, f"{column}__lt": first + _step(name)})
    # Column by column: as rows Polars would look at each value's type.
    found = list(zip(*rows, strict=True)) or [()] * len(schema)
    series = [
        pl.Series(column, values, dtype=kind) for (column, kind), values in zip(schema.items(), found, strict=True)
    ]
    return pl.DataFrame(series).sort(TABLES[name].key)


def _chunks(table: Table) -> Iterator[tuple[int, PackedRows]]:
    for rows in _parts(table):
        for number, part in split(table.name, rows).items():
            yield number, pack(table.name, part)


def _parts(table: Table) -> Iterator[pl.DataFrame]:
    if not table.chunked:
        yield read(table.name)
        return
    largest = Dataset.objects.aggregate(last=Max("pk"))["last"] or 0
    for first in range(0, largest + 1, _step(table.name)):
        yield read(table.name, first)


def _step(name: str) -> int:
    return max(_DATASETS, TABLES[name].chunk_datasets)
