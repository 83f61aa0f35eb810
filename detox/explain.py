"""Why a cycle decided as it did on one replica: every line of the stack with the values it saw, and whether it matched.

Decisions are not told from memory: the image is made again from what the cycle's decisions were made of, set to the moment in
question, and read by a plain walk down the stack, one block at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from detox import history, monitor
from detox.columns import ImageColumns, Part, columns_of
from detox.given import CannotExplain, Given, given_of, given_of_site, image_of, set_moment
from detox.image import Image
from detox.models import Cycle, CycleSite
from detox.segments import Array
from detox.standing import standing
from inventory.partitions import definitions
from inventory.policy.compiler import in_force, predicate_expression, with_variables
from inventory.policy.model import Line, Predicate
from inventory.policy.variables import VARIABLES

_SHOWN_VALUES = 5


def of_cycle(cycle: Cycle, site: str, dataset: str) -> dict[str, Any]:
    """The story of a dataset (or of one block, ``dataset#block``) at a site in a cycle, with what the cycle says of the site.

    ``values_kept``: whether the values can still be had; without them ``looks`` is empty. ``order``: see ``standing``.
    Raises :class:`CannotExplain`.
    """
    row = CycleSite.objects.filter(cycle=cycle, site=site).first()
    if row is None:
        raise CannotExplain(f"{site[:100]!r} is not a site of {cycle}")
    dataset, _, block = dataset.partition("#")
    head = {
        "cycle": cycle.pk, "partition": cycle.partition, "site_reason": row.reason, "site_facts": _facts(cycle, row),
        "values_kept": True,
    }  # fmt: skip
    if not history.has_inputs(cycle.pk):
        return head | {"values_kept": False, **_recorded(cycle, site, dataset, block)}
    story = explain(given_of(cycle, dataset), site, dataset, block)
    texts = monitor.lines(cycle)
    candidate = any(texts.get(entry["line"], "").startswith("Dismiss") for entry in story["outcome"])
    return head | {"order": _standing(cycle, site, dataset) if candidate else None, **story}


def _standing(cycle: Cycle, site: str, dataset: str) -> dict[str, Any] | None:
    given = given_of_site(cycle, site)
    return standing(given, definitions(given.snapshot), site, dataset)


def _facts(cycle: Cycle, row: CycleSite) -> dict[str, Any]:
    trigger, stop = monitor.watermarks(cycle.policy)
    return {
        "quota": row.quota, "occupied_before": row.occupied_before, "occupied_after": row.occupied_after,
        "triggered": row.triggered, "trigger": trigger, "stop": stop,
    }  # fmt: skip


def _recorded(cycle: Cycle, site: str, dataset: str, block: str) -> dict[str, Any]:
    """What is left to tell when the values that lines saw are not kept any more."""
    image = history.scan(cycle.pk, "image").filter(pl.col("dataset") == dataset, pl.col("site") == site).collect()
    if block:
        raise CannotExplain(f"{cycle}: what its decisions were made of is not kept any more; ask for the whole dataset")
    outcome = _outcome(_here(image, site, dataset))
    return {"site": site, "dataset": dataset, "block": "", "outcome": outcome, "looks": [], "order": None}


def explain(given: Given, site: str, dataset: str, block: str = "") -> dict[str, Any]:
    """The story: ``outcome`` ([{decision, line, num_blocks, size}]) and ``looks``, one for each time that blocks were decided on for good.

    A look: ``others``, the replicas that there were elsewhere; ``lines``, each with ``number``, ``text``, ``in_force``,
    ``tests`` ([{text, variable, operator, value, holds, num_holds}]), ``left`` (blocks before it), ``taken``; ``decided``: the
    outcome's part; ``agrees``: whether the walk decided as the cycle did, which it always should. With ``block`` (a name), outcome and
    looks are about this block, and tests of block variables tell its own value. Raises :class:`CannotExplain`.
    """
    mine = _here(given.image.with_row_index("row"), site, dataset)
    if block:
        mine = mine.filter(pl.col("block_id").is_in(_block_ids(given, block).implode()))
        if mine.is_empty():
            raise CannotExplain(f"{dataset[:200]!r} at {site} had no block {block[:100]!r} when the cycle looked")
    image = image_of(given)
    columns = given.columns(image)
    replica = int(image.rows.replica[mine["row"][0]])
    focus = int(mine["row"][0]) if block else None
    looks = [_look(image, columns, given, replica, moment, decided, focus) for moment, decided in _moments(mine)]
    return {"site": site, "dataset": dataset, "block": block, "outcome": _outcome(mine), "looks": looks}


def _here(image: pl.DataFrame, site: str, dataset: str) -> pl.DataFrame:
    mine = image.filter(pl.col("site") == site, pl.col("dataset") == dataset)
    if mine.is_empty():
        raise CannotExplain(f"{dataset[:200]!r} had nothing of the partition at {site} when the cycle looked")
    return mine


def _block_ids(given: Given, block: str) -> pl.Series:
    return given.snapshot.table("blocks").filter(pl.col("name") == block).select("block_id").collect()["block_id"]


def _moments(mine: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Moments at which blocks of the replica went, and the last look at the rest; with the blocks that each is about."""
    gone = mine.filter(pl.col("decision") == "deleted")
    for moment in gone["gone_at"].unique().sort():
        yield moment, gone.filter(pl.col("gone_at") == moment)
    rest = mine.filter(pl.col("decision").is_null() | (pl.col("decision") != "deleted"))
    if len(rest):
        yield rest["decided_at"][0], rest


def _look(
    image: Image, columns: ImageColumns, given: Given, replica: int, moment: int, decided: pl.DataFrame,
    focus: int | None,
) -> dict[str, Any]:  # fmt: skip
    set_moment(image, given, moment)
    rows, _ = image.rows_of(np.array([replica]))
    walk = _Walk(image, columns, given, replica, rows, focus)
    lines = [walk.read(line) for line in given.policy.lines]
    wanted = dict(decided.filter(pl.col("row").is_in(rows)).select("row", "line").iter_rows())
    return {
        "moment": moment, "others": _others(image, replica), "lines": lines, "decided": _outcome(decided),
        "agrees": all(walk.decided.get(row) == line for row, line in wanted.items()),
    }  # fmt: skip


def read_stack(image: Image, columns: ImageColumns, given: Given, replica: int) -> list[dict[str, Any]]:
    """The lines as they see a replica of the image as it stands, in the form of a look's ``lines``."""
    rows, _ = image.rows_of(np.array([replica]))
    walk = _Walk(image, columns, given, replica, rows, None)
    return [walk.read(line) for line in given.policy.lines]


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
    """Reads the stack for one replica; ``decided``: line number by row. Told are the values of the row ``focus``, or of all."""

    def __init__(
        self, image: Image, columns: ImageColumns, given: Given, replica: int, rows: Array, focus: int | None
    ) -> None:
        self._columns, self._now, self._replica, self._left, self._focus = columns, given.now, replica, rows, focus
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
        values, told = found[variable.name], holds
        own = np.flatnonzero(self._left == (-1 if self._focus is None else self._focus))
        if len(own) and len(values) == len(holds):
            values, told = values[own], holds[own]
        return {
            "text": _text(predicate), "variable": variable.name, "operator": predicate.operator,
            "value": _value(values, variable.type), "holds": bool(told.any()), "num_holds": int(holds.sum()),
        }, holds  # fmt: skip


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
