"""SQL over a snapshot, for people: DuckDB on the same columnar memory, by the names of ``schema.TABLES``.

Reading only. From SQL no file, network, extension, setting, environment or other data of this process can be reached, and
memory, time and rows are bounded.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import polars as pl
import pyarrow as pa

from inventory.errors import InventoryError
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from inventory.sql_names import reached

MAX_SQL = 100_000
_BATCH = 100_000

_SAFE = {
    "enable_external_access": "false", "python_enable_replacements": "false", "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false", "allow_community_extensions": "false", "allow_unsigned_extensions": "false",
    "temp_directory": "", "lock_configuration": "true",
}  # fmt: skip
_ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_EXPLAIN = re.compile(r"\s*EXPLAIN(\s+ANALYZE)?\s", re.IGNORECASE)


class QueryError(InventoryError):
    """The SQL cannot be run; the text is DuckDB's, or says what is not allowed."""


@dataclass(frozen=True)
class Bounds:
    """What one query may take: ``memory`` in bytes (its answer as much again), ``seconds``, ``rows`` of the answer."""

    memory: int = 4 * 1024**3
    seconds: float = 300.0
    rows: int = 10_000_000


_BOUNDS = Bounds()


def query(snapshot: Snapshot, sql: str, most: int | None = None, bounds: Bounds = _BOUNDS) -> pl.DataFrame:
    """The rows (the first ``most``) of one SELECT over the snapshot's tables. Raises :class:`QueryError`."""
    if len(sql) > MAX_SQL or "\0" in sql:
        raise QueryError(f"more than {MAX_SQL} characters of SQL, or a NUL character in it")
    connection = duckdb.connect(":memory:", config={**_SAFE, "memory_limit": f"{bounds.memory // 1024}KiB"})
    try:
        with _in_time(connection, bounds.seconds):
            _check(connection, sql)
            for name in TABLES:
                # Only what is asked for is loaded: files can be many.
                if re.search(rf"\b{name}\b", sql, re.IGNORECASE):
                    connection.register(name, snapshot.frame(name).to_arrow())
            return _rows(connection.sql(sql), most, bounds)
    except duckdb.Error as error:
        raise QueryError(str(error).strip()) from error
    except RuntimeError as error:
        if "interrupted" in str(error):
            # What DuckDB makes of Ctrl-C.
            raise KeyboardInterrupt from error
        raise
    finally:
        connection.close()


@contextmanager
def _in_time(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """End what runs too long."""
    ends = time.monotonic() + seconds
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.Error as error:
        if time.monotonic() >= ends:
            raise QueryError(f"ended after {seconds:g} s, the longest that a query may take") from error
        raise
    finally:
        timer.cancel()
        timer.join()


def _check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(f"{len(statements)} statements; one SELECT is expected")
    if statements[0].type not in _ALLOWED:
        raise QueryError(f"{statements[0].type.name} is not allowed: the inventory can only be read; write a SELECT")
    if statements[0].type == duckdb.StatementType.EXPLAIN:
        sql = _EXPLAIN.sub("", sql, count=1)
    foreign = reached(connection, sql)
    if foreign:
        raise QueryError(f"{', '.join(foreign)} cannot be used here; there are the tables {', '.join(TABLES)}")


def _rows(result: duckdb.DuckDBPyRelation, most: int | None, bounds: Bounds) -> pl.DataFrame:
    batches = []
    reader = result.to_arrow_reader(_BATCH)
    names = [
        f"{name}_{place}" if name in reader.schema.names[:place] else name
        for place, name in enumerate(reader.schema.names)
    ]
    found = size = 0
    for batch in reader:
        batches.append(batch.rename_columns(names))
        found, size = found + batch.num_rows, size + batch.nbytes
        if most is not None and found >= most:
            break
        if found > bounds.rows or size > bounds.memory:
            raise QueryError(
                f"the answer has more than {bounds.rows} rows or {bounds.memory} bytes; count, or add a LIMIT"
            )
    schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, names, strict=True)])
    try:
        rows = pl.DataFrame(pa.Table.from_batches(batches, schema))
    except pl.exceptions.PolarsError as error:
        raise QueryError(f"a column has a type that cannot be given; CAST it to VARCHAR: {error}") from error
    return rows if most is None else rows.head(most)
