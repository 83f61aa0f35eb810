"""Two decisions on the same partition held against each other: what more and what less goes, where, and by which lines. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from detox.decisions import Decisions
from detox.guard import KEYS
from inventory.policy.model import Policy

FATES = ("deleted", "kept", "protected", "in no list", "not looked at")
"""What can become of a block replica; ``in no list``: ignored, or moved to another partition; ``not looked at``: not in the image."""
_Fate = pl.Enum(FATES)
_BYTES = ("deleted", "kept", "protected")
_SIDES = ("before", "after")


@dataclass(frozen=True)
class Comparison:
    """Sizes in bytes; ``more``: deleted now and not before, ``less``: deleted before and not now.

    ``replicas``: site, dataset, before, line_before, after, line_after, num_blocks, size, one row for all blocks of a dataset
    at a site that fared alike, of those that fare otherwise than before. ``datasets``: dataset, more, less, other (bytes that neither went nor go),
    num_sites, num_blocks. ``sites``: site, quota_…, occupied_…, protected_…, kept_…, deleted_… (each …_before and …_after), more, less, num_blocks.
    ``lines``: line, deleted_…, kept_…, protected_…, only those of which something differs, the largest change first.
    """

    replicas: pl.DataFrame
    datasets: pl.DataFrame
    sites: pl.DataFrame
    lines: pl.DataFrame

    def total(self) -> dict[str, int]:
        """Sums over all sites."""
        sums = {name: int(self.sites[name].sum()) for name in ("more", "less", "num_blocks")}
        return sums | {
            f"{name}_{side}": int(self.sites[f"{name}_{side}"].sum()) for name in _BYTES for side in _SIDES
        }  # fmt: skip

    def same(self) -> bool:
        """Whether every block replica fares as before."""
        return self.replicas.is_empty()

    def frame(self, by: str) -> pl.DataFrame:
        """The frame ``by`` site, dataset, line or replica; of sites only those where something differs."""
        if by == "site":
            return self.sites.filter(pl.col("num_blocks") > 0)
        return {"dataset": self.datasets, "line": self.lines, "replica": self.replicas}[by]


def compare(before: Decisions, after: Decisions, policies: tuple[Policy, Policy]) -> Comparison:
    """What differs; ``policies`` that each followed. Lines are the same when their texts are, whatever their numbers."""
    texts = sorted({line_text(line.text) for policy in policies for line in policy.lines})
    sides = [_side(decisions, policy, texts) for decisions, policy in zip((before, after), policies, strict=True)]
    rows = _joined(*sides)
    names = pl.concat([decisions.image.lazy().select("dataset_id", "dataset") for decisions in (before, after)])
    differing = _named(rows.filter(pl.col("fate_before") != pl.col("fate_after")), names, before, after)
    keys = ["site", "dataset", "before", "line_before", "after", "line_after"]
    moved = differing.select(
        "site", "dataset", "size", before="fate_before", after="fate_after",
        line_before=_text_of("line_before", texts), line_after=_text_of("line_after", texts),
    )  # fmt: skip
    replicas = moved.group_by(keys).agg(num_blocks=pl.len(), size=pl.col("size").sum()).sort(keys, nulls_last=True)
    return Comparison(replicas, _datasets(replicas), _sites(replicas, before, after), _lines(rows, texts))


def line_text(text: str) -> str:
    """What a line is known by: its words."""
    return " ".join(text.split())


def _side(decisions: Decisions, policy: Policy, texts: list[str]) -> pl.DataFrame:
    """Keys, size, fate and number of the line's text of every block replica of an image."""
    places = {text: place for place, text in enumerate(texts)}
    numbers = {line.number: places[line_text(line.text)] for line in policy.lines}
    line = pl.col("line").replace_strict(numbers, default=None, return_dtype=pl.Int32)
    fate = pl.col("decision").cast(_Fate).fill_null("in no list")
    return decisions.image.select(*KEYS, "size", fate=fate, line=line)


def _joined(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Both sides by block replica: keys, size, fate_…, line_…."""
    sides = [
        frame.rename({"fate": f"fate_{side}", "line": f"line_{side}"})
        for frame, side in zip((before, after), _SIDES, strict=True)
    ]
    if before.select(KEYS).equals(after.select(KEYS)):
        return sides[0].hstack(sides[1].select("fate_after", "line_after"))
    joined = sides[0].join(sides[1], on=KEYS, how="full", coalesce=True)
    return joined.with_columns(
        pl.col("size").fill_null(pl.col("size_right")), pl.col("fate_before", "fate_after").fill_null("not looked at")
    ).drop("size_right")


def _named(rows: pl.DataFrame, names: pl.LazyFrame, before: Decisions, after: Decisions) -> pl.DataFrame:
    wanted = rows.lazy().select("dataset_id").unique()
    datasets = names.join(wanted, on="dataset_id", how="semi").unique("dataset_id").collect()
    sites = pl.concat([decisions.sites.select("site_id", "site") for decisions in (before, after)]).unique("site_id")
    return rows.join(datasets, on="dataset_id").join(sites, on="site_id")


def _text_of(column: str, texts: list[str]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(enumerate(texts)), default=None, return_dtype=pl.String)


def _went(side: str) -> pl.Expr:
    return pl.col(side) == "deleted"


def _sums() -> dict[str, pl.Expr]:
    more, less = _went("after") & ~_went("before"), _went("before") & ~_went("after")
    return {
        "more": pl.col("size").filter(more).sum(), "less": pl.col("size").filter(less).sum(),
        "num_blocks": pl.col("num_blocks").sum(),
    }  # fmt: skip


def _datasets(replicas: pl.DataFrame) -> pl.DataFrame:
    other = pl.col("size").filter(~_went("before") & ~_went("after")).sum()
    found = replicas.group_by("dataset").agg(**_sums(), other=other, num_sites=pl.col("site").n_unique())
    weight = pl.max_horizontal("more", "less")
    found = found.sort(weight, "other", "dataset", descending=[True, True, False])
    return found.select("dataset", "more", "less", "other", "num_sites", "num_blocks")


def _sites(replicas: pl.DataFrame, before: Decisions, after: Decisions) -> pl.DataFrame:
    columns = {"quota": "quota", "occupied": "occupied_after", **{name: name for name in _BYTES}}
    sides = [
        decisions.sites.select("site", **{f"{name}_{side}": pl.col(of) for name, of in columns.items()})
        for decisions, side in ((before, "before"), (after, "after"))
    ]
    changed = replicas.group_by("site").agg(**_sums())
    joined = sides[0].join(sides[1], on="site", how="full", coalesce=True).join(changed, on="site", how="left")
    return joined.with_columns(pl.all().exclude("site").fill_null(0)).sort("site")


def _lines(rows: pl.DataFrame, texts: list[str]) -> pl.DataFrame:
    """Bytes by line and fate, before and after, of lines that take otherwise than before."""
    sides = []
    for side in _SIDES:
        sums = {
            f"{name}_{side}": pl.col("size").filter(pl.col(f"fate_{side}") == name).sum() for name in _BYTES
        }  # fmt: skip
        grouped = rows.lazy().group_by(f"line_{side}").agg(**sums).rename({f"line_{side}": "line"})
        sides.append(grouped.filter(pl.col("line").is_not_null()).collect())
    joined = sides[0].join(sides[1], on="line", how="full", coalesce=True).with_columns(pl.all().fill_null(0))
    change = pl.sum_horizontal((pl.col(f"{name}_after") - pl.col(f"{name}_before")).abs() for name in _BYTES)
    found = joined.with_columns(change=change, line=_text_of("line", texts)).filter(pl.col("change") > 0)
    return found.sort("change", "line", descending=[True, False]).drop("change")


def as_dict(comparison: Comparison, limit: int | None = None) -> dict[str, Any]:
    """Plain lists for JSON and pages; ``limit``: so many rows of datasets and replicas at most, ``counts`` tells how many there are."""
    frames = {name: comparison.frame(name) for name in ("site", "dataset", "line", "replica")}
    rows = {
        f"{name}s": frame.head(limit if name in ("dataset", "replica") and limit is not None else len(frame)).to_dicts()
        for name, frame in frames.items()
    }
    return {
        "same": comparison.same(),
        "total": comparison.total(),
        "counts": {f"{name}s": len(frame) for name, frame in frames.items()},
    } | rows
