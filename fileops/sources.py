"""Where a file is copied from; pure: frames in, a choice or the reason why there is none out."""

from __future__ import annotations

import numpy as np
import polars as pl

from fileops.errors import PERMANENT_CODES
from fileops.lifecycle import Reason

_PERMANENT = sorted(PERMANENT_CODES)
_UNTRIED, _RECOVERABLE, _HOPELESS = 0, 1, 2


def choose(wanted: pl.DataFrame, holders: pl.DataFrame, attempts: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One source, or the reason for having none, for each file that is wanted.

    ``wanted``: id Int64, lfn, site (the destination). ``holders``: lfn, site, storage_type, status: where files are.
    ``attempts``: id Int64, source, failures (number), last_code (errno): what was tried for a wanted file. ``seed``
    drives the choice among equals. Returns id, source (null: none), reason (null: there is a source).

    Ready sites only; tape only where no disk is left to try; a source not tried yet first, at random; else the least
    failed of those whose last error could pass. All failed for good: ``all_failed``; nobody has it: ``no_source``.
    """
    ready = holders.filter(pl.col("status") == "READY")
    pairs = (
        wanted.select("id", "lfn", "site")
        .join(ready.select("lfn", pl.col("site").alias("source"), "storage_type"), on="lfn")
        .filter(pl.col("source") != pl.col("site"))
        .join(attempts, on=["id", "source"], how="left")
        .sort("id", "source")
    )
    ranked = _ranked(pairs, seed)
    best = ranked.group_by("id", maintain_order=True).first().select("id", "source")
    had_any = pairs.select("id").unique().with_columns(pl.lit(Reason.ALL_FAILED.value).alias("reason"))
    chosen = wanted.select("id").join(best, on="id", how="left", maintain_order="left")
    chosen = chosen.join(had_any, on="id", how="left", maintain_order="left")
    reason = pl.when(pl.col("source").is_null()).then(pl.col("reason").fill_null(Reason.NO_SOURCE.value))
    return chosen.select("id", "source", reason.alias("reason"))


def _ranked(pairs: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Sources that may be tried, the best of each file first."""
    chance = np.random.default_rng(seed).random(pairs.height)
    failures = pl.col("failures").fill_null(0)
    standing = (
        pl.when(failures == 0).then(_UNTRIED)
        .when(pl.col("last_code").is_in(_PERMANENT)).then(_HOPELESS)
        .otherwise(_RECOVERABLE)
    )  # fmt: skip
    return (
        pairs.with_columns(
            standing.alias("standing"), failures.alias("failures"), pl.Series("chance", chance),
            (pl.col("storage_type") == "MSS").alias("tape"),
        )
        .filter(pl.col("standing") != _HOPELESS)
        .sort("id", "tape", "standing", "failures", "chance")
    )  # fmt: skip
