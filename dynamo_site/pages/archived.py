"""Requests that ended so long ago that they left the database, for the page of requests and the search."""

from __future__ import annotations

import polars as pl

from inventory.parquet import FrameDamaged
from registry import archive
from registry.models import Request

Found = tuple[list[Request], str]
"""Requests, newest first; and what is wrong with the archive, empty when it can be read."""


def listed(text: str, status: str, kind: str, below: int | None, most: int) -> Found:
    """Those of that status and kind, with the text in the name of an item or site or as the user's; numbers below ``below``."""
    condition = pl.lit(True)
    for name, value in (("status", status), ("kind", kind)):
        condition = condition & (pl.col(name) == value) if value else condition
    if text:
        part = pl.element().str.contains(text, literal=True)
        names = pl.any_horizontal(pl.col(name).list.eval(part).list.any() for name in ("items", "sites"))
        condition = condition & (names | (pl.col("user") == text))
    return _found(condition, most, below)


def called(text: str, number: int | None, most: int) -> Found:
    """Those of that number, with just that item, or of that user."""
    condition = pl.col("items").list.contains(text) | (pl.col("user") == text)
    return _found(condition | (pl.col("id") == number) if number is not None else condition, most)


def _found(condition: pl.Expr, most: int, below: int | None = None) -> Found:
    try:
        return archive.find(condition, most, below=below), ""
    except FrameDamaged as error:
        return [], str(error)
