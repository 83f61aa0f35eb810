"""Files that injections want copied: what file operations take over. Written with the injection's record, seen once it is applied."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from registry.models import InjectionState, WantedCopy

WANTED = pl.Schema({
    "id": pl.Int64, "dataset": pl.String, "block": pl.String, "lfn": pl.String, "site": pl.String, "size": pl.Int64,
    "adler32": pl.UInt32, "author": pl.String, "cause": pl.String,
})  # fmt: skip
_COLUMNS = ("id", "dataset", "block", "lfn", "site", "size", "adler32", "injection__user", "injection_id")


def waiting(most: int = 50_000) -> pl.DataFrame:
    """The oldest ``most`` wanted copies of applied injections, as ``WANTED``; ``cause`` names the injection."""
    rows = (
        WantedCopy.objects.filter(injection__state=InjectionState.APPLIED).order_by("id").values_list(*_COLUMNS)[:most]
    )
    named = [(*row[:-1], f"injection {row[-1]}") for row in rows]
    return pl.DataFrame(named, WANTED, orient="row")


def taken(ids: Sequence[int]) -> None:
    """Forget these: their subscriptions are written in the same transaction."""
    WantedCopy.objects.filter(pk__in=list(ids)).delete()
