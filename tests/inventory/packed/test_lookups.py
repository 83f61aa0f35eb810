"""Datasets by name, pieces from a dataset on, some columns of some datasets: as a plain snapshot has them."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.image import Image
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

NUMBER = 5000
NAMES = [f"/A{number % 7}/v{number}/RAW" for number in range(NUMBER)]


@pytest.fixture(scope="module")
def both() -> tuple[Snapshot, Snapshot]:
    """The same in memory and in chunks: datasets with ids from 1 on, two blocks each."""
    ids = list(range(1, NUMBER + 1))
    datasets = {"dataset_id": ids, "name": NAMES}
    of = [number for number in ids for _ in range(2)]
    blocks = {"dataset_id": of, "block_id": range(1, 2 * NUMBER + 1), "name": ["b"] * 2 * NUMBER}
    frames = {"datasets": _frame("datasets", datasets), "blocks": _frame("blocks", blocks)}
    return Snapshot.from_frames(frames), Image.from_frames(frames).snapshot()


def _frame(table: str, given: dict) -> pl.DataFrame:
    schema = TABLES[table].schema
    blank = {pl.String: "", pl.Boolean: False, pl.Float64: 0.0}
    height = len(given["dataset_id"])
    columns = {
        name: pl.Series(given[name] if name in given else ["VALID" if isinstance(kind, pl.Enum) else blank.get(kind, 0)] * height).cast(kind)
        for name, kind in schema.items()
    }  # fmt: skip
    return pl.DataFrame(columns)


@given(
    places=st.lists(st.integers(0, NUMBER - 1), max_size=6),
    more=st.integers(0, 100),
    lacking=st.lists(st.text(), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_datasets_by_name_few_or_many(both, places, more, lacking):
    plain, chunked = both
    names = pl.Series([*(NAMES[place] for place in places), *NAMES[:more], *lacking], dtype=pl.String)
    assert sorted(chunked.datasets_called(names)) == sorted(plain.datasets_called(names))


@given(since=st.integers(0, NUMBER + 3000))
@settings(max_examples=40, deadline=None)
def test_pieces_from_a_dataset_on(both, since):
    plain, chunked = both
    for table in ("datasets", "blocks"):
        found = pl.concat(chunked.pieces(table, "dataset_id", "name", since=since))
        assert found.equals(pl.concat(plain.pieces(table, "dataset_id", "name", since=since)))


@given(ids=st.lists(st.integers(0, NUMBER + 2000), max_size=8))
@settings(max_examples=40, deadline=None)
def test_some_columns_of_some_datasets(both, ids):
    plain, chunked = both
    wanted = pl.Series(ids, dtype=pl.UInt32)
    found = chunked.of_datasets("blocks", wanted, "dataset_id", "block_id")
    assert found.sort("block_id").equals(plain.of_datasets("blocks", wanted, "dataset_id", "block_id").sort("block_id"))
