"""What the inventory says about each waiting file, and what may go on at the same time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fileops.batches import split
from fileops.verdicts import free, judge
from fileops.waiting import WAITING_FILES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BLOCKS = pl.DataFrame({"dataset": ["/D"], "block": ["b"], "site": ["S"]})
HERE = pl.DataFrame({"lfn": ["/f"], "site": ["S"]})
NOWHERE = HERE.clear()


def verdict(operation: str, *, managed: bool = True, replica: bool, present: bool, known: bool, age: float = 0) -> str:
    row = {
        "id": 1, "site": "S", "operation": operation, "dataset": "/D" if managed else "", "block": "b" if managed else "",
        "lfn": "/f", "size": 1, "state": "new", "reason": "", "attempts": 0, "created": NOW - timedelta(seconds=age),
    }  # fmt: skip
    files = pl.DataFrame([row], schema=WAITING_FILES)
    judged = judge(
        files,
        BLOCKS if replica else BLOCKS.clear(),
        HERE if present else NOWHERE,
        HERE if known else NOWHERE,
        NOW,
        3600,
    )
    assert judged.columns == [*WAITING_FILES.names(), "verdict", "message"]
    return judged["verdict"].item()


@pytest.mark.parametrize(
    ("operation", "replica", "present", "known", "age", "expected"),
    [
        ("copy", True, False, True, 0, "go"),
        ("copy", True, True, True, 0, "found"),
        ("copy", False, False, False, 10, "wait"),
        ("copy", False, False, False, 3601, "cancelled"),
        ("copy", True, False, False, 10, "wait"),
        ("copy", True, False, False, 3601, "cancelled"),
        ("delete", True, True, True, 0, "go"),
        ("delete", True, False, True, 0, "go"),
        ("delete", True, False, False, 9999, "go"),
        ("delete", False, False, False, 10, "wait"),
        ("delete", False, False, False, 3601, "cancelled"),
    ],
)
def test_files_of_the_inventory(
    operation: str, replica: bool, present: bool, known: bool, age: float, expected: str
) -> None:
    assert verdict(operation, replica=replica, present=present, known=known, age=age) == expected


@pytest.mark.parametrize(("known", "expected"), [(False, "go"), (True, "cancelled")])
def test_files_that_the_inventory_does_not_know(known: bool, expected: str) -> None:
    for age in (0, 9999):
        assert verdict("delete", managed=False, replica=False, present=False, known=known, age=age) == expected


def operations(*rows: str) -> pl.DataFrame:
    """Rows ``copy lfn site source`` or ``delete lfn site``."""
    parts = [(*row.split(), "")[:4] for row in rows]
    schema = {"operation": pl.String, "lfn": pl.String, "site": pl.String, "source": pl.String}
    return pl.DataFrame(parts, schema=schema, orient="row").select("site", "lfn", "operation", "source")


@pytest.mark.parametrize(
    ("wanted", "in_hand", "may"),
    [
        (["copy /f S A"], [], ["copy /f S A"]),
        (["copy /f S A"], ["copy /f S A"], []),
        (["copy /f S A"], ["delete /f S"], []),
        (["delete /f S"], ["copy /f S A"], []),
        (["copy /f S A"], ["delete /f A"], []),
        (["copy /f S A"], ["delete /g A"], ["copy /f S A"]),
        (["delete /f A"], ["copy /f S A"], []),
        (["delete /f A", "copy /f S A"], [], ["copy /f S A"]),
        (["delete /f B", "copy /f S A"], [], ["delete /f B", "copy /f S A"]),
        (["copy /f S A", "copy /f T A"], ["copy /f U A"], ["copy /f S A", "copy /f T A"]),
    ],
)
def test_nothing_is_deleted_while_it_is_read_or_written(wanted: list[str], in_hand: list[str], may: list[str]) -> None:
    found = free(operations(*wanted), operations(*in_hand))
    assert sorted(found.rows()) == sorted(operations(*may).rows())


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_batches_are_of_one_site_and_operation_and_keep_the_order(size: int) -> None:
    files = operations(*(f"{what} /{n} {site}" for n in range(7) for site in "AB" for what in ("copy", "delete")))
    parts = split(files, size).partition_by("number", maintain_order=True)
    for part in parts:
        assert part.select("site", "operation").n_unique() == 1
        assert 1 <= part.height <= size
    assert len(parts) == 4 * -(-7 // size)
    assert pl.concat(parts).height == files.height
    copies_to_a = pl.concat(parts).filter((pl.col("site") == "A") & (pl.col("operation") == "copy"))
    assert copies_to_a["lfn"].to_list() == [f"/{n}" for n in range(7)]
