"""SQL over a snapshot, for people: DuckDB on the same columnar memory, by the names of ``schema.TABLES``.

Reading only. From SQL no file, network, extension, setting or other data of this process can be reached.
"""

from __future__ import annotations

import re

import duckdb
import polars as pl
import pyarrow as pa

from inventory.errors import InventoryError
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

MAX_SQL = 100_000
_BATCH = 100_000

_SAFE = {
    "enable_external_access": "false", "python_enable_replacements": "false", "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false", "allow_community_extensions": "false", "allow_unsigned_extensions": "false",
    "temp_directory": "", "lock_configuration": "true",
}  # fmt: skip
_ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


class QueryError(InventoryError):
    """The SQL cannot be run; the text is DuckDB's, or says what is not allowed."""


def query(snapshot: Snapshot, sql: str, most: int | None = None) -> pl.DataFrame:
    """The rows (the first ``most``) of one SELECT over the snapshot's tables. Raises :class:`QueryError`."""
    if len(sql) > MAX_SQL or "\0" in sql:
        raise QueryError(f"more than {MAX_SQL} characters of SQL, or a NUL character in it")
    connection = duckdb.connect(":memory:", config=dict(_SAFE))
    try:
        _check(connection, sql)
        for name in TABLES:
            # Only what is asked for is loaded: files can be many.
            if re.search(rf"\b{name}\b", sql, re.IGNORECASE):
                connection.register(name, snapshot.frame(name).to_arrow())
        return _rows(connection.sql(sql), most)
    except duckdb.Error as error:
        raise QueryError(str(error).strip()) from error
    finally:
        connection.close()


def _check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(f"{len(statements)} statements; one SELECT is expected")
    if statements[0].type not in _ALLOWED:
        raise QueryError(f"{statements[0].type.name} is not allowed: the inventory can only be read; write a SELECT")


def _rows(result: duckdb.DuckDBPyRelation, most: int | None) -> pl.DataFrame:
    batches = []
    reader = result.to_arrow_reader(_BATCH)
    names = [
        f"{name}_{place}" if name in reader.schema.names[:place] else name
        for place, name in enumerate(reader.schema.names)
    ]
    found = 0
    for batch in reader:
        batches.append(batch.rename_columns(names))
        found += batch.num_rows
        if most is not None and found >= most:
            break
    schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, names, strict=True)])
    rows = pl.DataFrame(pa.Table.from_batches(batches, schema))
    return rows if most is None else rows.head(most)
