"""What the front page shows: sites against their watermarks, cycles, queues, and what needs somebody. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dynamo_site.pages.watermarks import Watermarks, of_policy, policies
from inventory.partitions import occupancy
from inventory.snapshot import Snapshot

_FULL_SCALE = 1.1


@dataclass(frozen=True)
class SiteBar:
    """One partition at one site: bytes, and where the bar's parts end (fractions of its width)."""

    site: str
    status: str
    partition: str
    quota: int
    present: int
    projected: int
    marks: Watermarks

    @property
    def fraction(self) -> float | None:
        """Bytes present over quota; None without a limit, infinite without space."""
        if self.quota < 0:
            return None
        return self.present / self.quota if self.quota else (float("inf") if self.present else 0.0)

    @property
    def state(self) -> str:
        """ "over" the high watermark, "between" the two, or "good"."""
        if self.fraction is None or self.marks.high is None:
            return "good"
        if self.fraction > self.marks.high:
            return "over"
        return "between" if self.marks.low is not None and self.fraction >= self.marks.low else "good"

    @property
    def present_width(self) -> float:
        return self._width(self.present)

    @property
    def coming_width(self) -> float:
        return max(self._width(self.projected) - self.present_width, 0.0)

    @property
    def high_at(self) -> float | None:
        return None if self.marks.high is None else self.marks.high / _FULL_SCALE

    @property
    def low_at(self) -> float | None:
        return None if self.marks.low is None else self.marks.low / _FULL_SCALE

    def _width(self, size: int) -> float:
        return min(size / self.quota / _FULL_SCALE, 1.0) if self.quota > 0 else 0.0


def site_bars(snapshot: Snapshot, policy_directory: Path) -> list[SiteBar]:
    """A bar for each site and partition with a quota and a policy, the fullest first; tape and the like at the end."""
    marks = {partition: of_policy(policy) for partition, policy in policies(policy_directory).items()}
    status = dict(snapshot.table("sites").select("name", pl.col("status").cast(pl.String)).collect().iter_rows())
    rows = occupancy(snapshot).filter(
        pl.col("partition").is_in(list(marks)), (pl.col("quota") != 0) | (pl.col("present") > 0)
    )
    bars = [
        SiteBar(row["site"], status[row["site"]], row["partition"], row["quota"], row["present"], row["projected"], marks[row["partition"]])
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip
    return sorted(bars, key=lambda bar: (-1.0 if bar.fraction is None else bar.fraction, bar.site), reverse=True)
