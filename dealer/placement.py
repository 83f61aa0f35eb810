"""The sites of a cycle while it goes on: how full they get, which are closed, and the draw among those with room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dealer.settings import DealerSettings
from dealer.sites import closed


@dataclass
class Board:
    """Arrays over all sites in order of id; bytes of the partition. ``closed``: why a site takes nothing now, or None."""

    settings: DealerSettings
    names: list[str]
    status: list[str]
    quota: np.ndarray
    present: np.ndarray
    projected: np.ndarray
    listed: np.ndarray
    nameable: np.ndarray
    closed: list[str | None]
    copied: np.ndarray

    @classmethod
    def of(cls, sites: pl.DataFrame, settings: DealerSettings) -> Board:
        """The board at the start of a cycle; ``sites``: frame ``sites.SITES``."""
        return cls(
            settings, sites["site"].to_list(), sites["status"].to_list(), sites["quota"].to_numpy(),
            sites["present"].to_numpy().copy(), sites["projected"].to_numpy().copy(), sites["listed"].to_numpy(),
            sites["nameable"].to_numpy(), sites["closed"].to_list(), np.zeros(sites.height, np.int64),
        )  # fmt: skip

    @property
    def open(self) -> np.ndarray:
        """Boolean: which sites take something now."""
        return np.array([reason is None for reason in self.closed], dtype=bool)

    def room_for(self, added: np.ndarray) -> np.ndarray:
        """Boolean: at which sites ``added`` bytes (one number each) keep the projected volume within the quota."""
        return np.asarray((self.quota < 0) | (self.projected + added <= self.quota))

    def weights(self, added: np.ndarray) -> np.ndarray:
        """1 − projected occupancy including ``added`` bytes; no limit counts as empty, no space as full."""
        quota = np.where(self.quota > 0, self.quota, 1)
        occupancy = np.where(self.quota < 0, 0.0, np.where(self.quota == 0, 1.0, (self.projected + added) / quota))
        return np.clip(1.0 - occupancy, 0.0, 1.0)

    def place(self, position: int, copied: int, added: int) -> None:
        """``copied`` bytes go to the site, ``added`` of the partition's bytes; closes the site if it crosses a limit."""
        self.projected[position] += added
        self.present[position] += added - copied
        self.copied[position] += copied
        if self.closed[position] is None and added:
            reason = closed(
                self.status[position], int(self.quota[position]), int(self.present[position]),
                int(self.projected[position]), self.settings,
            )  # fmt: skip
            self.closed[position] = None if reason is None else f"closed in this cycle: {reason}"


def probabilities(weights: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Chances of the sites where ``candidates``, in proportion to ``weights``; equal when all weights are zero."""
    chances = np.where(candidates, weights, 0.0)
    if not chances.sum() > 0:
        chances = candidates.astype(np.float64)
    return np.asarray(chances / chances.sum())
