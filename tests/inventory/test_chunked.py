"""A snapshot of packed chunks answers every query like one of frames; LFNs are found without a look at other files."""

from __future__ import annotations

import gc
import weakref

import polars as pl
import pytest

from benchmarks.generate import generate
from inventory import chunked
from inventory.image import Image
from inventory.lookup import located
from inventory.schema import TABLES
from inventory.snapshot import Snapshot, lfn


@pytest.fixture(scope="module")
def plain() -> Snapshot:
    return generate(1500, files=True)


@pytest.fixture
def packed(plain, monkeypatch) -> Snapshot:
    # So that a query meets several batches.
    monkeypatch.setattr(chunked, "_BATCH_ROWS", 3000)
    return Image.from_frames({name: plain.frame(name) for name in TABLES}).snapshot()


QUERIES = {
    "all": lambda table: table,
    "number": lambda table: table.select(pl.len()),
    "sum": lambda table: table.select(pl.col("size").sum()),
    "filtered": lambda table: table.filter(pl.col("size") > 10**10).select("block_id"),
    "little": lambda table: table.filter(pl.col("dataset_id").is_in([3, 1200, 9999])),
    "nothing": lambda table: table.filter(pl.col("size") < 0).select("block_id", "size"),
    "first": lambda table: table.head(2500).select("size"),
    "first of filtered": lambda table: table.filter(pl.col("size") > 10**10).head(7),
    "filtered of first": lambda table: table.head(2500).filter(pl.col("size") > 10**10),
    "grouped": lambda table: table.group_by("dataset_id").agg(pl.col("size").max()).sort("dataset_id"),
    "joined with itself": lambda table: table.join(table.group_by("block_id").agg(pl.len()), on="block_id").sort(pl.all()),
    "filtered by a truth": lambda table: table.filter(pl.lit(True)).select("block_id"),
    "filtered by an untruth": lambda table: table.filter(pl.lit(False)).select("block_id"),
    "constant": lambda table: table.select(pl.lit(1)),
}  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("table", ["files", "block_replicas"])
def test_queries_over_chunks_are_those_over_frames(plain, packed, table, query):
    ask = QUERIES[query]
    assert ask(packed.table(table)).collect().equals(ask(plain.table(table)).collect())
    assert ask(packed.table(table)).collect(engine="streaming").height == ask(plain.table(table)).collect().height


@pytest.mark.parametrize("table", TABLES)
def test_tables_come_whole_by_columns_and_by_datasets(plain, packed, table):
    names = TABLES[table].schema.names()
    assert packed.frame(table, *names[:2]).equals(plain.frame(table, *names[:2]))
    assert packed.frame(table).equals(plain.frame(table))
    assert packed.named(table).collect().sort(pl.all()).equals(plain.named(table).collect().sort(pl.all()))
    if TABLES[table].chunked:
        ids = pl.Series("dataset_id", [1400, 3, 3, 99_999], dtype=pl.UInt32)
        assert packed.of_datasets(table, ids).equals(plain.of_datasets(table, ids))
        assert pl.concat(packed.pieces(table)).equals(plain.frame(table))


def test_an_empty_inventory_answers_too():
    empty = Image.from_frames({}).snapshot()
    assert empty.table("files").filter(pl.col("size") > 1).collect().equals(empty.frame("files"))
    assert empty.files_called(pl.Series(["/a/b"])).is_empty() and located(empty, pl.Series(["/a/b"])).is_empty()


def test_files_are_found_by_lfn(plain, packed):
    files = plain.frame("files").with_columns(lfn())
    for wanted in (files["lfn"][[5]], files["lfn"].sample(400, seed=1), pl.Series("lfn", [], dtype=pl.String)):
        # Near misses: another directory, another name, no directory at all.
        asked = pl.concat(
            [wanted, wanted + "x", "/other" + wanted, wanted.str.to_lowercase(), pl.Series("lfn", ["/x"])]
        )
        expected = files.filter(pl.col("lfn").is_in(wanted.implode()))
        assert packed.files_called(asked).equals(expected)
        assert plain.files_called(asked).sort("file_id").equals(expected)
        assert located(packed, asked).equals(located(plain, asked))


def test_files_are_located_where_their_blocks_are(plain, packed):
    partial = plain.frame("replica_files").head(3)
    wanted = plain.named("files").filter(pl.col("file_id").is_in(partial["file_id"].implode())).collect()
    found = located(packed, wanted["lfn"])
    replicas = plain.frame("block_replicas").filter(pl.col("block_id").is_in(wanted["block_id"].implode()))
    assert set(found["site_id"]) == set(replicas["site_id"])
    listed = plain.frame("replica_files").select("file_id", "site_id").rows()
    complete = set(replicas.filter("complete").select("block_id", "site_id").rows())
    for row in found.iter_rows(named=True):
        there = (row["file_id"], row["site_id"]) in listed or (row["block_id"], row["site_id"]) in complete
        assert row["present"] == there


def test_names_that_are_no_uuids_are_found_too(plain):
    files = plain.frame("files").head(3000)
    named = files.with_columns(
        base_name=pl.when(pl.int_range(pl.len()) % 3 == 0)
        .then(pl.format("nano_{}.root", "file_id"))
        .otherwise("base_name")
    )
    frames = {name: plain.frame(name) for name in TABLES} | {"files": named}
    wanted = named.with_columns(lfn())["lfn"].sample(50, seed=2)
    assert set(Image.from_frames(frames).snapshot().files_called(wanted)["lfn"]) == set(wanted)


def test_snapshots_go_when_nobody_has_them(packed):
    """Queries of a snapshot must not hold it: its version's files would stay for ever."""
    other = Image.from_frames({name: packed.frame(name) for name in TABLES}).snapshot()
    other.table("blocks").select(pl.col("size").sum()).collect()
    seen = weakref.ref(other)
    del other
    gc.collect()
    assert seen() is None
