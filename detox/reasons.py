"""In words, for every target site: what was done and why, also when that was nothing."""

from __future__ import annotations

import polars as pl

from detox.passes import Passes
from inventory.policy.model import Condition, Policy
from inventory.policy.variables import VARIABLES
from inventory.units import volume


def site_frame(
    passes: Passes, policy: Policy, before: pl.Series, triggered: pl.Series, image: pl.DataFrame
) -> pl.DataFrame:
    """``sites`` of Decisions. ``before``: bytes, ``triggered``: booleans, by target site; ``image``: that of Decisions."""
    sites = passes.image.sites
    sums = image.group_by("site_id").agg(
        pl.col("size").filter(pl.col("decision") == decision).sum().alias(decision)
        for decision in ("protected", "kept", "deleted")
    )
    frame = pl.DataFrame({
        "site": pl.Series(sites.names, dtype=pl.String), "site_id": pl.Series(sites.ids, dtype=pl.UInt16),
        "status": pl.Series(sites.status, dtype=pl.String), "quota": sites.quota, "triggered": triggered,
        "occupied_before": before, "occupied_after": passes.state.occupied, "stopped": passes.stopped,
        "has_candidates": passes.state.candidates > 0,
    }).join(sums, on="site_id", how="left").with_columns(pl.col("protected", "kept", "deleted").fill_null(0))  # fmt: skip
    reasons = [_reason(row, policy) for row in frame.iter_rows(named=True)]
    return frame.with_columns(reason=pl.Series(reasons, dtype=pl.String)).drop("stopped", "has_candidates").sort("site")


def _reason(row: dict[str, object], policy: Policy) -> str:
    before, after, deleted = (_number(row[name]) for name in ("occupied_before", "occupied_after", "deleted"))
    quota = _number(row["quota"])
    outright = "" if not deleted else f"; {volume(deleted)} deleted"
    if not row["triggered"]:
        if deleted:
            return f"not triggered ({_use(before, quota)} matches no When line), but lines that delete at once matched{outright}"
        return f"not triggered: {_use(before, quota)} matches no When line ({_texts(policy.when)})"
    if row["stopped"]:
        return f"triggered at {_use(before, quota)}, stopped at {_use(after, quota)}, which matches Until ({_texts(policy.until)}){outright}"
    if not before:
        return f"triggered at {_use(before, quota)}, but there is nothing of the partition here"
    if row["has_candidates"]:
        return f"triggered at {_use(before, quota)}, but the last pass changed nothing{outright}"
    share = f", {_number(row['protected']) / quota:.1%} of the quota," if quota > 0 else ""
    kept = f"{volume(_number(row['protected']))}{share} is protected"
    never = "" if _can_end(policy.until) else "; Until can never end the trigger"
    return f"triggered at {_use(before, quota)}; no candidate is left at {_use(after, quota)}: {kept}{never}{outright}"


def _can_end(conditions: tuple[Condition, ...]) -> bool:
    """Whether deleting can make an Until line true."""
    return any(VARIABLES[predicate.variable].volatile for condition in conditions for predicate in condition.predicates)


def _use(occupied: float, quota: float) -> str:
    if quota > 0:
        return f"occupancy {occupied / quota:.3f}"
    return f"{volume(occupied)} without {'quota' if quota == 0 else 'limit'}"


def _texts(conditions: tuple[Condition, ...]) -> str:
    return " or ".join(condition.text for condition in conditions)


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]
