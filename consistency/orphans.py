"""Which listed files are orphans: files that the site has and the inventory does not, unless something protects them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from consistency.frames import LISTED, PATH, contains_any, under
from consistency.settings import DAY, ConsistencySettings
from inventory.snapshot import lfn

if TYPE_CHECKING:
    from consistency.compare import Evidence

_CAPTURE = re.compile(r"\{(\d+)\}")


def judge(evidence: Evidence, settings: ConsistencySettings) -> pl.DataFrame:
    """Files that neither inventory had: LISTED plus ``dataset`` and ``reason`` (null: an orphan to be deleted)."""
    strangers = evidence.listing.files
    for knowledge in (evidence.before, evidence.after):
        strangers = strangers.join(knowledge.expected, on=PATH, how="anti")
    flagged = _with_protection(_with_dataset(strangers.with_columns(lfn()), evidence, settings), evidence, settings)
    reasons = _reasons(evidence.listing.started, settings)
    return flagged.with_columns(reason=pl.coalesce(*reasons, pl.lit(None, pl.String))).select(
        *LISTED.names(), "dataset", "reason"
    )


def _reasons(started: int, settings: ConsistencySettings) -> list[pl.Expr]:
    """Why a stranger is not deleted, first match first."""
    youngest = started - int(settings.ignore_age * DAY)
    return [
        pl.when(pl.col("unlisted").is_not_null()).then(pl.format("{} could not be listed", "unlisted")),
        pl.when(contains_any(pl.col("lfn"), settings.ignore_patterns)).then(pl.lit("ignored path")),
        pl.when(pl.col("mtime") > youngest).then(pl.lit("younger than the ignore age")),
        pl.when(pl.col("operation").is_not_null()).then(pl.format("in an open {}", "operation")),
        pl.when(pl.col("protected").is_not_null()).then(pl.format("{} is protected", "protected")),
        pl.when("block_here").then(pl.lit("file of a block which has a replica at the site")),
        pl.when(pl.col("status") == "IGNORED").then(pl.format("dataset {} is IGNORED", "dataset")),
        pl.when("requested").then(pl.format("dataset {} is in an open request", "dataset")),
        pl.when(_at_site(settings)).then(pl.format("dataset {} has files at the site", "dataset")),
    ]


def _at_site(settings: ConsistencySettings) -> pl.Expr:
    if settings.orphans_of_datasets_at_site == "always":
        return pl.col("dataset_here")
    if settings.orphans_of_datasets_at_site == "producing":
        return pl.col("dataset_here") & (pl.col("status") == "PRODUCTION")
    return pl.lit(False)


def _with_dataset(strangers: pl.DataFrame, evidence: Evidence, settings: ConsistencySettings) -> pl.DataFrame:
    """Adds dataset_id, dataset, status and block_id.

    A stranger's dataset is told by its LFN when the inventory knows it (of another site), else by the pattern that
    the installation gives its LFNs, else by the inventory's files in the same directory of the site.
    """
    known = (
        evidence.catalogue.join(strangers.lazy().select(PATH), on=PATH, how="semi")
        .select(*PATH, "dataset_id", "block_id").unique(PATH).collect()
    )  # fmt: skip
    by_pattern = evidence.names.select(pl.col("dataset").alias("guess"), pl.col("dataset_id").alias("by_pattern"))
    neighbours = (
        pl.concat([knowledge.expected.select("directory", "dataset_id") for knowledge in (evidence.before, evidence.after)])
        .group_by("directory").agg(pl.col("dataset_id").min().alias("by_directory"))
    )  # fmt: skip
    return (
        strangers.with_columns(dataset_guess(settings.dataset_pattern, settings.dataset_template).alias("guess"))
        .join(known, on=PATH, how="left")
        .join(by_pattern, on="guess", how="left")
        .join(neighbours, on="directory", how="left")
        .with_columns(dataset_id=pl.coalesce("dataset_id", "by_pattern", "by_directory"))
        .join(evidence.names, on="dataset_id", how="left")
    )


def dataset_guess(pattern: str, template: str) -> pl.Expr:
    """The dataset name that ``template`` ({0}-style captures of ``pattern``) makes of an LFN; null where none."""
    if not pattern:
        return pl.lit(None, pl.String)
    captures = [int(number) + 1 for number in _CAPTURE.findall(template)]
    text = _CAPTURE.sub("{}", template)
    if not captures:
        return pl.when(pl.col("lfn").str.contains(pattern)).then(pl.lit(text))
    return pl.format(text, *(pl.col("lfn").str.extract(pattern, number) for number in captures))


def _with_protection(strangers: pl.DataFrame, evidence: Evidence, settings: ConsistencySettings) -> pl.DataFrame:
    """Adds unlisted, operation, protected, block_here, dataset_here, requested."""
    both = (evidence.before, evidence.after)
    blocks = pl.concat([knowledge.blocks for knowledge in both])["block_id"].unique()
    datasets = pl.concat([knowledge.datasets for knowledge in both])["dataset_id"].unique()
    requested = pl.concat([knowledge.requested for knowledge in both])["dataset"].unique()
    unlisted = under(strangers["directory"], evidence.listing.unlisted["directory"]).rename({"prefix": "unlisted"})
    protected = under(strangers["lfn"], evidence.protected()).rename({"prefix": "protected"})
    return (
        strangers.join(unlisted, left_on="directory", right_on="path", how="left")
        .join(evidence.operations(), on=PATH, how="left")
        .join(protected, left_on="lfn", right_on="path", how="left")
        .with_columns(
            block_here=pl.col("block_id").is_in(blocks.implode()).fill_null(False),
            dataset_here=pl.col("dataset_id").is_in(datasets.implode()).fill_null(False),
            requested=pl.coalesce("dataset", "guess").is_in(requested.implode()).fill_null(False),
        )
    )
