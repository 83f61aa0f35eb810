"""Which files of production's working area and of the log directories may go: a pure function over a listing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from consistency.compare import Listing
from consistency.frames import contains_any, under
from consistency.settings import DAY, ConsistencySettings
from inventory.snapshot import lfn

CLEANED = pl.Schema({"lfn": pl.String, "size": pl.Int64, "area": pl.String})
"""Files to be deleted: bytes; ``area`` is "unmerged" or "logs"."""


class CleaningRefused(RuntimeError):
    """The protected list cannot be trusted, or too much would go; nothing is cleaned."""


@dataclass(frozen=True)
class Protection:
    """The protected list as it was before and after the listing, and how long the one of the last cleaning was."""

    before: frozenset[str]
    after: frozenset[str]
    last_count: int = 0


def areas(settings: ConsistencySettings) -> ConsistencySettings:
    """``settings`` such that a listing goes through production's areas instead of the data directories."""
    unmerged = (settings.unmerged_directory,) if settings.unmerged_directory else ()
    outside = [name for name in settings.log_directories if not any(_below(name, top) for top in unmerged)]
    return replace(settings, directories=(*unmerged, *outside))


def choose(listing: Listing, protection: Protection, settings: ConsistencySettings) -> pl.DataFrame:
    """CLEANED: unprotected files older than the minimum age of their area; raises :class:`CleaningRefused`."""
    _trust(protection, settings)
    logs = under(listing.files["directory"], settings.log_directories).rename({"prefix": "logs"})
    kept = protection.before | protection.after
    files = listing.files.with_columns(lfn()).join(logs, left_on="directory", right_on="path", how="left")
    protected = under(files["lfn"], kept).rename({"prefix": "protected"})
    age = pl.when(pl.col("logs").is_not_null()).then(settings.log_age).otherwise(settings.unmerged_age)
    chosen = files.join(protected, left_on="lfn", right_on="path", how="left").filter(
        pl.col("protected").is_null(),
        pl.col("mtime") < listing.started - age * DAY,
        ~contains_any(pl.col("lfn"), settings.ignore_patterns),
    )
    if chosen.height > settings.max_cleaned:
        raise CleaningRefused(
            f"{chosen.height} files would go, more than max_cleaned ({settings.max_cleaned}); "
            "look at the protected list, or raise the limit"
        )
    area = pl.when(pl.col("logs").is_not_null()).then(pl.lit("logs")).otherwise(pl.lit("unmerged"))
    return chosen.select("lfn", "size", area.alias("area")).sort("lfn")


def _trust(protection: Protection, settings: ConsistencySettings) -> None:
    if not settings.unmerged_directory:
        return
    shortest = min(len(protection.before), len(protection.after))
    if not shortest:
        raise CleaningRefused("the list of protected LFNs is empty (setting protected_lfns); nothing is cleaned")
    if shortest < settings.min_protected_fraction * protection.last_count:
        raise CleaningRefused(
            f"the list of protected LFNs has {shortest} entries, at the last cleaning {protection.last_count}; "
            "nothing is cleaned until that is explained (min_protected_fraction)"
        )


def _below(directory: str, top: str) -> bool:
    return directory == top or directory.startswith(f"{top}/")
