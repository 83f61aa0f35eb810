"""How long the inventory's server takes to start: from the beginning of its process until it serves.

    python -m benchmarks.start [--datasets N] [--json]

From a checkpoint, all of whose bytes it checks; and from the relational tables without one. BENCHMARK_DATABASE_URL names an
empty MariaDB database; else it is SQLite. The yardsticks: a start with an empty inventory, which is Python, Django and their
libraries; and the database's own sum over a column of the block replicas.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from benchmarks.measuring import Figure, main, seconds
from benchmarks.serving import served, set_up
from inventory.schema import TABLES

if TYPE_CHECKING:
    import polars as pl

    from inventory.image import Image

_LIMITS = {False: (1.0, 15.0), True: (5.0, 150.0)}
_LARGE_FROM = 200_000
_INSERTED = 20_000
_STARTS = 2


def measure(datasets: int) -> list[Figure]:
    """Seconds of starts without anything, from a checkpoint, from tables."""
    set_up()
    from benchmarks.generate import generate
    from inventory.image import Image

    snapshot = generate(datasets)
    frames = {name: snapshot.frame(name) for name in TABLES}
    del snapshot
    empty = _start(Image.from_frames({}))
    checkpoint = _start(Image.from_frames(frames))
    for name in TABLES:
        fill(name, frames.pop(name))
    gc.collect()
    scan = seconds(_scan)
    with served(None) as server:
        tables = server.start_seconds
    limits = _LIMITS[datasets >= _LARGE_FROM]
    return [
        Figure("server start from checkpoint to serving", "s", checkpoint, "a start without data", empty, limits[0]),
        Figure("server start from the database's tables", "s", tables, "the database's sum over a column", scan, limits[1]),
    ]  # fmt: skip


def fill(table: str, rows: pl.DataFrame) -> None:
    """Put ``rows`` into the database's ``table``, which is empty."""
    from django.db import connection, transaction

    from inventory.relational import MODELS, own_id, row_id

    if rows.is_empty():
        return
    own = own_id(table)
    rows = rows.drop(own).with_columns(id=rows[own]) if own is not None else rows.with_columns(id=row_id(table))
    quoted = connection.ops.quote_name
    names, values = ", ".join(map(quoted, rows.columns)), ", ".join(["%s"] * rows.width)
    statement = f"INSERT INTO {quoted(MODELS[table]._meta.db_table)} ({names}) VALUES ({values})"  # noqa: S608 - names are the models'
    with transaction.atomic(), connection.cursor() as cursor:
        for part in rows.iter_slices(_INSERTED):
            cursor.executemany(statement, part.rows())


def _start(image: Image) -> float:
    found = []
    for _ in range(_STARTS):
        with served(image) as server:
            found.append(server.start_seconds)
    return min(found)


def _scan() -> None:
    from django.db.models import Sum

    from inventory.relational import BlockReplica

    BlockReplica.objects.aggregate(Sum("size"))


if __name__ == "__main__":
    main(__doc__, measure)
