"""Bars of a comparison: what stays and what goes at each site, as things are and as they would be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dynamo_site.pages.bars import Bar, marks_at, stacked
from inventory.units import volume

_FULL_SCALE = 1.25


@dataclass(frozen=True)
class Pair:
    """A site, with a bar of what is in force and one of what would be."""

    site: dict[str, Any]
    before: Bar
    after: Bar


def of_sites(answer: dict[str, Any]) -> list[Pair]:
    """Of every site where something differs, on the scale of its quota, or of its content where that is larger."""
    return [_pair(site) for site in answer.get("sites", [])]


def _pair(site: dict[str, Any]) -> Pair:
    content = max(
        site[f"protected_{side}"] + site[f"kept_{side}"] + site[f"deleted_{side}"] for side in ("before", "after")
    )
    quota = max(site["quota_before"], site["quota_after"])
    scale = float(max(content, min(quota * _FULL_SCALE, content * 2), 1))
    return Pair(site, _bar(site, "before", scale), _bar(site, "after", scale))


def _bar(site: dict[str, Any], side: str, scale: float) -> Bar:
    sizes = [
        (kind, site[f"{name}_{side}"])
        for kind, name in (("protect", "protected"), ("keep", "kept"), ("delete", "deleted"))
    ]
    text = ", ".join(f"{name} {volume(site[f'{name}_{side}'])}" for name in ("protected", "kept", "deleted"))
    quota = site[f"quota_{side}"]
    return Bar(f"{side}: {text}", stacked(sizes, scale), marks_at([("quota", quota if quota > 0 else None)], scale))
