"""Which line has protected, kept and deleted how much: by its text, over cycles, periods and sites."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from detox import history, line_history
from detox.cycle import run_cycle, try_cycle
from detox.lines import accounts
from detox.models import Cycle
from detox.monitor import CycleUnknown
from inventory.parquet import FrameDamaged
from tests.detox import store

NOVEMBER, DECEMBER = (int(datetime(2025, month, 20, tzinfo=UTC).timestamp()) for month in (11, 12))
SUMS = pl.DataFrame(
    [
        (1, 1, "T2_A", "protected", 2, 10), (1, 1, "T2_B", "protected", 1, 4), (1, 0, "T2_A", "deleted", 3, 7),
        (2, 2, "T2_A", "protected", 4, 30), (2, 0, "T2_A", "deleted", 1, 5), (2, 0, "T2_A", "kept", 2, 8),
    ],
    schema=["cycle", "number", "site", "decision", "num_replicas", "size"], orient="row",
)  # fmt: skip
LINES = pl.DataFrame(
    [
        (1, NOVEMBER, 1, "P.txt", "Protect a"), (1, NOVEMBER, 0, "P.txt", "Dismiss"), (2, DECEMBER, 1, "P.txt", "Protect new"),
        (2, DECEMBER, 2, "P.txt", "Protect a"), (2, DECEMBER, 0, "P.txt", "Dismiss"),
    ],
    schema=["cycle", "started", "number", "policy", "line"], orient="row",
)  # fmt: skip


def told(*columns: str, **options: object) -> list[tuple]:
    return accounts(SUMS.lazy(), LINES, **options).select(columns).rows()


def test_a_line_keeps_its_account_when_its_number_changes() -> None:
    assert told("line", "cycles", "protected", "kept", "deleted", "num_protected", "num_deleted") == [
        ("Protect a", 2, 22, 0, 0, 4, 0), ("Dismiss", 2, 0, 4, 12, 0, 4), ("Protect new", 1, 0, 0, 0, 0, 0),
    ]  # fmt: skip


def test_by_site_and_by_period() -> None:
    assert told("line", "site", "protected", "deleted", by_site=True) == [
        ("Protect a", "T2_A", 20, 0), ("Protect a", "T2_B", 2, 0), ("Dismiss", "T2_A", 0, 12),
    ]  # fmt: skip
    months = [(str(row[0]), *row[1:]) for row in told("period", "line", "protected", "deleted", "first", per="month")]
    assert months == [
        ("2025-11-01", "Protect a", 14, 0, NOVEMBER), ("2025-11-01", "Dismiss", 0, 7, NOVEMBER),
        ("2025-12-01", "Protect a", 30, 0, DECEMBER), ("2025-12-01", "Dismiss", 0, 5, DECEMBER),
        ("2025-12-01", "Protect new", 0, 0, DECEMBER),
    ]  # fmt: skip


@pytest.fixture
def two_cycles(inventory, empty_redis, history_dir) -> list[Cycle]:
    """One that deletes, and one of a policy with a line put before the others; a test run that does not count."""
    store.full_site(inventory)
    first = run_cycle(store.parsed(), "alice")
    try_cycle(store.parsed(), "tina")
    text = store.POLICY.replace("Protect dataset.name", "Protect dataset.name == /None/*\nProtect  dataset.name", 1)
    return [first, run_cycle(store.parsed(text), "alice")]


@pytest.mark.django_db
def test_over_the_cycles_of_a_partition(two_cycles) -> None:
    found = line_history.read("Physics")
    rows = {row["line"]: row for row in found.accounts().iter_rows(named=True)}
    assert (found.cycles, found.missing) == (2, ())
    raw = rows["Protect dataset.name == /*/*/RAW"]
    assert (raw["protected"], raw["cycles"], raw["policy"]) == (2 * store.TB, 2, "Physics.txt")
    assert rows["Delete dataset.status == INVALID"]["deleted"] == 2 * store.TB
    assert (rows["Dismiss"]["deleted"], rows["Dismiss"]["num_deleted"]) == (6 * store.TB, 3)
    assert rows["Protect dataset.name == /None/*"]["cycles"] == 1


@pytest.mark.django_db
def test_cycles_that_kept_only_decisions_or_nothing(two_cycles) -> None:
    whole = line_history.read("Physics").accounts()
    for cycle in two_cycles:
        history.path_of(cycle.pk, "lines").unlink()
    assert line_history.read("Physics").accounts().equals(whole)
    for name in ("lines", "decisions"):
        history.path_of(two_cycles[0].pk, name).unlink()
    found = line_history.read("Physics")
    assert (found.cycles, found.missing) == (1, (two_cycles[0].pk,))


@pytest.mark.django_db
def test_only_cycles_of_the_wanted_time(two_cycles) -> None:
    start = int(two_cycles[0].started.timestamp())
    Cycle.objects.filter(pk=two_cycles[1].pk).update(started=datetime.fromtimestamp(start + 1000, UTC))
    assert line_history.read("Physics", until=start + 1000).cycles == 1
    assert line_history.read("Physics", since=start + 1000).cycles == 1
    with pytest.raises(CycleUnknown, match="no cycle of 'Physics' in that time"):
        line_history.read("Physics", since=start + 1001)


@pytest.mark.django_db
def test_the_command(two_cycles) -> None:
    def lines(*arguments: str) -> str:
        out = io.StringIO()
        call_command("detox", "lines", *arguments, stdout=out)
        return out.getvalue()

    assert "Physics.txt: Protect dataset.name == /*/*/RAW" in lines("Physics", "--since", "1 day ago", "--per", "month")
    assert json.loads(lines("Physics", "--by", "site", "--json"))["lines"][0]["site"] == "T2_A"
    assert pl.read_csv(io.StringIO(lines("Physics", "--csv", "--limit", "2"))).height == 2
    with pytest.raises(CommandError, match="no cycle of 'Physics' in that time"):
        lines("Physics", "--until", "1 year ago")
    with pytest.raises(CommandError, match="the day it rained"):
        lines("Physics", "--since", "the day it rained")


@pytest.mark.django_db
def test_a_damaged_file_is_named(two_cycles) -> None:
    history.path_of(two_cycles[1].pk, "lines").write_bytes(b"PAR1")
    with pytest.raises(FrameDamaged, match=f"cycles {two_cycles[0].pk} to {two_cycles[1].pk} cannot be read"):
        line_history.read("Physics")
