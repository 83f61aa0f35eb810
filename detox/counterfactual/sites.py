"""Proposals about the site: another quota of the partition, another status."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import polars as pl

from detox.counterfactual import edits
from detox.counterfactual.asked import Asked
from detox.counterfactual.costs import Change, far
from detox.counterfactual.inputs import image_newest
from detox.given import Given
from detox.standing import standing
from inventory.partitions import simple_parts
from inventory.policy.model import Condition
from inventory.units import volume

_NEARER = (1.0, 0.98, 0.95, 0.9, 0.75)
"""What is tried of the quota at which its turn should come: deletions elsewhere, and the limit of a pass, may put it off a little."""


def quotas(asked: Asked) -> Iterator[Change]:
    """Quotas at which the site is just not triggered, or stops just before its turn; or is, and does not."""
    site = asked.site
    known = set(asked.inputs.snapshot.frame("partitions")["name"])
    if not known & set(simple_parts(asked.inputs.partitions, asked.inputs.policy.partition)):
        return
    before, when, until = (
        site["occupied_before"],
        *(_marks_of(one) for one in (asked.inputs.policy.when, asked.inputs.policy.until)),
    )
    if asked.fate != "stays":
        first = asked.rows["gone_at"].min()
        there = pl.col("gone_at").is_null() | (pl.col("gone_at") >= first)
        at_site = asked.decisions.image.filter(pl.col("site_id") == asked.subject.site_id)
        at_turn = int(at_site.filter(there)["size"].sum())
        wanted = {int(before / mark) + 1 for mark in when} | {int(at_turn / mark) + 1 for mark in until}
    else:
        triggers = {max(1, math.ceil(before / mark) - 1) for mark in when}
        at_turn = site["occupied_after"] - _ahead(asked)
        reaches = {max(1, int(at_turn * part / mark)) for mark in until for part in _NEARER}
        wanted = triggers | reaches | {min(one, other) for one in triggers for other in reaches} | {1}
    for value in sorted(wanted - {site["quota"]}):
        was = "no limit" if site["quota"] < 0 else volume(site["quota"])
        text = f"the quota of {asked.inputs.policy.partition} at {asked.subject.site} had been {volume(value)} ({value} bytes; it was {was})"
        apply = partial(edits.quota, site_id=asked.subject.site_id, bytes_=value)
        scale = site["quota"] if site["quota"] > 0 else max(before, 1)
        yield Change("quota", "site.quota", text, site["quota"], value, apply, far(value - site["quota"], scale), everywhere=True)  # fmt: skip


def _marks_of(conditions: tuple[Condition, ...]) -> set[float]:
    """Occupancies that conditions on a site compare with."""
    return {
        predicate.operand
        for condition in conditions
        for predicate in condition.predicates
        if predicate.variable == "site.occupancy" and isinstance(predicate.operand, float) and predicate.operand > 0
    }


def _ahead(asked: Asked) -> int:
    """Bytes that would go before it, were its site emptied further."""
    inputs, image = asked.inputs, asked.decisions.image
    chosen = image.filter(pl.col("site_id") == asked.subject.site_id).select("dataset_id").unique()
    local = inputs
    for name in ("blocks", "dataset_replicas", "block_replicas"):
        frame = inputs.snapshot.frame(name)
        local = local.with_table(name, frame.join(chosen, on="dataset_id", how="semi", maintain_order="left"))
    rows = image.join(chosen, on="dataset_id", how="semi", maintain_order="left")
    given = Given(local.snapshot, inputs.policy, inputs.facts, rows, image_newest(asked.decisions), inputs.now)
    found = standing(given, inputs.partitions, asked.subject.site, asked.subject.dataset)
    return found["ahead"] if found else 0


def statuses(asked: Asked) -> Iterator[Change]:
    conditions = (*asked.inputs.policy.on, *asked.inputs.policy.when, *asked.inputs.policy.until)
    used = asked.variables | {one.variable for condition in conditions for one in condition.predicates}
    if "site.status" in used:
        present = asked.site["status"]
        for status in ("READY", "WAITROOM", "MORGUE"):
            if status != present:
                text = f"the status of {asked.subject.site} had been {status} (it was {present})"
                apply = partial(edits.site_status, site_id=asked.subject.site_id, status=status)
                yield Change("site", "site.status", text, present, status, apply, everywhere=True)
