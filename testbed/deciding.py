"""What engines decided in the demo, read from their records: for the claims that disks and limits are checked against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from consistency import history as checks
from consistency.models import Check
from dealer.cycle import dealer_settings
from dealer.models import Cycle as DealerCycle
from dealer.settings import TB
from detox import history, monitor
from detox.models import Cycle as DetoxCycle
from detox.models import CycleSite
from testbed.catalogue import DemoDataset
from testbed.sites import DemoSite


@dataclass(frozen=True)
class Limits:
    """How far Dealer's cycles went: the fullest site that they placed at, and the largest volume of one in bytes; and how far they may."""

    occupancy: float
    volume: int
    allowed_occupancy: float
    allowed_volume: float

    @property
    def kept(self) -> bool:
        return 0 < self.occupancy <= self.allowed_occupancy and 0 < self.volume <= self.allowed_volume


def dealer_limits(partition: str) -> Limits:
    """Over all cycles of the partition that placed something; occupancy is the projected one after placing."""
    cycles = DealerCycle.objects.filter(partition=partition, num_placed__gt=0, test=False)
    placed = [site for cycle in cycles for site in cycle.sites.filter(volume__gt=0, quota__gt=0)]
    settings = dealer_settings()
    return Limits(
        max((site.after / site.quota for site in placed), default=0.0),
        max((cycle.volume for cycle in cycles), default=0),
        settings.target_site_occupancy,
        settings.max_total_cycle_volume * TB,
    )


def cleaning_cycle(partition: str) -> DetoxCycle:
    """The Detox cycle that deleted most."""
    best = (
        CycleSite.objects.filter(cycle__partition=partition, cycle__test=False).order_by("-deleted", "cycle_id").first()
    )
    if best is None:
        raise LookupError(f"no Detox cycle of {partition} has come to its decisions")
    return best.cycle


def outcome_on_disks(cycle: DetoxCycle, datasets: Sequence[DemoDataset], sites: Sequence[DemoSite]) -> pl.DataFrame:
    """Frame (decision, replicas: block replicas, files, on_disk: how many of the files are on the sites' disks)."""
    image = history.read(cycle.pk, "image").filter(pl.col("decision").is_not_null())
    blocks = history.read_inputs(cycle.pk)[0].frame("blocks").select("block_id", block="name")
    decided = image.join(blocks, on="block_id").select("decision", "site", "block")
    files = pl.DataFrame(
        [(block.name, file.lfn) for dataset in datasets for block in dataset.blocks for file in block.files],
        schema=["block", "lfn"], orient="row",
    )  # fmt: skip
    disks = pl.DataFrame(
        [(site.name, lfn) for site in sites for lfn in site.lfns()],
        schema={"site": pl.String, "lfn": pl.String}, orient="row",
    ).with_columns(on_disk=True)  # fmt: skip
    found = decided.join(files, on="block").join(disks, on=["site", "lfn"], how="left")
    return found.group_by("decision").agg(
        replicas=pl.struct("site", "block").n_unique(), files=pl.len(), on_disk=pl.col("on_disk").sum()
    )


def examples(cycle: DetoxCycle, site: str) -> dict[str, tuple[str, str]]:
    """(dataset, text of the line that decided) of one deleted and one protected replica at the site, by decision."""
    decisions = history.read(cycle.pk, "decisions").filter(pl.col("site") == site).sort("dataset", "line")
    lines = monitor.lines(cycle)
    chosen = {}
    for decision in ("deleted", "protected"):
        rows = decisions.filter((pl.col("decision") == decision) & (pl.col("line") > 0))
        rows = rows if len(rows) else decisions.filter(pl.col("decision") == decision)
        if len(rows):
            chosen[decision] = (rows["dataset"][0], lines[rows["line"][0]])
    return chosen


def found_by_checks(site: str, name: str) -> set[str]:
    """LFNs on the list ``name`` of any check of the site."""
    frames = [checks.read(check.pk, name) for check in Check.objects.filter(site=site)]
    lists = [frame for frame in frames if frame is not None and len(frame)]
    return {
        f"{directory}/{name}" for frame in lists for directory, name in frame.select("directory", "base_name").rows()
    }
