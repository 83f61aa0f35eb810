"""The bars of the Detox monitor, made of what ``detox.monitor.summary`` tells. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dynamo_site.pages.bars import Bar, Mark, marks_at, stacked
from inventory.units import volume

_FULL_SCALE = 1.25
_WARN, _FULL = 0.9, 1.0


@dataclass(frozen=True)
class SiteRow:
    """A site (or the total) with its bar, and the bar of the cycle before (None: there was none)."""

    site: dict[str, Any]
    bar: Bar
    before: Bar | None
    total: bool = False


def of_cycle(summary: dict[str, Any], absolute: bool = False) -> list[SiteRow]:
    """The total first, then every site. ``absolute``: bytes on one scale; else relative to each one's quota, up to 1.25."""
    rows = [_total(summary["total"]), *summary["sites"]]
    largest = max((_extent(site) for site in summary["sites"]), default=0)
    return [_row(site, summary, _scale(site, largest, absolute), number == 0) for number, site in enumerate(rows)]


def of_site(site: dict[str, Any], summary: dict[str, Any]) -> Bar:
    """One site's bar by itself."""
    return _row(site, summary, _scale(site, _extent(site), False), False).bar


def _total(total: dict[str, Any]) -> dict[str, Any]:
    occupied = total["protected"] + total["kept"] + total["deleted"]
    occupancy = occupied / total["quota"] if total["quota"] else None
    return {**total, "site": "Total", "ready": True, "occupancy": occupancy, "reason": ""}


def _extent(site: dict[str, Any]) -> float:
    present = site["protected"] + site["kept"] + site["deleted"]
    return float(max(present, site["protected_before"] + site["kept_before"], site["quota"]))


def _scale(site: dict[str, Any], largest: float, absolute: bool) -> float:
    """Bytes that the whole width stands for; the total has a scale of its own, else it would dwarf the sites."""
    if site["quota"] > 0 and (not absolute or site["site"] == "Total"):
        return float(site["quota"]) * _FULL_SCALE
    return max(_extent(site) if site["site"] == "Total" else largest, 1.0)


def _row(site: dict[str, Any], summary: dict[str, Any], scale: float, total: bool) -> SiteRow:
    sizes = [(_protect_kind(site), site["protected"]), ("keep", site["kept"]), ("delete", site["deleted"])]
    text = (
        f"protected {volume(site['protected'])}, kept {volume(site['kept'])}, deleted {volume(site['deleted'])}, "
        + (f"quota {volume(site['quota'])}" if site["quota"] >= 0 else "no quota")
    )
    before = None
    if summary["previous"]:
        sizes_before = [("protect", site["protected_before"]), ("keep", site["kept_before"])]
        told = f"after cycle {summary['previous']}: protected {volume(sizes_before[0][1])}, kept {volume(sizes_before[1][1])}"
        before = Bar(told, stacked(sizes_before, scale))
    return SiteRow(site, Bar(text, stacked(sizes, scale), _marks(site, summary, scale)), before, total)


def _protect_kind(site: dict[str, Any]) -> str:
    """Protected data that leave no room for anything else are shown in warning colours."""
    if site["quota"] <= 0:
        return "protect"
    share = site["protected"] / site["quota"]
    return "protect full" if share > _FULL else "protect high" if share > _WARN else "protect"


def _marks(site: dict[str, Any], summary: dict[str, Any], scale: float) -> tuple[Mark, ...]:
    quota = site["quota"]
    if quota <= 0:
        return ()
    places = (("low", summary["stop"]), ("high", summary["trigger"]), ("quota", 1.0))
    return marks_at([(kind, None if share is None else share * quota) for kind, share in places], scale)
