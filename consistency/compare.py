"""The comparison of a site's listing with the inventory: a pure function from frames to frames.

The inventory is taken as it was through the listing, at its start and at its end: a file is missing only if both had it
at the site, an orphan only if neither had. So what was written, copied, injected or deleted meanwhile is neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from consistency import empty, orphans
from consistency.frames import EXPECTED, PATH, SPARED, SUSPECTS, contains_any, under
from consistency.settings import DAY, ConsistencySettings
from inventory.snapshot import lfn


@dataclass(frozen=True)
class Listing:
    """What was seen at the site (schemas LISTED, DIRECTORIES, UNLISTED); ``started`` in UTC seconds."""

    files: pl.DataFrame
    directories: pl.DataFrame
    unlisted: pl.DataFrame
    started: int


@dataclass(frozen=True)
class Knowledge:
    """What Dynamo knew of the site at one moment.

    ``expected``: EXPECTED; ``operations``: OPERATIONS; ``blocks``: frame(block_id) of blocks with a replica there;
    ``datasets``: frame(dataset_id) of datasets with a replica there; ``requested``: frame(dataset) of dataset names in
    open requests that concern the site; ``protected``: LFNs and directories that must not be touched.
    """

    expected: pl.DataFrame
    operations: pl.DataFrame
    blocks: pl.DataFrame
    datasets: pl.DataFrame
    requested: pl.DataFrame
    protected: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Evidence:
    """All that a comparison looks at.

    ``catalogue``: lazy frame(directory, base_name, dataset_id, block_id) of the files of the whole inventory;
    ``names``: frame(dataset_id, dataset, status); ``previous``: SUSPECTS of the listing before, None: there was none.
    """

    listing: Listing
    before: Knowledge
    after: Knowledge
    catalogue: pl.LazyFrame
    names: pl.DataFrame
    previous: pl.DataFrame | None

    def operations(self) -> pl.DataFrame:
        return pl.concat([self.before.operations, self.after.operations]).unique(PATH, maintain_order=True)

    def protected(self) -> frozenset[str]:
        return self.before.protected | self.after.protected


@dataclass(frozen=True)
class Findings:
    """What a check found.

    ``missing``: EXPECTED plus ``listed_size`` (null: not there at all; else the wrong size that is there);
    ``orphans``: LISTED plus ``dataset`` (name, null: none known); ``mismatched``: rows of ``missing`` with a listed size;
    ``empty_directories``: frame(directory, mtime), deepest first; ``spared``: SPARED;
    ``suspects``: SUSPECTS, for the next check's two strikes.
    """

    missing: pl.DataFrame
    orphans: pl.DataFrame
    mismatched: pl.DataFrame
    empty_directories: pl.DataFrame
    spared: pl.DataFrame
    suspects: pl.DataFrame


def compare(evidence: Evidence, settings: ConsistencySettings) -> Findings:
    """Missing, orphan and mismatched files and empty directories, and what is spared and why."""
    absent = _judge_missing(_absent(evidence, settings), evidence, settings)
    wrong = _judge_missing(_of_wrong_size(evidence), evidence, settings)
    strangers = orphans.judge(evidence, settings)
    empties = empty.judge(evidence, settings)
    good = pl.col("reason").is_null()
    missing = pl.concat([absent.filter(good), wrong.filter(good)]).drop("reason", "mtime", "suspect")
    return Findings(
        missing=missing.sort(PATH),
        orphans=strangers.filter(good).drop("reason").sort(PATH),
        mismatched=missing.filter(pl.col("listed_size").is_not_null()).sort(PATH),
        empty_directories=empties.filter(good).drop("reason"),
        spared=pl.concat([
            _spared("missing", absent), _spared("mismatch", wrong), _spared("orphan", strangers),
            _spared("directory", empties.with_columns(pl.lit("").alias("base_name"), pl.lit(0).alias("size"))),
        ]).sort("kind", *PATH),
        suspects=pl.concat([absent, wrong]).filter("suspect").select(SUSPECTS.names()).unique().sort(PATH),
    )  # fmt: skip


def _spared(kind: str, judged: pl.DataFrame) -> pl.DataFrame:
    rows = judged.filter(pl.col("reason").is_not_null()).with_columns(pl.lit(kind).alias("kind"))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SPARED.items())


def through_listing(evidence: Evidence) -> pl.DataFrame:
    """Files that the inventory had at the site both at the start and at the end, the same in size (EXPECTED)."""
    return evidence.after.expected.join(
        evidence.before.expected.select(*PATH, "size"), on=[*PATH, "size"], how="semi"
    )  # fmt: skip


def _absent(evidence: Evidence, settings: ConsistencySettings) -> pl.DataFrame:
    """Expected files below the listed directories which the listing lacks."""
    lacking = through_listing(evidence).join(evidence.listing.files, on=PATH, how="anti")
    inside = under(lacking["directory"], settings.directories)
    return lacking.join(inside, left_on="directory", right_on="path", how="semi").with_columns(
        pl.lit(None, pl.Int64).alias("listed_size"), pl.lit(None, pl.Int64).alias("mtime")
    )


def _of_wrong_size(evidence: Evidence) -> pl.DataFrame:
    listed = evidence.listing.files.select(*PATH, pl.col("size").alias("listed_size"), "mtime")
    return through_listing(evidence).join(listed, on=PATH).filter(pl.col("size") != pl.col("listed_size"))


def _judge_missing(candidates: pl.DataFrame, evidence: Evidence, settings: ConsistencySettings) -> pl.DataFrame:
    """``candidates`` with ``reason`` (null: really missing) and ``suspect`` (counts as a strike)."""
    youngest = evidence.listing.started - int(settings.ignore_age * DAY)
    unlisted = under(candidates["directory"], evidence.listing.unlisted["directory"]).rename({"prefix": "unlisted"})
    flagged = (
        candidates.join(unlisted, left_on="directory", right_on="path", how="left")
        .join(evidence.operations(), on=PATH, how="left")
        .with_columns(lfn())
        .with_columns(
            reason=pl.coalesce(
                pl.when(pl.col("unlisted").is_not_null()).then(pl.format("{} could not be listed", "unlisted")),
                pl.when(contains_any(pl.col("lfn"), settings.ignore_patterns)).then(pl.lit("ignored path")),
                pl.when(pl.col("operation").is_not_null()).then(pl.format("in an open {}", "operation")),
                pl.when(pl.col("mtime") > youngest).then(pl.lit("younger than the ignore age")),
                pl.lit(None, pl.String),
            )
        )
        .with_columns(suspect=pl.col("reason").is_null())
    )
    return _second_strike(flagged, evidence.previous, settings).select(
        *EXPECTED.names(), "listed_size", "mtime", "reason", "suspect"
    )


def _second_strike(flagged: pl.DataFrame, previous: pl.DataFrame | None, settings: ConsistencySettings) -> pl.DataFrame:
    if not settings.two_strikes:
        return flagged
    before = previous if previous is not None else pl.DataFrame(schema=SUSPECTS)
    struck = before.select(PATH).unique().with_columns(pl.lit(True).alias("struck"))
    first = pl.lit("was not missing in the previous listing")
    return flagged.join(struck, on=PATH, how="left").with_columns(
        reason=pl.coalesce("reason", pl.when(pl.col("struck").is_null()).then(first))
    )
