"""Packed rows come back as they were, whatever they are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.errors import ImageUnreadable, VersionGone
from inventory.packed import PackedRows, joined, pack
from inventory.schema import MAX_LFN, TABLES, Column

UUIDS = st.uuids().map(str)
SUFFIXES = st.sampled_from(["", ".root", "_1.root", ".ROOT", "-", "é", "\n"])
NAMES = st.one_of(
    st.builds(lambda name, suffix: name + suffix, UUIDS, SUFFIXES),
    st.builds(lambda name, suffix: name.upper() + suffix, UUIDS, SUFFIXES),
    # Of mixed case, too short, with wrong dashes: no UUIDs.
    UUIDS.map(str.title), UUIDS.map(lambda name: name[:-1]), UUIDS.map(lambda name: name.replace("-", "_")),
    st.just(""), st.text(max_size=50), st.just("x" * MAX_LFN), st.just("é" * 36), st.just("0" * 36),
)  # fmt: skip
NUMBERS = {
    pl.UInt16: (0, 2**16 - 1),
    pl.UInt32: (0, 2**32 - 1),
    pl.UInt64: (0, 2**64 - 1),
    pl.Int64: (-(2**63), 2**63 - 1),
}


def values(column: Column) -> st.SearchStrategy:
    """Values of a column: some alike, so that there are runs, near each other, and anywhere."""
    if column.dtype == pl.String:
        found = st.one_of(NAMES, st.sampled_from(["/store/mc/a", "/store/mc/b"]))
    elif column.dtype == pl.Boolean:
        found = st.booleans()
    elif column.dtype == pl.Float64:
        found = st.floats(allow_nan=False)
    elif isinstance(column.dtype, pl.Enum):
        found = st.sampled_from(column.dtype.categories.to_list())
    else:
        low, high = NUMBERS[column.dtype]
        found = st.one_of(st.just(7), st.integers(0, 300), st.integers(low, high), st.sampled_from([low, high]))
    return st.one_of(st.none(), found) if column.nullable else found


@st.composite
def frames(draw: st.DrawFn, table: str) -> pl.DataFrame:
    """Any rows of ``table``; every column is repetitive or not by itself."""
    height = draw(st.integers(0, 12))
    columns = {}
    for column in TABLES[table].columns:
        few = draw(st.lists(values(column), min_size=1, max_size=draw(st.sampled_from([1, 2, 6]))))
        columns[column.name] = draw(st.lists(st.sampled_from(few), min_size=height, max_size=height))
    return pl.DataFrame(columns, schema=TABLES[table].schema)


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_rows_come_back_whole_and_in_parts_from_memory_and_from_a_file(table, data):
    frame = data.draw(frames(table))
    packed = pack(table, frame)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, max(frame.height - 1, 0)), max_size=frame.height))), int)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rows.arrow"
        packed.write(path)
        mapped = PackedRows(table, frame.height, path)
        for found in (packed, mapped):
            assert found.frame().equals(frame) and found.frame().schema == TABLES[table].schema
            assert found.frame(rows=rows).equals(frame[rows])
        pack(table, frame).write(Path(directory) / "again.arrow")
        assert (Path(directory) / "again.arrow").read_bytes() == path.read_bytes()
    twice = joined(table, [(packed, None), (mapped, rows)])
    assert twice.equals(pl.concat([frame, frame[rows]]))


def replicas(number: int) -> pl.DataFrame:
    ids = np.arange(number)
    columns = {"dataset_id": 5 + ids // 20, "block_id": 100 + ids // 2, "site_id": 1 + ids % 2}
    constant = {
        "group_id": 1,
        "custodial": False,
        "size": 2**33,
        "num_files": 3,
        "complete": True,
        "last_update": 17 * 10**8,
    }
    frame = pl.DataFrame(columns).with_columns(**{name: pl.lit(value) for name, value in constant.items()})
    return frame.cast(dict(TABLES["block_replicas"].schema))


def test_rows_of_datasets_are_found_without_the_others():
    frame = replicas(400)
    packed = pack("block_replicas", frame)
    for wanted in ([5], [6, 9, 24], [0, 100], []):
        rows = packed.rows_of(np.array(wanted, np.uint32))
        assert packed.frame(rows=rows).equals(frame.filter(pl.col("dataset_id").is_in(wanted)))


def test_some_columns_are_unpacked_alone():
    packed = pack("block_replicas", replicas(40))
    assert packed.frame(["size", "block_id"]).columns == ["block_id", "size"]


def test_what_repeats_and_names_of_uuids_take_little():
    assert pack("block_replicas", replicas(20_000)).nbytes / 20_000 < 4
    names = [f"{place:08X}-0000-4000-8000-{place * 7919:012X}.root" for place in range(10_000)]
    frame = pl.DataFrame({
        "dataset_id": [1] * 10_000, "block_id": [place // 100 for place in range(10_000)], "file_id": range(10_000),
        "directory": [f"/store/mc/{place // 1000}" for place in range(10_000)], "base_name": names,
        "size": [2**32 + place**2 for place in range(10_000)], "adler32": [place * 400_000 for place in range(10_000)],
        "crc32": [None] * 10_000,
    }).cast(dict(TABLES["files"].schema))  # fmt: skip
    assert pack("files", frame).nbytes / 10_000 < 30
    assert pack("files", frame).frame().equals(frame)


def test_damaged_files_are_told(tmp_path):
    path = tmp_path / "x.arrow"
    with pytest.raises(VersionGone):
        PackedRows("sites", 1, path).frame()
    path.write_bytes(b"nothing of it" * 10)
    with pytest.raises(ImageUnreadable):
        PackedRows("sites", 1, path).frame()
    pack("block_replicas", replicas(3)).write(path)
    for table, height in (("sites", 3), ("block_replicas", 4)):
        with pytest.raises(ImageUnreadable, match="not what is wanted"):
            PackedRows(table, height, path).frame()
