"""Where deleting stops: `Until` for sites as they get emptier, asked after every deletion of a pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from detox.image import Sites
from detox.membership import site_matches
from detox.segments import Array
from inventory.policy.compiler import in_force
from inventory.policy.model import Condition, Predicate
from inventory.policy.variables import VARIABLES


class Until:
    """Conditions over sites. What does not depend on the use of a site is found once; most passes ask for the rest only."""

    def __init__(self, sites: Sites, conditions: tuple[Condition, ...], now: int) -> None:
        self._sites, self._now = sites, now
        every = sites.frame(np.arange(len(sites)), np.zeros(len(sites), np.int64))
        self._conditions: list[tuple[Array, Condition | None]] = []
        for condition in conditions:
            if in_force(condition, now):
                fixed = tuple(part for part in condition.predicates if not _by_use(part))
                moving = tuple(part for part in condition.predicates if _by_use(part))
                applies = np.ones(len(sites), np.bool_)
                if fixed:
                    applies = site_matches(every, (replace(condition, predicates=fixed),), now)
                self._conditions.append((applies, replace(condition, predicates=moving) if moving else None))

    @property
    def falling(self) -> bool:
        """Whether a condition that holds at some use of a site holds at any smaller one, too."""
        parts = (part for _, moving in self._conditions if moving is not None for part in moving.predicates)
        return all(part.variable == "site.occupancy" and part.operator == "<" for part in parts)

    def holds(self, sites: Array, occupied: Array) -> Array:
        """Whether a condition holds for each of ``sites`` (indices) with so many bytes."""
        held = np.zeros(len(sites), np.bool_)
        asked = []
        for applies, moving in self._conditions:
            if moving is None:
                held |= applies[sites]
            elif applies[sites].all():
                asked.append(moving)
            elif applies[sites].any():
                held |= applies[sites] & self._ask((moving,), sites, occupied)
        return held | self._ask(tuple(asked), sites, occupied) if asked else held

    def _ask(self, conditions: tuple[Condition, ...], sites: Array, occupied: Array) -> Array:
        frame = pl.DataFrame({"occupied": occupied, "quota": self._sites.quota[sites]})
        columns = {
            name for one in conditions for part in one.predicates
            for name in VARIABLES[part.variable].compute.meta.root_names()
        }  # fmt: skip
        frame = frame if columns <= set(frame.columns) else self._sites.frame(sites, occupied)
        return site_matches(frame, conditions, self._now)


def _by_use(predicate: Predicate) -> bool:
    return "occupied" in VARIABLES[predicate.variable].compute.meta.root_names()
