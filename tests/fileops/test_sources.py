"""Where files are copied from."""

from __future__ import annotations

import errno
from collections import Counter

import polars as pl
import pytest

from fileops.sources import choose
from inventory.schema import SiteStatus, StorageType

WANTED = pl.DataFrame({"id": [1], "lfn": ["/a"], "site": ["HERE"]})
NO_ATTEMPTS = pl.DataFrame(schema={"id": pl.Int64, "source": pl.String, "failures": pl.Int64, "last_code": pl.Int64})


def holders(*rows: str) -> pl.DataFrame:
    """Rows ``site``, ``site type`` or ``site type status`` of holders of /a."""
    parts = [(*row.split(), *("DISK", "READY")[len(row.split()) - 1 :]) for row in rows]
    schema = {"site": pl.String, "storage_type": StorageType, "status": SiteStatus}
    return pl.DataFrame(parts, schema=schema, orient="row").with_columns(pl.lit("/a").alias("lfn"))


def attempts(**tried: tuple[int, int]) -> pl.DataFrame:
    rows = [(1, source, failures, code) for source, (failures, code) in tried.items()]
    return pl.DataFrame(rows, schema=NO_ATTEMPTS.schema, orient="row")


def chosen(places: pl.DataFrame, tried: pl.DataFrame = NO_ATTEMPTS, seed: int = 0) -> tuple[str | None, str | None]:
    row = choose(WANTED, places, tried, seed).row(0, named=True)
    return row["source"], row["reason"]


def test_any_disk_at_random_and_the_same_again_for_the_same_seed() -> None:
    places = holders("A", "B", "C")
    counts = Counter(chosen(places, seed=seed)[0] for seed in range(300))
    assert set(counts) == {"A", "B", "C"}
    assert min(counts.values()) > 60
    assert all(chosen(places, seed=seed) == chosen(places, seed=seed) for seed in range(10))


def test_many_files_are_spread_over_sources() -> None:
    wanted = pl.DataFrame({"id": range(300), "lfn": ["/a"] * 300, "site": ["HERE"] * 300})
    spread = Counter(choose(wanted, holders("A", "B", "C"), NO_ATTEMPTS, 1)["source"])
    assert min(spread.values()) > 60


@pytest.mark.parametrize(
    ("places", "source"),
    [
        (["A", "T MSS"], "A"),
        (["T MSS"], "T"),
        (["A DISK MORGUE", "T MSS"], "T"),
        (["A DISK WAITROOM", "B BUFFER"], "B"),
        (["HERE", "B UNKNOWN"], "B"),
    ],
)
def test_ready_disk_first_then_tape(places: list[str], source: str) -> None:
    assert chosen(holders(*places)) == (source, None)


def test_one_not_tried_goes_before_one_that_failed() -> None:
    tried = attempts(A=(1, errno.ETIMEDOUT), B=(2, errno.ETIMEDOUT))
    assert {chosen(holders("A", "B", "C"), tried, seed)[0] for seed in range(20)} == {"C"}


def test_when_all_failed_the_least_failed_that_may_recover() -> None:
    tried = attempts(A=(3, errno.ETIMEDOUT), B=(2, errno.EBUSY), C=(1, errno.ENOENT))
    assert {chosen(holders("A", "B", "C"), tried, seed)[0] for seed in range(20)} == {"B"}


def test_disk_that_failed_for_good_leaves_the_word_to_tape() -> None:
    assert chosen(holders("A", "T MSS"), attempts(A=(1, errno.EIO))) == ("T", None)
    assert chosen(holders("A", "T MSS"), attempts(A=(1, errno.ETIMEDOUT))) == ("A", None)


def test_no_source_and_all_failed() -> None:
    assert chosen(holders()) == (None, "no_source")
    assert chosen(holders("HERE", "A DISK MORGUE")) == (None, "no_source")
    assert chosen(holders("A", "B"), attempts(A=(1, errno.ENOENT), B=(4, errno.EIO))) == (None, "all_failed")


def test_each_file_has_its_own_answer_in_order() -> None:
    wanted = pl.DataFrame({"id": [9, 4, 5], "lfn": ["/x", "/a", "/a"], "site": ["HERE", "A", "HERE"]})
    tried = attempts(A=(1, errno.EIO)).with_columns(pl.lit(5).cast(pl.Int64).alias("id"))
    result = choose(wanted, holders("A", "B"), tried, 0)
    assert result.rows() == [(9, None, "no_source"), (4, "B", None), (5, "B", None)]
