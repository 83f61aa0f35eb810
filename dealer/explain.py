"""Why something went where it went, or nowhere, in a cycle: read from the cycle's history."""

from __future__ import annotations

from typing import Any

import polars as pl

from dealer import history
from dealer.models import Cycle, CycleAnswer
from dealer.proposals import NOT_CHECKED
from inventory.errors import InventoryError


class NothingKnown(InventoryError):
    """The cycle has no proposal and no answer for what was asked."""


def explain(cycle: Cycle, subject: str) -> dict[str, Any]:
    """The story of a dataset, ``dataset#block`` or request number in ``cycle``: its proposals, by site, and the answers.

    Raises :class:`NothingKnown`.
    """
    cause = f"request {subject}" if subject.isdecimal() else subject
    proposals = history.read(cycle.pk, "proposals").filter(_about(cause))
    causes = sorted({cause, *proposals["cause"]}) if proposals.height else [cause]
    answers = list(
        CycleAnswer.objects.filter(cycle=cycle, cause__in=causes).values(
            "cause", "verdict", "reason", "actions", "moot"
        )
    )
    if proposals.is_empty() and not answers:
        raise NothingKnown(f"{cycle} says nothing of {subject}: no plugin proposed it, and no request asked for it")
    considered = history.read(cycle.pk, "considered").filter(pl.col("number").is_in(proposals["number"].implode()))
    sites = {
        int(number): rows.drop("number").to_dicts()
        for (number,), rows in considered.partition_by("number", as_dict=True).items()
    }
    told = [{**row, "considered": sites.get(row["number"], [])} for row in proposals.sort("number").to_dicts()]
    return {"cycle": cycle.pk, "subject": subject, "proposals": told, "answers": answers}


def as_text(story: dict[str, Any]) -> str:
    """The story for a person."""
    lines = [f"{story['subject']} in cycle {story['cycle']}"]
    for answer in story["answers"]:
        told = answer["reason"] or ", ".join(f"{item} at {site}" for item, site in answer["actions"])
        lines.append(f"{answer['cause']}: {answer['verdict']} {told}".rstrip())
        lines += [f"  moot: {answer['moot']}"] if answer["moot"] else []
    for proposal in story["proposals"]:
        lines += _proposal_lines(proposal)
    return "\n".join(lines)


def _about(subject: str) -> pl.Expr:
    dataset, separator, block = subject.partition("#")
    of_item = pl.col("dataset") == dataset
    if separator:
        of_item &= pl.col("blocks").is_null() | pl.col("blocks").list.contains(block)
    return of_item | (pl.col("cause") == subject)


def _proposal_lines(proposal: dict[str, Any]) -> list[str]:
    what = (
        proposal["dataset"]
        if proposal["blocks"] is None
        else f"{len(proposal['blocks'])} blocks of {proposal['dataset']}"
    )
    kind = "new owner" if proposal["flip"] else "copy"
    end = f"{proposal['outcome']} at {proposal['site']}" if proposal["site"] else proposal["outcome"]
    reason = f": {proposal['reason']}" if proposal["reason"] else ""
    detail = f" ({proposal['detail']})" if proposal["detail"] else ""
    lines = [
        f"proposal {proposal['number']} by {proposal['plugin']} for {proposal['cause']}: {kind} of {what}: {end}{reason}{detail}"
    ]
    if not proposal["considered"]:
        return [*lines, f"  sites: {NOT_CHECKED}"]
    for site in proposal["considered"]:
        chance = f", with a chance of {site['probability']:.1%}" if site["probability"] else ""
        why = f": {site['detail']}" if site["detail"] else ""
        lines.append(f"  {site['site']:<24} {site['verdict']}{why}{chance}")
    return lines
