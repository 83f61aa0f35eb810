"""Columns over time and bars by category, as fractions of the plot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from inventory.units import volume

COLOURS = 12


@dataclass(frozen=True)
class Box:
    """A part of a column: fractions of the plot from its left and its top."""

    colour: int
    x: float
    y: float
    width: float
    height: float
    text: str


def colour(rank: int) -> int:
    """The number of a colour of the style sheet; the ranks beyond share the last one."""
    return min(rank, COLOURS - 1)


def columns(series: pl.DataFrame, times: Iterable[int], entities: Sequence[str]) -> list[Box]:
    """A stacked column for each of ``times``; ``series``: frame(time, entity, bytes), ``entities`` from the bottom up."""
    places = {time: number for number, time in enumerate(times)}
    tallest = max(series.group_by("time").agg(pl.col("bytes").sum())["bytes"], default=0)
    if not tallest:
        return []
    ranks, tops, boxes = {name: rank for rank, name in enumerate(entities)}, dict.fromkeys(places, 1.0), []
    width = 1 / len(places)
    rows = [row for row in series.select("time", "entity", "bytes").iter_rows() if row[0] in places and row[2]]
    for time, entity, size in sorted(rows, key=lambda row: (row[0], ranks[row[1]])):
        height = size / tallest
        tops[time] -= height
        text = f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} {entity}: {volume(size)}"
        boxes.append(Box(colour(ranks[entity]), places[time] * width, max(tops[time], 0.0), width * 0.9, height, text))
    return boxes
