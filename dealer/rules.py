"""Placement rules: where a dataset must not be placed, as conditions that operators write in the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from dealer.conditions import matching_pairs
from dealer.settings import SettingsError
from inventory.policy.compiler import variables_of
from inventory.policy.errors import PolicyError
from inventory.policy.model import Condition
from inventory.policy.parser import parse_condition
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot


def placement_conditions(rules: Sequence[str]) -> list[Condition]:
    """The rules read; raises :class:`SettingsError` that names the rule and what is wrong with it."""
    conditions = []
    for number, rule in enumerate(rules, start=1):
        try:
            condition = parse_condition(rule, "block", f"placement_rules, {number}")
        except PolicyError as error:
            raise SettingsError(str(error)) from error
        for name in sorted(variables_of([condition])):
            if VARIABLES[name].level not in ("dataset", "site"):
                raise SettingsError(
                    f"placement_rules, {number}: {name} is of a replica; there is none yet to be placed"
                )
        conditions.append(condition)
    return conditions


def allowed_sites(
    snapshot: Snapshot, datasets: Mapping[str, int], sites: pl.DataFrame, rules: Sequence[str], now: int
) -> dict[str, np.ndarray]:
    """By dataset (name → id): at which sites (Boolean, in the order of ``sites``) no rule forbids it."""
    allowed = {name: np.ones(sites.height, dtype=bool) for name in datasets}
    conditions = placement_conditions(rules)
    if not conditions or not datasets:
        return allowed
    ids = pl.DataFrame({"dataset_id": list(datasets.values())}, schema={"dataset_id": pl.UInt32})
    forbidden = matching_pairs(snapshot, ids.lazy(), conditions, now).collect()
    places = {site: place for place, site in enumerate(sites["site_id"].to_list())}
    names = {number: name for name, number in datasets.items()}
    for dataset_id, site_id in forbidden.iter_rows():
        allowed[names[dataset_id]][places[site_id]] = False
    return allowed
