"""What goes wrong behind Dynamo's back in the demo: files vanish from a site's disk, and files appear that nobody knows."""

from __future__ import annotations

import os
import time
from typing import Any

import polars as pl

from inventory.snapshot import Snapshot
from testbed.agreement import files_present
from testbed.sites import ROOMY_SITES, DemoSite

_REMOVED, _ADDED = 4, 3
_DAYS_OLD = 30


def do(snapshot: Snapshot, sites: list[DemoSite]) -> dict[str, Any]:
    """Remove files that another site has too, and add old unknown ones, at a site with room. Doing it twice is no more."""
    place = next(site for site in sites if site.name == ROOMY_SITES[0])
    removed = _with_another_copy(snapshot, place.name)[:_REMOVED]
    for lfn in removed:
        place.path(lfn).unlink(missing_ok=True)
    added = [f"/store/mc/Lost-And-Found/Unknown_{number}/AODSIM/v1/00000/dark{number}.root" for number in range(_ADDED)]
    for lfn in added:
        _write_old(place, lfn)
    place.belongs_to_server()
    return {"site": place.name, "removed": removed, "added": added}


def _with_another_copy(snapshot: Snapshot, site: str) -> list[str]:
    present = files_present(snapshot)
    here = present.filter(pl.col("site") == site)
    return here.join(present.filter(pl.col("site") != site), on="lfn", how="semi")["lfn"].sort().to_list()


def _write_old(site: DemoSite, lfn: str) -> None:
    path = site.path(lfn)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"nobody knows {lfn}".encode())
    then = time.time() - _DAYS_OLD * 86400
    os.utime(path, (then, then))
