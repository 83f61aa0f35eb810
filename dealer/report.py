"""A cycle as plain values and as text, for commands and pages."""

from __future__ import annotations

from typing import Any

from dealer.models import Cycle
from inventory.errors import InventoryError
from inventory.units import volume


class NoSuchCycle(InventoryError):
    """There is no cycle of that number."""


def cycle_called(name: str) -> Cycle:
    """The cycle of number ``name``, or the newest one for ``latest``; raises :class:`NoSuchCycle`."""
    cycles = Cycle.objects.all()
    found = cycles.first() if name == "latest" else cycles.filter(pk=int(name)).first() if name.isdecimal() else None
    if found is None:
        raise NoSuchCycle(f"no cycle {name}; `dealer cycles` lists them")
    return found


def summary(cycle: Cycle) -> dict[str, Any]:
    """A cycle's own values; volume in bytes, times in ISO 8601 (UTC)."""
    return {
        "cycle": cycle.pk, "partition": cycle.partition, "state": cycle.state, "test": cycle.test, "author": cycle.author,
        "comment": cycle.comment, "started": cycle.started.isoformat(),
        "ended": cycle.ended.isoformat() if cycle.ended else None, "version": cycle.version, "seed": cycle.seed,
        "proposals": cycle.num_proposals, "placed": cycle.num_placed, "volume": cycle.volume, "refusals": cycle.refusals,
        "error": cycle.error,
    }  # fmt: skip


def as_dict(cycle: Cycle) -> dict[str, Any]:
    """The same with sites and answers."""
    sites = cycle.sites.values(
        "site", "state", "quota", "present", "projected", "after", "volume", "num_blocks", "verdict"
    )
    answers = cycle.answers.values("plugin", "cause", "number", "verdict", "reason", "actions", "moot")
    return {**summary(cycle), "sites": list(sites), "answers": list(answers)}


def as_line(cycle: Cycle) -> str:
    """One line of a list."""
    kind = " (test)" if cycle.test else ""
    counts = f"{cycle.num_placed} of {cycle.num_proposals} proposals placed, {volume(cycle.volume)}"
    error = f"  {cycle.error}" if cycle.error else ""
    return f"{cycle.pk:>6}  {cycle.started:%Y-%m-%d %H:%M}  {cycle.partition}{kind}  {cycle.state}  {counts}{error}"


def as_text(cycle: Cycle) -> str:
    """The whole cycle for a person."""
    kind = "test cycle" if cycle.test else "cycle"
    lines = [
        f"{kind} {cycle.pk} of {cycle.partition}: {cycle.state}",
        f"  started {cycle.started:%Y-%m-%d %H:%M:%S} by {cycle.author}, inventory version {cycle.version}, seed {cycle.seed}",
        f"  {cycle.num_placed} of {cycle.num_proposals} proposals placed, {volume(cycle.volume)} to copy",
    ]
    lines += [f"  error: {cycle.error}"] if cycle.error else []
    for plugin, reasons in sorted(cycle.refusals.items()):
        lines += [f"  {plugin}: {count} × {reason}" for reason, count in sorted(reasons.items())]
    lines += ["sites:"] if cycle.sites.exists() else ["no sites"]
    for site in cycle.sites.all():
        lines.append(f"  {site.site:<24} {_occupancy(site.quota, site.after)}  {site.state:<10} {site.verdict}")
    lines += ["answers:"] if cycle.answers.exists() else []
    for answer in cycle.answers.all():
        told = answer.reason or ", ".join(f"{item} at {site}" for item, site in answer.actions)
        lines.append(f"  {answer.cause}: {answer.verdict} {told}" + (f" (moot: {answer.moot})" if answer.moot else ""))
    return "\n".join(lines)


def _occupancy(quota: int, size: int) -> str:
    if quota < 0:
        return "no limit"
    return f"{size / quota:7.1%} " if quota else "no space"
