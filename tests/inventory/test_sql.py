"""SQL over the inventory reads, and reaches nothing else."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import polars as pl
import pytest

from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from inventory.sql import MAX_SQL, Bounds, QueryError, query
from tests.inventory.injecting import growing

secret_of_this_process = pl.DataFrame({"secret": ["abc"]})


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return growing()


def test_join_by_id(snapshot):
    sql = """
        SELECT s.name, sum(r.size)::BIGINT AS bytes FROM block_replicas r JOIN sites s USING (site_id)
        GROUP BY s.name ORDER BY s.name
    """
    assert query(snapshot, sql).to_dicts() == [{"name": "A", "bytes": 30}, {"name": "B", "bytes": 30}]


def test_every_table_is_there(snapshot):
    for name in TABLES:
        rows = query(snapshot, f"SELECT * FROM {name}")  # noqa: S608
        assert rows.columns == list(TABLES[name].schema)
        assert rows.height == snapshot.frame(name).height


def test_limit_and_same_names(snapshot):
    assert query(snapshot, "SELECT * FROM files ORDER BY file_id", 1).height == 1
    assert query(snapshot, "SELECT 1 AS a, 2 AS a").rows() == [(1, 2)]
    assert query(snapshot, "EXPLAIN SELECT * FROM sites").height
    assert query(snapshot, "SELECT * FROM sites WHERE false").is_empty()


def test_empty_inventory():
    assert query(Snapshot.from_frames({}), "SELECT count(*) FROM files").item() == 0


@pytest.mark.parametrize(
    "sql",
    [
        "", ";", "SELECT", "SELEC 1", "SELECT * FROM nowhere", "SELECT 1; SELECT 2", "SELECT 1 \0", "x" * (MAX_SQL + 1),
        "CREATE TABLE t AS SELECT 1", "DROP VIEW sites", "INSERT INTO sites SELECT * FROM sites", "DELETE FROM sites",
        "UPDATE sites SET name = 'x'", "CREATE MACRO f() AS 1", "PREPARE p AS SELECT 1", "BEGIN", "VACUUM", "CHECKPOINT",
        "USE memory", "CALL pragma_version()", "EXPORT DATABASE '/tmp'", "IMPORT DATABASE '/tmp'",
    ],
)  # fmt: skip
def test_what_is_no_single_select(snapshot, sql):
    with pytest.raises(QueryError):
        query(snapshot, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SET enable_external_access = true", "SET GLOBAL lock_configuration = false", "RESET lock_configuration",
        "PRAGMA enable_external_access", "SET threads = 1", "SET python_enable_replacements = true",
        "INSTALL httpfs", "LOAD httpfs", "ATTACH '/tmp/x.db' AS x", "SELECT * FROM query('SET threads = 1')",
        "SELECT set_config('threads', '1')", "SELECT * FROM duckdb_settings()", "FROM duckdb_settings", "SHOW ALL TABLES",
        "SELECT current_setting('home_directory')", "FROM duckdb_extensions()", "FROM duckdb_secrets()",
        "SELECT * FROM information_schema.tables", "FROM pg_catalog.pg_settings", "FROM duckdb_memory()",
        "SELECT 1 WHERE 1 IN (SELECT count(*) FROM duckdb_functions())", "WITH a AS (FROM duckdb_logs) FROM a",
        "EXPLAIN SELECT * FROM duckdb_settings()", "SELECT * FROM enable_logging()", "SELECT write_log('x')",
        "PRAGMA database_list", "SELECT * FROM pragma_version()", "SELECT * FROM memory.main.sites",
    ],
)  # fmt: skip
def test_settings_and_extensions_cannot_be_changed_or_seen(snapshot, sql):
    with pytest.raises(QueryError):
        query(snapshot, sql)


def test_python_frames_cannot_be_reached(snapshot):
    local_frame = secret_of_this_process
    for name in ("secret_of_this_process", "local_frame", "snapshot", "local_frame.secret"):
        with pytest.raises(QueryError):
            query(snapshot, f"SELECT * FROM {name}")  # noqa: S608
    assert local_frame.height == 1


READERS = [
    "read_csv",
    "read_text",
    "read_blob",
    "read_json",
    "read_parquet",
    "read_csv_auto",
    "sniff_csv",
    "parquet_metadata",
    "glob",
]


@pytest.mark.parametrize("reader", READERS)
def test_no_file_can_be_read(snapshot, tmp_path, reader):
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(QueryError):
        query(snapshot, f"SELECT * FROM {reader}('{file}')")  # noqa: S608
    for source in (f"'{file}'", f'"{file}"', f"query_table('{file}')", f"query('FROM ''{file}''')"):
        with pytest.raises(QueryError):
            query(snapshot, f"SELECT * FROM {source}")  # noqa: S608


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{file}'", "COPY sites TO '{file}' (FORMAT parquet)", "EXPLAIN ANALYZE COPY sites TO '{file}'",
        "ATTACH '{file}'", "SELECT * FROM query('COPY sites TO ''{file}''')", "EXPORT DATABASE '{file}'",
    ],
)  # fmt: skip
def test_no_file_can_be_written(snapshot, tmp_path, sql):
    file = tmp_path / "stolen"
    with pytest.raises(QueryError):
        query(snapshot, sql.format(file=file))
    assert not list(tmp_path.iterdir())


def test_no_request_leaves_the_process(snapshot):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/x.csv"
        for sql in ("SELECT * FROM '{0}'", "SELECT * FROM read_csv('{0}')", "ATTACH '{0}'"):
            with pytest.raises(QueryError):
                query(snapshot, sql.format(address))
        server.shutdown()
    assert not asked


def test_views_of_the_inventory_do_not_change_it(snapshot):
    before = snapshot.frame("sites").clone()
    with pytest.raises(QueryError):
        query(snapshot, "CREATE OR REPLACE VIEW sites AS SELECT 1")
    assert snapshot.frame("sites").equals(before)


@pytest.mark.parametrize(
    "sql", ["SELECT getenv('HOME')", "SELECT getenv('PATH') FROM sites", "SELECT getvariable('x')"]
)
def test_the_environment_cannot_be_read(snapshot, sql):
    with pytest.raises(QueryError, match="cannot be used here"):
        query(snapshot, sql)


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("WITH a AS (SELECT name FROM sites) SELECT count(*) FROM a, range(3)", 9),
        ("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT max(i) FROM n", 5),
        ("SELECT count(*) FROM sites, unnest([1, 2]) AS t(x)", 6),
        ("SELECT count(*) FROM (SUMMARIZE sites)", 6),
        ("SELECT sum(x) FROM (VALUES (1), (2)) AS v(x) WHERE x IN (SELECT 1 FROM Sites)", 1),
    ],
)
def test_what_people_write_is_understood(snapshot, sql, answer):
    assert query(snapshot, sql).item() == answer


def test_a_query_ends_in_time(snapshot):
    with pytest.raises(QueryError, match=r"ended after 0\.5 s"):
        query(snapshot, "SELECT count(*) FROM range(1000000000) a, range(1000000000) b", bounds=Bounds(seconds=0.5))


def test_a_query_has_no_more_memory_than_it_may(snapshot):
    with pytest.raises(QueryError, match=r"(?i)memory"):
        query(snapshot, "SELECT array_agg(i) FROM range(100000000) t(i)", bounds=Bounds(memory=64 * 1024**2))


def test_an_answer_has_no_more_rows_than_it_may(snapshot):
    few = Bounds(rows=1000)
    with pytest.raises(QueryError, match=r"more than 1000 rows .* add a LIMIT"):
        query(snapshot, "SELECT * FROM range(300000)", bounds=few)
    assert query(snapshot, "SELECT * FROM range(300000)", 1000, few).height == 1000
