"""Cycles that the guard refused: how they are told, and what confirming one of them allows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from django.conf import settings

from detox import history, monitor
from detox.guard import KEYS, Confirmed
from detox.models import Cycle, CycleState
from inventory.errors import InventoryError
from inventory.policy.model import Policy


class CycleRefused(InventoryError):
    """The guard stopped a cycle; the text says what it would have deleted, and how to confirm it."""


class CannotConfirm(InventoryError):
    """What was to be confirmed is not a refused cycle of this policy, or has been carried out already."""


def refusal(cycle: Cycle) -> str:
    """Why the guard refused the cycle, and what to do."""
    found = "\n".join(f"  {text}" for text in monitor.guard_texts(cycle))
    return (
        f"{cycle} is refused by the guard, nothing was deleted:\n{found}\n"
        f"look at `detox show {cycle.pk}`; if that is what you want, `detox run {policy_name(cycle)} --confirm {cycle.pk}`"
    )


def policy_name(cycle: Cycle) -> str:
    """What the cycle's policy is called: its name in the policy directory, so that it is the one in force, or else a path."""
    path = Path(cycle.policy_file)
    return path.name if path.parent in (Path(settings.POLICY_DIR), Path()) else cycle.policy_file


def check(number: int | None, policy: Policy) -> Cycle | None:
    """The refused cycle of that number, if ``policy`` may carry out its plan. Raises :class:`CannotConfirm`."""
    if number is None:
        return None
    cycle = Cycle.objects.filter(pk=min(max(number, 0), 2**63 - 1)).first()
    if cycle is None or cycle.state != CycleState.REFUSED:
        state = f"is {cycle.state}" if cycle else "does not exist"
        raise CannotConfirm(f"cycle {number} {state}; only a cycle that the guard refused can be confirmed")
    if cycle.partition != policy.partition:
        raise CannotConfirm(f"{cycle} is not one of partition {policy.partition}, which {policy.file} is for")
    if cycle.policy != policy.text:
        raise CannotConfirm(
            f"{cycle} followed another text than {policy.file} has now; run a new cycle, and confirm that if it is refused"
        )
    done = Cycle.objects.filter(confirms=cycle, state__in=[CycleState.DONE, CycleState.COMMITTING]).first()
    if done is not None:
        raise CannotConfirm(f"{cycle} was confirmed by {done.author} already, and carried out as cycle {done.pk}")
    return cycle


def confirmed(cycle: Cycle | None) -> Confirmed | None:
    """The plan of a refused cycle that is confirmed. Raises NotKept, FrameDamaged."""
    if cycle is None:
        return None
    deleted = history.scan(cycle.pk, "image").filter(pl.col("decision") == "deleted").select(KEYS).collect()
    return Confirmed(deleted, dict(cycle.sites.values_list("site", "deleted")))
