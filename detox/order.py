"""The order in which replicas go: the keys of `Order`, then the larger first, then by names."""

from __future__ import annotations

import numpy as np
import polars as pl

from detox.columns import ImageColumns, columns_of
from detox.image import Image
from detox.segments import Array
from inventory.policy.compiler import with_variables
from inventory.policy.model import Policy
from inventory.policy.variables import VARIABLES


class Order:
    """Keys by replica, each the smaller the earlier, kept true by :meth:`refresh`."""

    def __init__(self, image: Image, columns: ImageColumns, policy: Policy) -> None:
        self._image, self._columns, self._keys = image, columns, policy.order
        self._values = [np.zeros(len(image.replica_dataset)) for _ in policy.order]
        self._dataset_rank = _ranks(image.given["name"])
        self._site_rank = _ranks(pl.Series(image.sites.names, dtype=pl.String))
        for place in range(len(policy.order)):
            self._fill(place, np.arange(len(image.replica_dataset)))

    def refresh(self, datasets: Array, changed: Array) -> None:
        """Find the keys again that change as the image shrinks; ``changed``: replicas that lost blocks."""
        for place, key in enumerate(self._keys):
            if not VARIABLES[key.variable].volatile:
                continue
            counted = any(name.startswith("count_") for name in columns_of([key.variable]))
            self._fill(place, self._image.replicas_of(datasets) if counted else changed)

    def sort(self, replicas: Array) -> Array:
        """Candidates: by the keys; equal: the larger first, then by dataset and site."""
        size = self._image.replica["size"][replicas]
        dataset = self._dataset_rank[self._image.replica_dataset[replicas]]
        return replicas[np.lexsort((self._site(replicas), dataset, -size, *self._keys_of(replicas)))]

    def sort_deletions(self, replicas: Array) -> Array:
        """Those that are deleted at once: by the keys; equal: by site."""
        return replicas[np.lexsort((self._site(replicas), *self._keys_of(replicas)))]

    def _site(self, replicas: Array) -> Array:
        return self._site_rank[self._image.replica_site[replicas]]

    def _keys_of(self, replicas: Array) -> list[Array]:
        return [values[replicas] for values in reversed(self._values)]

    def _fill(self, place: int, replicas: Array) -> None:
        key = self._keys[place]
        level = VARIABLES[key.variable].level
        index = self._image.replica_dataset[replicas] if level == "dataset" else replicas
        frame = pl.LazyFrame(self._columns.of(level, columns_of([key.variable]), index))
        values = with_variables(frame, [key.variable]).select(key.variable).collect().to_series()
        self._values[place][replicas] = values.cast(pl.Float64).to_numpy() * (-1 if key.descending else 1)


def _ranks(names: pl.Series) -> Array:
    ranks = np.empty(len(names), np.int64)
    ranks[names.arg_sort().to_numpy()] = np.arange(len(names))
    return ranks
