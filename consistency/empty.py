"""Which empty directories may go: old, unprotected, and needed by nothing that is expected or on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from consistency.frames import UNLISTED, contains_any, under
from consistency.settings import DAY, ConsistencySettings

if TYPE_CHECKING:
    from consistency.compare import Evidence


def judge(evidence: Evidence, settings: ConsistencySettings) -> pl.DataFrame:
    """Empty directories, deepest first: directory, mtime, reason (null: to be removed).

    A directory that holds only empty directories is empty too, and goes if all of those go.
    """
    listing = evidence.listing
    barren = _barren(listing.directories)
    flagged = barren.join(_needed(barren, evidence), on="directory", how="left").join(
        under(barren["directory"], evidence.protected()).rename({"path": "directory", "prefix": "protected"}),
        on="directory", how="left",
    )  # fmt: skip
    old = listing.started - int(settings.empty_directory_age * DAY)
    reason = pl.coalesce(
        pl.when(pl.col("directory").is_in([*settings.directories])).then(pl.lit("a configured directory")),
        pl.when(contains_any(pl.col("directory"), settings.ignore_patterns)).then(pl.lit("ignored path")),
        pl.when(pl.col("protected").is_not_null()).then(pl.format("{} is protected", "protected")),
        pl.col("needed"),
        pl.when(pl.col("mtime").is_null()).then(pl.lit("of unknown age")),
        pl.when(pl.col("mtime") > old).then(pl.lit("younger than the minimum age")),
        pl.lit(None, pl.String),
    )
    judged = flagged.with_columns(reason=reason)
    stay = _ancestors(judged.filter(pl.col("reason").is_not_null())["directory"])
    holds = pl.when(pl.col("directory").is_in(stay.implode())).then(pl.lit("holds a directory that stays"))
    return (
        judged.with_columns(reason=pl.coalesce("reason", holds))
        .sort(pl.col("directory").str.count_matches("/", literal=True), "directory", descending=[True, False])
        .select("directory", "mtime", "reason")
    )


def _barren(directories: pl.DataFrame) -> pl.DataFrame:
    """Directories without a file anywhere below, all of whose subdirectories were listed."""
    listed = directories.with_columns(_parent().alias("parent"))
    children = listed.group_by("parent").agg(pl.len().alias("children"))
    unsure = listed.join(children, left_on="directory", right_on="parent", how="left").filter(
        (pl.col("num_files") > 0) | (pl.col("num_directories") > pl.col("children").fill_null(0))
    )["directory"]
    full = pl.concat([unsure, _ancestors(unsure)]).unique()
    return directories.filter(~pl.col("directory").is_in(full.implode()))


def _parent() -> pl.Expr:
    return pl.col("directory").str.extract(r"(?s)^(.*)/[^/]*$")


def _ancestors(directories: pl.Series) -> pl.Series:
    """All directories above the given ones, unique."""
    level = pl.DataFrame({"directory": directories}, schema={"directory": pl.String})
    found = [pl.Series("directory", [], dtype=pl.String)]
    while level.height:
        level = level.select(_parent().alias("directory")).filter(pl.col("directory") != "").unique()
        found.append(level["directory"])
    return pl.concat(found).unique()


def _needed(barren: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """frame(directory, needed): empty directories above an expected file, an open copy or something unlisted."""
    wanted = [
        (evidence.before.expected, "the inventory has files there"),
        (evidence.after.expected, "the inventory has files there"),
        (evidence.operations(), "an open operation is there"),
        (evidence.listing.unlisted.select(UNLISTED.names()), "something under it could not be listed"),
    ]
    rows = []
    for frame, text in wanted:
        places = frame.select("directory").unique()["directory"]
        near = pl.concat([places, _ancestors(places)]).unique()
        hits = barren.select("directory").filter(pl.col("directory").is_in(near.implode()))
        rows.append(hits.with_columns(pl.lit(text).alias("needed")))
    return pl.concat(rows).unique("directory", keep="first", maintain_order=True)
