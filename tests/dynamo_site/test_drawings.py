"""Bars, plots and units as pages draw them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from dynamo_site.pages import detox_bars, plot
from dynamo_site.pages.bars import marks_at, stacked
from dynamo_site.templatetags import units

TB = 10**12


def test_parts_stand_one_after_the_other_and_end_with_the_bar() -> None:
    parts = stacked([("a", 30), ("b", 0), ("c", 50), ("d", 90)], 100)
    assert [(part.kind, part.start, part.width) for part in parts] == [
        ("a", 0, 0.3),
        ("c", 0.3, 0.5),
        ("d", 0.8, pytest.approx(0.2)),
    ]
    assert stacked([("a", 1)], 0) == ()


def test_marks_off_the_bar_are_left_out() -> None:
    assert [(mark.kind, mark.at) for mark in marks_at([("low", 85), ("high", None), ("quota", 200)], 100)] == [
        ("low", 0.85)
    ]


def _site(**values: object) -> dict[str, object]:
    return {
        "site": "T2_A", "quota": 10 * TB, "protected": 2 * TB, "kept": 3 * TB, "deleted": 4 * TB, "protected_before": TB,
        "kept_before": TB, "ready": True, **values,
    }  # fmt: skip


def _summary(*sites: dict[str, object], previous: int | None = 1) -> dict[str, object]:
    names = ("quota", "protected", "kept", "deleted", "protected_before", "kept_before")
    total = {name: sum(max(0, site[name]) for site in sites) for name in names}
    return {"sites": list(sites), "total": total, "previous": previous, "trigger": 0.9, "stop": 0.85}


def test_the_total_is_first_and_bars_are_relative_to_quotas() -> None:
    rows = detox_bars.of_cycle(_summary(_site(), _site(site="T2_B")))
    assert [(row.site["site"], row.total) for row in rows] == [("Total", True), ("T2_A", False), ("T2_B", False)]
    widths = {part.kind: part.width for part in rows[1].bar.parts}
    assert widths == {"protect": pytest.approx(0.16), "keep": pytest.approx(0.24), "delete": pytest.approx(0.32)}
    assert [(mark.kind, mark.at) for mark in rows[1].bar.marks] == [("low", 0.68), ("high", 0.72), ("quota", 0.8)]
    assert rows[1].before and "after cycle 1" in rows[1].before.text
    assert detox_bars.of_cycle(_summary(_site(), previous=None))[1].before is None


def test_in_bytes_sites_share_one_scale() -> None:
    rows = detox_bars.of_cycle(_summary(_site(), _site(quota=5 * TB, protected=TB, kept=0, deleted=0)), absolute=True)
    assert rows[1].bar.parts[0].width == pytest.approx(0.2)
    assert rows[2].bar.parts[0].width == pytest.approx(0.1)


@pytest.mark.parametrize(("protected", "kind"), [(9.0, "protect"), (9.1, "protect high"), (10.1, "protect full")])
def test_protected_data_that_leave_no_room_are_coloured(protected: float, kind: str) -> None:
    site = _site(protected=int(protected * TB))
    assert detox_bars.of_site(site, _summary(site)).parts[0].kind == kind


@pytest.mark.parametrize("quota", [-1, 0])
def test_without_a_quota_there_is_no_mark_and_no_warning(quota: int) -> None:
    site = _site(quota=quota)
    bar = detox_bars.of_site(site, _summary(site))
    assert bar.marks == () and bar.parts[0].kind == "protect"
    assert sum(part.width for part in bar.parts) == pytest.approx(1.0)


def test_columns_over_time_are_stacked_from_the_bottom() -> None:
    series = pl.DataFrame({"time": [0, 0, 60], "entity": ["a", "b", "a"], "bytes": [30, 10, 20]})
    boxes = plot.columns(series, range(0, 180, 60), ["a", "b"])
    assert [(box.colour, box.x, round(box.y, 3), box.height) for box in boxes] == [
        (0, 0.0, 0.25, 0.75), (1, 0.0, 0.0, 0.25), (0, pytest.approx(1 / 3), 0.5, 0.5),
    ]  # fmt: skip
    assert plot.columns(series.with_columns(bytes=0), [0], ["a", "b"]) == []
    assert plot.colour(99) == plot.COLOURS - 1


def test_units_as_people_read_them() -> None:
    now = datetime.now(UTC)
    assert units.volume(None) == "–" and units.volume(1500000) == "1.5 MB"
    assert units.percent(0.853) == "85.3 %" and units.percent(None) == "–" and units.percent(float("inf")) == "∞"
    assert units.ago(None) == "never" and units.ago(now - timedelta(minutes=5, seconds=1)) == "5 min ago"
    assert (
        units.ago(now + timedelta(hours=3, minutes=1)) == "in 3 hours"
        and units.ago(int(now.timestamp()) - 90) == "1 min ago"
    )
    assert (
        units.due(now - timedelta(seconds=5)) == "now" and units.due(now + timedelta(days=1, minutes=1)) == "in 1 day"
    )
    assert (
        units.moment(0) == "–"
        and units.moment(1764000000) == "2025-11-24 16:00"
        and units.day(1764000000) == "2025-11-24"
    )
    assert units.css_percent(None) == "0.00%" and units.css_percent(7) == "100.00%"
    assert units.took(None, None) == "–" and units.took(now, now + timedelta(seconds=3)) == "3.0 s"
    assert units.took(now, now + timedelta(minutes=5)) == "5 min" and units.took(now, now + timedelta(days=3)) == "3 d"
