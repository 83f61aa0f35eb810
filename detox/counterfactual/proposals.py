"""What could have turned a decision: for each variable that the policy looks at, the values next to where its predicates turn.

Proposals may be wrong, they are all verified (``search.py``); what is not proposed (sizes, names, releases) is not found.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial

import polars as pl

from detox.counterfactual import copies, edits, sites
from detox.counterfactual.asked import Asked
from detox.counterfactual.costs import YEAR, Change, far
from detox.counterfactual.inputs import image_newest
from detox.counterfactual.words import ago, moment
from inventory.partitions import simple_parts
from inventory.policy.compiler import in_force, predicate_expression, with_variables
from inventory.policy.model import Condition, Predicate
from inventory.policy.times import parse_time
from inventory.schema import DATASET_STATUSES

_ATTRIBUTES = {
    "dataset.last_access": ("last_access", "its last access had been"),
    "dataset.last_update": ("last_update", "its last update had been"),
    "dataset.usage_rank": ("usage_rank", "its usage rank had been"),
    "dataset.demand_rank": ("demand_rank", "its demand rank had been"),
    "replica.num_access": ("num_access", "its number of accesses had been"),
}
_WHOLE = ("last_access", "last_update", "num_access")
_ARRIVALS = (
    "replica.first_block_created", "replica.last_block_created", "blockreplica.last_update",
    "blockreplica.age_relative_to_newest",
)  # fmt: skip
_FACTS = {
    "dataset.tape_copy_requested": ("tape_requested", "a copy of it to tape had been asked for", "no copy of it to tape had been asked for"),
    "dataset.unhandled_copy_exists": ("unhandled_copies", "a copy request for it had waited", "no copy request for it had waited"),
    "dataset.unknown_in_all_dbs": ("unknown", "no other catalogue had known it", "another catalogue had known it"),
    "replica.enforcer_protected": ("enforcer_protected", "a rule of the enforcer had held it", "no rule of the enforcer had held it"),
}  # fmt: skip


def proposals(asked: Asked) -> list[Change]:
    """All single changes, the least first."""
    found = [
        *_attributes(asked), *_orders(asked), *_computed_rank(asked), *_arrivals(asked), *_locks(asked), *_facts(asked), *_owners(asked),
        *_dataset_statuses(asked), *_dates(asked), *sites.quotas(asked), *sites.statuses(asked), *copies.proposals(asked),
    ]  # fmt: skip
    return sorted(found, key=lambda change: (change.cost, change.text))


def _attributes(asked: Asked) -> Iterator[Change]:
    for variable, (column, words) in _ATTRIBUTES.items():
        if variable not in asked.variables:
            continue
        present, step = asked.row[column], 1 if column in _WHOLE else 1e-6
        for value in sorted(_marks(asked, variable, column)):
            smallest = step if isinstance(step, int) else max(abs(value) * step, step)
            for wanted, side in ((value - smallest, "below"), (value, ""), (value + smallest, "above")):
                if wanted == present or (step == 1 and wanted < 0) or (_is_time(column) and wanted > asked.inputs.now):
                    continue
                yield _attribute(asked, variable, column, words, wanted, (value, side))


def _attribute(asked: Asked, variable: str, column: str, words: str, wanted: float, mark: tuple[float, str]) -> Change:
    present = asked.row[column]
    value = int(wanted) if column in _WHOLE else float(wanted)
    if _is_time(column):
        told = f"{words} {moment(int(value))}, {ago(present, int(value))}"
        distance = far(value - (present or 0), YEAR)
    else:
        side = f"{mark[1]} " if mark[1] else ""
        was = "it was not given" if present is None else f"it was {present:g}"
        told, distance = f"{words} {side}{mark[0]:g} ({was})", far(value - (present or 0), (present or 0) or 1)
    key = any(key.variable == variable for key in asked.inputs.policy.order)
    apply = partial(edits.attribute, subject=asked.subject, column=column, value=value)
    return Change("attribute", variable, told, present, value, apply, distance, everywhere=key)


def _is_time(column: str) -> bool:
    return column in ("last_access", "last_update")


def _marks(asked: Asked, variable: str, column: str) -> set[float]:
    """Where a predicate on the variable turns."""
    found: set[float] = set()
    for predicate in asked.predicates(variable):
        operands = predicate.operand if isinstance(predicate.operand, tuple) else (predicate.operand,)
        for operand in operands:
            found.add(parse_time(str(operand), asked.inputs.now) if _is_time(column) else float(operand))  # type: ignore[arg-type]
    return found


def _orders(asked: Asked) -> Iterator[Change]:
    """Values of the keys of `Order` that put it just before the last, or the first, that went; or just behind those that went, or all."""
    lines = [line.number for line in asked.inputs.policy.lines if line.decision == "Dismiss"]
    others = asked.decisions.image.filter(
        pl.col("site_id") == asked.subject.site_id, pl.col("line").is_in(lines),
        pl.col("dataset_id") != asked.subject.dataset_id,
    )  # fmt: skip
    for key in asked.inputs.policy.order:
        if key.variable not in _ATTRIBUTES:
            continue
        column, words = _ATTRIBUTES[key.variable]
        for decision in ("deleted", "kept"):
            chosen = others.filter(pl.col("decision").cast(pl.String) == decision).select("dataset_id").unique()
            values = asked.inputs.snapshot.frame("datasets").join(chosen, on="dataset_id", how="semi")[column]
            for value in {values.min(), values.max()}:
                if isinstance(value, int | float):
                    yield from _in_order(
                        asked,
                        key.variable,
                        column,
                        words,
                        value,
                        sooner=asked.fate == "stays",
                        descending=key.descending,
                    )


def _in_order(
    asked: Asked, variable: str, column: str, words: str, value: float, *, sooner: bool, descending: bool
) -> Iterator[Change]:
    smallest = 1 if column in _WHOLE else max(abs(value) * 1e-6, 1e-6)
    above = sooner == descending
    wanted = value + smallest if above else value - smallest
    if not (column in _WHOLE and wanted < 0) and not (_is_time(column) and wanted > asked.inputs.now):
        yield _attribute(asked, variable, column, words, wanted, (value, "above" if above else "below"))


def _computed_rank(asked: Asked) -> Iterator[Change]:
    """Where the rank follows from use: the last access that makes it as small as a predicate wants."""
    if asked.row["usage_rank"] is not None or "dataset.usage_rank" not in asked.variables:
        return
    blocks = asked.inputs.snapshot.frame("blocks").filter(pl.col("dataset_id") == asked.subject.dataset_id)
    size, present = int(blocks["size"].sum()), int(asked.row["last_access"])
    per_gb = asked.row["num_access"] / (size / 1e9) if size else 0.0
    for mark in sorted(_marks(asked, "dataset.usage_rank", "usage_rank")):
        wanted = int(asked.inputs.now - (mark + per_gb) * 86400) + 1
        if present < wanted <= asked.inputs.now:
            words = "its last access, from which its usage rank follows, had been"
            change = _attribute(asked, "dataset.usage_rank", "last_access", words, wanted, (wanted, ""))
            yield dataclasses.replace(change, about="dataset.last_access")


def _arrivals(asked: Asked) -> Iterator[Change]:
    newest = image_newest(asked.decisions)
    for predicate in asked.predicates(*_ARRIVALS):
        operands = predicate.operand if isinstance(predicate.operand, tuple) else (predicate.operand,)
        for operand in operands:
            aged = predicate.variable == "blockreplica.age_relative_to_newest"
            mark = newest - int(float(operand)) if aged else parse_time(str(operand), asked.inputs.now)  # type: ignore[arg-type]
            for wanted in (mark - 1, mark + 1):
                present = int(asked.rows["last_update"].max() or 0)  # type: ignore[arg-type]
                if 0 <= wanted <= asked.inputs.now and (asked.rows["last_update"] != wanted).any():
                    text = f"its blocks had last been changed at the site {moment(wanted)}, {ago(present, wanted)}"
                    apply = partial(edits.arrival, subject=asked.subject, time=wanted)
                    yield Change(
                        "arrival", predicate.variable, text, present, wanted, apply, far(wanted - present, YEAR)
                    )


def _locks(asked: Asked) -> Iterator[Change]:
    if "blockreplica.is_locked" in asked.variables:
        locked = asked.rows["locked"]
        for held, needed in ((True, not locked.all()), (False, locked.any())):
            if needed:
                text = "a lock had covered it" if held else "no lock had covered it"
                apply = partial(edits.lock, subject=asked.subject, held=held)
                yield Change("lock", "blockreplica.is_locked", text, bool(locked.any()), held, apply)


def _facts(asked: Asked) -> Iterator[Change]:
    ids = {"dataset_id": asked.subject.dataset_id, "site_id": asked.subject.site_id}
    for variable, (name, with_it, without) in _FACTS.items():
        if variable in asked.variables:
            frame = getattr(asked.inputs.facts, name)
            row = {column: ids[column] for column in frame.columns}
            holds = not frame.filter(*(pl.col(column) == value for column, value in row.items())).is_empty()
            apply = partial(edits.fact, name=name, row=row, holds=not holds)
            yield Change("request", variable, without if holds else with_it, holds, not holds, apply)


def _owners(asked: Asked) -> Iterator[Change]:
    """One group for each way in which the predicates on owners can turn out, those of the partition among them."""
    predicates = [*asked.predicates("blockreplica.owner"), *_of_partition(asked)]
    if "blockreplica.owner" not in asked.variables:
        return
    groups = asked.inputs.snapshot.frame("groups").sort("name")
    frame = with_variables(groups.select(owner="name").lazy(), ["blockreplica.owner"])
    tests = [predicate_expression(one, asked.inputs.now).alias(str(number)) for number, one in enumerate(predicates)]
    answers = frame.select(pl.concat_str([test.cast(pl.Int8) for test in tests])).collect().to_series()
    owners = asked.rows["group_id"].unique()
    mine = set(answers.filter(groups["group_id"].is_in(owners.implode()))) if len(owners) == 1 else set()
    for number, answer, name in zip(groups["group_id"], answers, groups["name"], strict=True):
        if answer not in mine:
            mine.add(answer)
            was = ", ".join(groups.filter(pl.col("group_id").is_in(owners.implode()))["name"])
            apply = partial(edits.owner, subject=asked.subject, group_id=number)
            text = f"it had belonged to {name} (it belonged to {was})"
            yield Change("owner", "blockreplica.owner", text, was, name, apply)


def _of_partition(asked: Asked) -> Iterator[Predicate]:
    for name in simple_parts(asked.inputs.partitions, asked.inputs.policy.partition):
        definition = asked.inputs.partitions[name]
        if isinstance(definition, Condition):
            yield from (one for one in definition.predicates if one.variable == "blockreplica.owner")


def _dataset_statuses(asked: Asked) -> Iterator[Change]:
    if "dataset.status" in asked.variables:
        present = str(asked.row["status"])
        for status in DATASET_STATUSES:
            if status != present:
                apply = partial(edits.attribute, subject=asked.subject, column="status", value=status)
                text = f"the dataset's status had been {status} (it was {present})"
                yield Change("status", "dataset.status", text, present, status, apply)


def _dates(asked: Asked) -> Iterator[Change]:
    now = asked.inputs.now
    for line in asked.inputs.policy.stack:
        condition = line.condition
        if condition is None or (condition.until is None and condition.since is None):
            continue
        date = str(condition.until or condition.since)
        held = in_force(condition, now)
        away = parse_time(date, now) - now
        until, since = condition.until, condition.since
        if condition.until is not None:
            wanted = now - 1 if held else now
            text = f"line {line.number} had held until {moment(wanted)} (it holds until {date})"
            until = moment(wanted, "")
        else:
            wanted = now + 1 if held else now
            text = f"line {line.number} had held from {moment(wanted)} (it holds from {date})"
            since = moment(wanted, "")
        apply = partial(edits.line_dates, number=line.number, until=until, since=since)
        yield Change("date", f"line {line.number}", text, date, moment(wanted, ""), apply, far(away, YEAR))
