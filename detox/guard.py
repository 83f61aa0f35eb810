"""The guard: a cycle that would delete more than a set share of a site, or of the partition, is not carried out unconfirmed.

A slip of a policy line, a quota typed in the wrong unit or a site marked by mistake shows itself as an unusual share. What is
confirmed is one plan: the cycle decides anew, and may delete at a site no more than was confirmed, of that or of little else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from detox.decisions import Decisions
from detox.settings import DetoxSettings
from inventory.units import volume

KEYS = ["dataset_id", "block_id", "site_id"]
_SHOWN_LINES = 3
_SHOWN_FINDINGS = 6


@dataclass(frozen=True)
class Finding:
    """``site`` (None: the whole partition) would lose ``deleted`` of ``present`` bytes, more than ``limit`` allows.

    ``new``: bytes of ``deleted`` that nobody has confirmed; ``lines``: [number of the line, bytes] of those that take most.
    """

    site: str | None
    present: int
    deleted: int
    new: int
    limit: float
    lines: list[tuple[int, int]]

    def as_dict(self) -> dict[str, Any]:
        """As it is kept with the cycle."""
        return asdict(self)


@dataclass(frozen=True)
class Confirmed:
    """A plan that somebody has confirmed: ``blocks`` (dataset_id, block_id, site_id), ``sites``: bytes deleted by site."""

    blocks: pl.DataFrame
    sites: dict[str, int]


def findings(decisions: Decisions, settings: DetoxSettings, confirmed: Confirmed | None = None) -> list[Finding]:
    """Why the decisions must not be carried out as they are: the partition first, then sites by name; empty: they may.

    Shares are of the bytes present at the site; of the partition at those sites where the cycle has something to decide.
    """
    deleted = decisions.image.filter(pl.col("decision") == "deleted").select(*KEYS, "site", "line", "size")
    if deleted.is_empty():
        return []
    new = deleted if confirmed is None else deleted.join(confirmed.blocks, on=KEYS, how="anti")
    unconfirmed = dict(new.group_by("site").agg(pl.col("size").sum()).iter_rows())
    allowed = {} if confirmed is None else confirmed.sites
    decided = decisions.sites.filter(pl.sum_horizontal("protected", "kept", "deleted") > 0)
    whole = Finding(
        None, int(decided["occupied_before"].sum()), int(decided["deleted"].sum()), sum(unconfirmed.values()),
        settings.guard_partition_share, _largest(deleted),
    )  # fmt: skip
    found = [] if _may(whole, sum(allowed.values())) else [whole]
    for site, present, size in decided.sort("site").select("site", "occupied_before", "deleted").iter_rows():
        at_site = Finding(site, present, size, unconfirmed.get(site, 0), settings.guard_site_share, [])
        if not _may(at_site, allowed.get(site, 0)):
            lines = _largest(deleted.filter(pl.col("site") == site))
            found.append(Finding(site, present, size, at_site.new, at_site.limit, lines))
    return found


def all_told(found: list[dict[str, Any]], partition: str, lines: dict[int, str]) -> list[str]:
    """A sentence for each kept finding; of many sites those that would lose most, and how many there are besides."""
    largest = sorted(found, key=lambda finding: (finding["site"] is not None, -finding["deleted"]))
    texts = [told(finding, partition, lines) for finding in largest[:_SHOWN_FINDINGS]]
    left = len(found) - len(texts)
    return [*texts, f"{left} more {'site' if left == 1 else 'sites'} over the limit"] if left else texts


def told(finding: dict[str, Any], partition: str, lines: dict[int, str]) -> str:
    """A kept finding in one sentence."""
    where = f"{finding['site']} would lose" if finding["site"] else "all sites together would lose"
    share = finding["deleted"] / finding["present"] if finding["present"] else 1.0
    largest = ", ".join(
        f"line {number} ({lines.get(number, 'default')}) {volume(size)}" for number, size in finding["lines"]
    )
    return (
        f"{where} {share:.0%} ({volume(finding['deleted'])} of {volume(finding['present'])}) of {partition}, "
        f"limit {finding['limit']:.0%}; largest lines: {largest}"
    )


def _may(finding: Finding, confirmed: int) -> bool:
    """Within the limit, or no more than was confirmed and, of what was not, within the limit."""
    most = finding.limit * finding.present
    return finding.deleted <= most or (finding.deleted <= confirmed and finding.new <= most)


def _largest(deleted: pl.DataFrame) -> list[tuple[int, int]]:
    sums = deleted.group_by("line").agg(pl.col("size").sum()).sort("size", "line", descending=[True, False])
    return sums.head(_SHOWN_LINES).rows()
