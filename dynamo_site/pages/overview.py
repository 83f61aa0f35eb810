"""What the front page shows: sites against their watermarks, cycles, queues, and what needs somebody. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from detox.policies import readable
from dynamo_site.pages.bars import Bar, marks_at, stacked
from dynamo_site.pages.keeping import Kept
from dynamo_site.pages.watermarks import Watermarks, of_policy
from inventory import client
from inventory.partitions import occupancy
from inventory.snapshot import Snapshot
from inventory.units import volume

_FULL_SCALE = 1.1


@dataclass(frozen=True)
class SiteBar:
    """One partition at one site, in bytes."""

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
    def bar(self) -> Bar:
        """Present and on its way, against the quota, with the watermarks."""
        scale = self.quota * _FULL_SCALE if self.quota > 0 else 0.0
        kind = "over" if self.state == "over" else "present"
        parts = stacked([(kind, self.present), ("coming", max(self.projected - self.present, 0))], scale)
        places = [
            (name, share and share * self.quota) for name, share in (("low", self.marks.low), ("high", self.marks.high))
        ]
        text = f"{volume(self.present)} present, {volume(self.projected)} projected"
        return Bar(text, parts, marks_at(places, scale))


def occupied() -> tuple[int, pl.DataFrame]:
    """Version of the inventory, and ``partitions.occupancy`` of it. Raises InventoryUnavailable."""
    snapshot = client.snapshot()
    return snapshot.version, occupancy(snapshot)


OCCUPANCY = Kept(occupied)
"""For all that show it: of a large inventory it takes seconds."""


def site_bars(snapshot: Snapshot) -> list[SiteBar]:
    """A bar for each site and partition with a quota and a policy, the fullest first; tape and the like at the end."""
    marks = {partition: of_policy(policy) for partition, policy in readable().items()}
    status = dict(snapshot.table("sites").select("name", pl.col("status").cast(pl.String)).collect().iter_rows())
    rows = OCCUPANCY.get()[1].filter(
        pl.col("partition").is_in(list(marks)), (pl.col("quota") != 0) | (pl.col("present") > 0)
    )
    bars = [
        SiteBar(row["site"], status.get(row["site"], "UNKNOWN"), row["partition"], row["quota"], row["present"], row["projected"], marks[row["partition"]])
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip
    return sorted(bars, key=lambda bar: (-1.0 if bar.fraction is None else bar.fraction, bar.site), reverse=True)
