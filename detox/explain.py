"""Why a cycle decided as it did on one replica: every line of the stack with the values it saw, and whether it matched.

Decisions are not told from memory: the image is made again from what the cycle's decisions were made of, set to the moment in
question, and read by a plain walk down the stack, one block at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from detox import history
from detox.build import build_image
from detox.columns import ImageColumns, Part, columns_of
from detox.image import Image
from detox.models import Cycle, CycleSite
from detox.segments import Array
from inventory.errors import InventoryError
from inventory.partitions import definitions
from inventory.policy.compiler import in_force, predicate_expression, with_variables
from inventory.policy.facts import Facts
from inventory.policy.model import Condition, Line, Policy, Predicate
from inventory.policy.parser import parse_policy
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot

_SHOWN_VALUES = 5


class CannotExplain(InventoryError):
    """The replica was not in the cycle, or what its decisions were made of is not kept."""


@dataclass(frozen=True)
class Given:
    """What the decisions on one dataset were made of (see ``history.read_inputs``), and ``image``, what came out for its blocks.

    ``newest``: the newest last_update of the partition.
    """

    snapshot: Snapshot
    policy: Policy
    facts: Facts
    image: pl.DataFrame
    newest: int
    now: int


def of_cycle(cycle: Cycle, site: str, dataset: str) -> dict[str, Any]:
    """The story of a dataset at a site in a cycle, with what the cycle says of the site. Raises :class:`CannotExplain`."""
    row = CycleSite.objects.filter(cycle=cycle, site=site).first()
    if row is None:
        raise CannotExplain(f"{site[:100]!r} is not a site of {cycle}")
    story = explain(given_of(cycle, dataset), site, dataset)
    return {"cycle": cycle.pk, "partition": cycle.partition, "site_reason": row.reason, **story}


def given_of(cycle: Cycle, dataset: str) -> Given:
    """What the cycle kept that concerns the dataset. Raises :class:`CannotExplain`."""
    try:
        whole = history.scan(cycle.pk, "image")
        image = whole.filter(pl.col("dataset") == dataset).collect()
        snapshot, facts = history.read_inputs(cycle.pk, image["dataset_id"].unique())
    except history.NotKept as error:
        raise CannotExplain(str(error)) from error
    newest = whole.select(pl.col("last_update").max()).collect().item() or 0
    return Given(snapshot, parse_policy(cycle.policy, cycle.policy_file), facts, image, newest, cycle.now)


def explain(given: Given, site: str, dataset: str) -> dict[str, Any]:
    """The story: ``outcome`` ([{decision, line, num_blocks, size}]) and ``looks``, one for each time that blocks were decided on for good.

    A look: ``others``, the replicas that there were elsewhere; ``lines``, each with ``number``, ``text``, ``in_force``,
    ``tests`` ([{text, value, holds}]), ``left`` (blocks before it), ``taken``; ``decided``: the outcome's part; ``agrees``: whether
    the walk decided as the cycle did, which it always should. Raises :class:`CannotExplain`.
    """
    mine = given.image.with_row_index("row").filter(pl.col("site") == site)
    if mine.is_empty():
        raise CannotExplain(f"{dataset[:200]!r} had nothing of the partition at {site} when the cycle looked")
    image = _image(given)
    names = {
        predicate.variable for line in given.policy.stack if line.condition for predicate in line.condition.predicates
    }
    columns = ImageColumns(image, given.snapshot, given.facts, names, given.now)
    replica = int(image.rows.replica[mine["row"][0]])
    looks = [_look(image, columns, given, replica, moment, decided) for moment, decided in _moments(mine)]
    return {"site": site, "dataset": dataset, "outcome": _outcome(mine), "looks": looks}


def _image(given: Given) -> Image:
    """The image at the start of the cycle, as far as it concerns the dataset. Its rows are those of ``given.image``."""
    sites = tuple(given.image["site"].unique().sort())
    there = Condition((Predicate("site.name", "in", sites),), None, None, "")
    policy = dataclasses.replace(given.policy, on=(there,))
    image, _ = build_image(given.snapshot, policy, definitions(given.snapshot), given.facts, given.now)
    if len(given.image) != len(image.present):
        raise CannotExplain("the cycle's inputs make another image now: a plugin has changed what a variable means")
    image.newest = given.newest
    return image


def _moments(mine: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Moments at which blocks of the replica went, and the last look at the rest; with the blocks that each is about."""
    gone = mine.filter(pl.col("decision") == "deleted")
    for moment in gone["gone_at"].unique().sort():
        yield moment, gone.filter(pl.col("gone_at") == moment)
    rest = mine.filter(pl.col("decision").is_null() | (pl.col("decision") != "deleted"))
    if len(rest):
        yield rest["decided_at"][0], rest


def _look(
    image: Image, columns: ImageColumns, given: Given, replica: int, moment: int, decided: pl.DataFrame
) -> dict[str, Any]:
    _set_moment(image, given, replica, moment)
    rows, _ = image.rows_of(np.array([replica]))
    walk = _Walk(image, columns, given, replica, rows)
    lines = [walk.read(line) for line in given.policy.lines]
    wanted = dict(decided.filter(pl.col("row").is_in(rows)).select("row", "line").iter_rows())
    return {
        "moment": moment, "others": _others(image, replica), "lines": lines, "decided": _outcome(decided),
        "agrees": all(walk.decided.get(row) == line for row, line in wanted.items()),
    }  # fmt: skip


def _set_moment(image: Image, given: Given, replica: int, moment: int) -> None:
    """Make the image of the replica's dataset what it was after ``moment`` removals."""
    then = given.image
    image.present[:] = (then["gone_at"].fill_null(moment) >= moment).to_numpy()
    changed = (then["reowned_at"].fill_null(moment) < moment).to_numpy()
    numbers = {group: number for number, group in enumerate(given.snapshot.frame("groups")["group_id"])}
    before, after = (then[name].replace_strict(numbers).to_numpy() for name in ("group_id", "new_group_id"))
    image.set_owners(np.arange(len(then)), np.where(changed, after, before))
    image.refresh(np.array([image.replica_dataset[replica]]))


def _others(image: Image, replica: int) -> list[dict[str, Any]]:
    """Replicas of the dataset elsewhere in the image at that moment."""
    dataset = np.array([image.replica_dataset[replica]])
    found = [other for other in image.replicas_of(dataset).tolist() if other != replica]
    return [
        {
            "site": image.sites.names[image.replica_site[other]], "num_blocks": int(image.replica["num_blocks"][other]),
            "full": bool(image.full[other]),
        }
        for other in found
        if image.replica["num_blocks"][other]
    ]  # fmt: skip


class _Walk:
    """Reads the stack for one replica; ``decided``: line number by row."""

    def __init__(self, image: Image, columns: ImageColumns, given: Given, replica: int, rows: Array) -> None:
        self._columns, self._now, self._replica, self._left = columns, given.now, replica, rows
        self._site = np.array([image.replica_site[replica]])
        self.decided: dict[int, int] = {}

    def read(self, line: Line) -> dict[str, Any]:
        """What the line saw and took."""
        left = len(self._left)
        condition = line.condition
        told: dict[str, Any] = {
            "number": line.number, "action": line.action, "text": line.text, "left": left, "taken": 0, "tests": [],
            "in_force": condition is None or in_force(condition, self._now),
        }  # fmt: skip
        if not left or not told["in_force"]:
            return told
        hit = np.ones(left, np.bool_)
        holds = True
        for predicate in condition.predicates if condition else ():
            test, seen = self._test(predicate)
            told["tests"].append(test)
            hit &= seen
            holds &= bool(seen.any())
        taken = hit if line.by_block else np.full(left, holds)
        told["taken"] = int(taken.sum())
        self.decided |= dict.fromkeys(self._left[taken].tolist(), line.number)
        self._left = self._left[~taken]
        return told

    def _test(self, predicate: Predicate) -> tuple[dict[str, Any], Array]:
        """A predicate with the values it saw, and where it holds, by block that is left."""
        variable = VARIABLES[predicate.variable]
        names = sorted(columns_of([variable.name]))
        part, replica = Part(self._left, np.array([len(self._left)])), np.array([self._replica])
        if variable.level == "replica":
            columns = self._columns.of("replica", names, replica, part)
        elif variable.level == "dataset":
            columns = self._columns.of_datasets(names, replica, part)
        else:
            columns = self._columns.of(variable.level, names, self._site if variable.level == "site" else self._left)
        frame = with_variables(pl.DataFrame(columns).lazy(), [variable.name])
        if not names:
            frame = with_variables(pl.LazyFrame({"": [0]}), [variable.name])
        found = frame.select(variable.name, holds=predicate_expression(predicate, self._now)).collect()
        holds = (
            np.broadcast_to(found["holds"].to_numpy(), len(self._left))
            if len(found) == 1
            else found["holds"].to_numpy()
        )
        value = _value(found[variable.name], variable.type)
        return {
            "text": _text(predicate),
            "value": value,
            "holds": bool(holds.any()),
            "num_holds": int(holds.sum()),
        }, holds


def _text(predicate: Predicate) -> str:
    if predicate.operand is None:
        return predicate.variable if predicate.operator == "true" else f"not {predicate.variable}"
    operand = predicate.operand
    if isinstance(operand, tuple):
        return f"{predicate.variable} {predicate.operator} [{' '.join(str(item) for item in operand)}]"
    return f"{predicate.variable} {predicate.operator} {operand:g}" if isinstance(operand, float) else (
        f"{predicate.variable} {predicate.operator} {operand}"
    )  # fmt: skip


def _value(values: pl.Series, kind: str) -> str:
    """The values a predicate saw: one, or the different ones of the blocks with how many have each."""
    counted = values.cast(pl.String if kind in ("text", "enum") else values.dtype).value_counts(
        sort=True, name="number"
    )
    shown = [
        _shown(value, kind) + (f" ({number} blocks)" if len(counted) > 1 else "")
        for value, number in counted.iter_rows()
    ]
    more = f" … {len(shown) - _SHOWN_VALUES} more" if len(shown) > _SHOWN_VALUES else ""
    return ", ".join(shown[:_SHOWN_VALUES]) + more


def _shown(value: Any, kind: str) -> str:
    if kind == "time" and value is not None and 0 < value < 2**32 - 1:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _outcome(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """How many blocks are in which list by which line; ``ignored`` or moved to another partition: in none."""
    named = rows.with_columns(pl.col("decision").cast(pl.String).fill_null("in no list"))
    found = named.group_by("decision", "line", maintain_order=True).agg(num_blocks=pl.len(), size=pl.col("size").sum())
    return found.sort("line", "decision").to_dicts()
