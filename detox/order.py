"""The order in which replicas go: the keys of `Order`, then the larger first, then by names."""

from __future__ import annotations

import numpy as np
import polars as pl

from detox.columns import ImageColumns
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
        self._fill(range(len(policy.order)), np.arange(len(image.dataset_number)))

    def refresh(self, datasets: Array) -> None:
        """Find the keys again that change as the image shrinks."""
        self._fill([place for place, key in enumerate(self._keys) if VARIABLES[key.variable].volatile], datasets)

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

    def _fill(self, places: range | list[int], datasets: Array) -> None:
        replicas = self._image.replicas_of(datasets)
        for place in places:
            key, variable = self._keys[place], VARIABLES[self._keys[place].variable]
            frame = (
                self._columns.of_datasets(datasets)
                if variable.level == "dataset"
                else self._columns.of_replicas(replicas)
            )
            values = with_variables(frame.lazy(), [key.variable]).select(key.variable).collect().to_series()
            found = values.cast(pl.Float64).to_numpy() * (-1 if key.descending else 1)
            if variable.level == "dataset":
                found = np.repeat(found, np.diff(self._image.first_replica)[datasets])
            self._values[place][replicas] = found


def _ranks(names: pl.Series) -> Array:
    ranks = np.empty(len(names), np.int64)
    ranks[names.arg_sort().to_numpy()] = np.arange(len(names))
    return ranks
