"""Where a replica stands in the order in which a cycle deleted, or would have deleted, at its site."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from detox.given import Given, image_of, set_moment
from detox.membership import Definitions
from detox.order import Order

_ALWAYS = np.iinfo(np.int32).max


def standing(given: Given, definitions: Definitions, site: str, dataset: str) -> dict[str, Any] | None:
    """Place of the dataset among the candidates of the site: ``given`` is about all datasets there (``given_of_site``).

    ``deleted``: whether it went; ``place``: from 1, among those that went, else among those that were left at the end;
    ``of``: how many those are; ``after``, ``before``: the datasets next to it (after: of the last one that went, where it is the
    first that was left); ``ahead``: bytes that go before it (deleted: went before it). None where no candidate is of that name.
    """
    lines = [line.number for line in given.policy.lines if line.decision == "Dismiss"]
    candidates = (
        given.image.with_row_index("row").filter(
            pl.col("site") == site, pl.col("line").is_in(lines), pl.col("decision").cast(pl.String).is_in(["deleted", "kept"])
        )
        .with_columns(at=pl.when(pl.col("decision") == "deleted").then(pl.col("gone_at")).otherwise(_ALWAYS))
        .group_by("dataset", "at").agg(pl.col("row").first(), pl.col("size").sum())
    )  # fmt: skip
    mine = candidates.filter(pl.col("dataset") == dataset).sort("at")
    if mine.is_empty():
        return None
    at = int(mine["at"][0])
    gone = candidates.filter(pl.col("at") < _ALWAYS).sort("at")
    if at < _ALWAYS:
        same = _sorted(given, definitions, gone.filter(pl.col("at") == at), at)
        queue = pl.concat([gone.filter(pl.col("at") < at), same, gone.filter(pl.col("at") > at)])
        return _told(queue, dataset, True, None)
    left = _sorted(given, definitions, candidates.filter(pl.col("at") == _ALWAYS), at)
    last = gone.filter(pl.col("at") == pl.col("at").max())
    last = _sorted(given, definitions, last, int(last["at"][0])) if len(last) > 1 else last
    return _told(left, dataset, False, last["dataset"][-1] if len(last) else None)


def _sorted(given: Given, definitions: Definitions, candidates: pl.DataFrame, moment: int) -> pl.DataFrame:
    """The candidates in the order in which they go at that moment."""
    if len(candidates) < 2:
        return candidates
    image = image_of(given, definitions)
    set_moment(image, given, moment)
    order = Order(image, given.columns(image), given.policy)
    replicas = image.rows.replica[candidates["row"].to_numpy()]
    place = {replica: place for place, replica in enumerate(order.sort(replicas).tolist())}
    return candidates[np.argsort([place[replica] for replica in replicas.tolist()])]


def _told(queue: pl.DataFrame, dataset: str, deleted: bool, last: str | None) -> dict[str, Any]:
    names = queue["dataset"].to_list()
    place = names.index(dataset)
    return {
        "deleted": deleted, "place": place + 1, "of": len(names), "after": names[place - 1] if place else last,
        "before": names[place + 1] if place + 1 < len(names) else None, "ahead": int(queue["size"][:place].sum()),
    }  # fmt: skip
