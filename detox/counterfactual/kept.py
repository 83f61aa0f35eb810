"""The question asked of a kept cycle: its inputs are read, decided again to be sure that they are those, and changed."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl

from detox import history
from detox.counterfactual.inputs import Inputs
from detox.counterfactual.search import Limits, subject_of, turning
from detox.given import CannotExplain
from detox.models import Cycle
from detox.settings import DetoxSettings
from inventory.partitions import definitions
from inventory.policy.compiler import variables_of
from inventory.policy.model import Condition, Policy, Predicate
from inventory.policy.parser import parse_policy
from inventory.tuning import with_values

QUICK = 300_000
"""Block replicas of a cycle up to which it is decided again within a moment."""


def of_cycle(cycle: Cycle, site: str, dataset: str, limits: Limits | None = None) -> dict[str, Any]:
    """What would have turned the decision on a dataset (``dataset#block``: a block) at a site: ``Turning.told()``.

    Takes a few times as long as the cycle's decisions took. Raises :class:`CannotExplain`.
    """
    inputs = inputs_of(cycle)
    name, _, block = dataset.partition("#")
    subject = subject_of(inputs, site, name, block)
    decisions = inputs.decide()
    recorded = history.scan(cycle.pk, "image").filter(pl.col("dataset") == name, pl.col("site") == site).collect()
    if subject is None or subject.rows(recorded).is_empty():
        raise CannotExplain(f"{dataset[:200]!r} had nothing of the partition at {site[:100]} when the cycle looked")
    columns = ["block_id", "decision", "line", "gone_at"]
    if not subject.rows(recorded).select(columns).equals(subject.rows(decisions.image).select(columns)):
        raise CannotExplain(
            f"{cycle}: decided again on what was kept of it, it comes out otherwise; a variable has changed"
        )
    return turning(inputs, subject, limits, decisions).told()


def inputs_of(cycle: Cycle) -> Inputs:
    """All that the cycle was made of. Raises :class:`CannotExplain` when it is not kept any more."""
    try:
        snapshot, facts = history.read_inputs(cycle.pk)
    except history.NotKept as error:
        raise CannotExplain(str(error)) from error
    policy = parse_policy(cycle.policy, cycle.policy_file)
    known = {field.name for field in dataclasses.fields(DetoxSettings)}
    settings = with_values(
        "detox", DetoxSettings, {name: value for name, value in cycle.settings.items() if name in known}
    )
    return Inputs(snapshot, _at_its_sites(policy, cycle), definitions(snapshot), facts, settings, cycle.now)


def _at_its_sites(policy: Policy, cycle: Cycle) -> Policy:
    """Sites that were no targets are not kept with all they have, so that their occupancy cannot be asked for again."""
    if "site.occupancy" not in variables_of(policy.on):
        return policy
    names = tuple(sorted(cycle.sites.values_list("site", flat=True)))
    return dataclasses.replace(policy, on=(Condition((Predicate("site.name", "in", names),), None, None, ""),))


def is_quick(cycle: Cycle) -> bool:
    """Whether the cycle is small enough for an answer while somebody waits for a page."""
    return bool(history.scan(cycle.pk, "image").select(pl.len()).collect().item() <= QUICK)
