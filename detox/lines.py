"""Which line of the policies has protected, kept and deleted how much over many cycles.

A line is known by its text and by the file of its policy, so that a line keeps its account when others are put before it. What
it protects or keeps is a state, told as the mean over cycles; what it deletes adds up.
"""

from __future__ import annotations

import polars as pl


def line_sums(replicas: pl.DataFrame) -> pl.DataFrame:
    """``lines`` of ``history.FRAMES`` from ``replicas`` of Decisions: what each line did at each site."""
    keys = ["site", "decision", "line"]
    sums = replicas.group_by(keys).agg(
        num_replicas=pl.len(), num_blocks=pl.col("num_blocks").sum(), size=pl.col("size").sum()
    )
    return sums.sort(keys)
