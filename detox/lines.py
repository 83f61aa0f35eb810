"""Which line of the policies has protected, kept and deleted how much over many cycles. Pure; ``line_history.py`` reads the frames.

A line is known by its text and by the file of its policy, so that a line keeps its account when others are put before it. What
it protects or keeps is a state, told as the mean over cycles; what it deletes adds up.
"""

from __future__ import annotations

import polars as pl

from detox.decisions import DECISIONS

_PERIODS = {"day": "1d", "week": "1w", "month": "1mo", "year": "1y"}
PERIODS = tuple(_PERIODS)
VOLUMES = ("protected", "kept", "deleted", "num_protected", "num_kept", "num_deleted")


def line_sums(replicas: pl.DataFrame) -> pl.DataFrame:
    """``lines`` of ``history.FRAMES`` from ``replicas`` of Decisions: what each line did at each site."""
    keys = ["site", "decision", "line"]
    sums = replicas.group_by(keys).agg(
        num_replicas=pl.len(), num_blocks=pl.col("num_blocks").sum(), size=pl.col("size").sum()
    )
    return sums.sort(keys)


def accounts(sums: pl.LazyFrame, lines: pl.DataFrame, by_site: bool = False, per: str | None = None) -> pl.DataFrame:
    """The account of every line: [period], policy, line, [site], cycles, first, last, protected, kept, deleted, num_….

    ``sums``: cycle, number (of the line), site, decision, num_replicas, size; ``lines``: cycle, started (UTC seconds), number,
    policy, line (text), every line of every cycle. ``cycles``: how many had the line, ``first`` and ``last`` of them (UTC seconds);
    ``protected``, ``kept``: bytes, the mean over these cycles; ``deleted``: bytes in all of them; ``num_…``: replicas, likewise.
    A line that did nothing has zeros, or by site no row. ``period`` (one of ``PERIODS``): its first day. In order of periods, then what protects most first.
    """
    keys = ["policy", "line"]
    if per:
        keys = ["period", *keys]
        lines = lines.with_columns(period=pl.from_epoch("started", "s").dt.truncate(_PERIODS[per]).dt.date())
    had = lines.group_by(keys).agg(
        cycles=pl.col("cycle").n_unique(), first=pl.col("started").min(), last=pl.col("started").max()
    )
    where = ["site"] if by_site else []
    named = sums.join(lines.lazy().select("cycle", "number", *keys), on=["cycle", "number"])
    summed = named.group_by(*keys, *where).agg(_by_decision()).collect()
    found = had.join(summed, on=keys, how="right" if by_site else "left").with_columns(pl.col(VOLUMES).fill_null(0))
    states = [name for name in VOLUMES if not name.endswith("deleted")]
    found = found.with_columns((pl.col(states) / pl.col("cycles")).round().cast(pl.Int64))
    shown = found.select(*keys, *where, "cycles", "first", "last", *VOLUMES)
    order = [*keys[:-2], "protected", "deleted", *keys[-2:], *where]
    return shown.sort(order, descending=[name in ("protected", "deleted") for name in order])


def _by_decision() -> list[pl.Expr]:
    of = {decision: pl.col("decision") == decision for decision in DECISIONS}
    return [pl.col("size").filter(of[name]).sum().alias(name) for name in DECISIONS] + [
        pl.col("num_replicas").filter(of[name]).sum().alias(f"num_{name}") for name in DECISIONS
    ]
