"""The passes of a cycle over its image: settle what is decided, then delete candidates, site by site or all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detox.answers import Answers
from detox.evaluate import evaluate
from detox.image import Image
from detox.order import Order
from detox.removal import Owners, Removal
from detox.segments import Array, count_before, reduce_filled
from detox.state import DELETE, DISMISS, State
from detox.until import Until

_CHUNK = 256


@dataclass
class Passes:
    """``share``: part of a quota that may go in one pass; ``triggered``: by site, changed while the passes go on."""

    image: Image
    answers: Answers
    order: Order
    owners: Owners
    state: State
    until: Until
    share: float
    triggered: Array
    number: int = 0

    def __post_init__(self) -> None:
        by_name = sorted(range(len(self.image.sites)), key=lambda site: self.image.sites.names[site])
        self._by_name = np.array(by_name, np.int64)
        by_site = np.argsort(self.image.replica_site, kind="stable")
        ends = np.cumsum(np.bincount(self.image.replica_site, minlength=len(self.image.sites)))
        self._at_site = np.split(by_site, ends[:-1]) if len(ends) else []
        self.stopped = np.zeros(len(self.image.sites), np.bool_)

    def run(self, static: bool) -> None:
        """All passes, until there is no candidate or nothing more goes."""
        self.settle(np.arange(len(self.image.dataset_number)))
        while (self.triggered & (self.state.candidates > 0)).any():
            before = self.state.moment
            self.number += 1
            if static:
                self._everywhere()
            else:
                self._at_one_site()
            if self.state.moment == before:
                return

    def settle(self, datasets: Array) -> None:
        """Evaluate what is in play of the datasets; delete what is deleted at once, one replica of each, until there is none."""
        while len(datasets):
            doomed = self._evaluate(datasets)
            if not len(doomed):
                return
            ordered = self.order.sort_deletions(doomed)
            _, first = np.unique(self.image.replica_dataset[ordered], return_index=True)
            datasets = self._remove(self._removal(ordered[np.sort(first)], DELETE))

    def _evaluate(self, datasets: Array) -> Array:
        """Decide again for the replicas in play; returns those with blocks to delete at once."""
        return self._evaluate_in_play(self.image.replicas_of(datasets))

    def _evaluate_in_play(self, replicas: Array) -> Array:
        replicas = replicas[self.state.in_play[replicas]]
        if not len(replicas):
            return replicas
        return replicas[self.state.record(replicas, evaluate(self.image, self.answers, replicas))]

    def _removal(self, replicas: Array, code: int) -> Removal:
        """All that candidates lose, or, of what is deleted at once, what the topmost line takes: the rest is looked at again."""
        rows, counts = self.image.rows_of(replicas)
        going, lines = self.state.code(rows) == code, self.state.line[rows]
        if code == DELETE:
            topmost = reduce_filled(np.minimum, np.where(going, lines, np.iinfo(lines.dtype).max), counts, 0)
            going &= lines == np.repeat(topmost, counts)
        return self.owners.removal(replicas, rows, counts, going, self.state.number(rows))

    def _remove(self, removal: Removal) -> Array:
        """Let go, and make counts, answers and keys true again; returns the datasets that were touched."""
        self.state.remove(removal)
        datasets: Array = np.unique(self.image.replica_dataset[removal.replicas])
        self.image.refresh(datasets)
        self.answers.reowned(removal.reowned)
        self.answers.refresh(datasets, removal.replicas)
        self.order.refresh(datasets, removal.replicas)
        return datasets

    def _at_one_site(self) -> None:
        site = self._fullest_of_protected()
        candidates = self.order.sort(self._candidates(site))
        gone, place = 0, 0
        touched = []
        while place < len(candidates) and self.triggered[site]:
            size = self._probably(site, candidates[place:])
            removal = self._removal(candidates[place : place + size], DISMISS)
            taken, ends = self._limits(site, removal, gone)
            removal = removal.first(taken)
            touched.append(self._remove(removal))
            gone += int(removal.bytes_deleted.sum())
            place += size
            if ends or taken < size:
                break
        self.settle(np.sort(np.concatenate(touched)))

    def _probably(self, site: int, candidates: Array) -> int:
        """How many candidates are looked at together: about as many as fill what may go in a pass."""
        quota = self.image.sites.quota[site]
        if quota <= 0:
            return _CHUNK
        sizes = np.cumsum(self.image.replica["size"][candidates[:_CHUNK]])
        return min(int(np.searchsorted(sizes, quota * self.share, side="right")) + 1, len(sizes))

    def _candidates(self, site: int) -> Array:
        replicas = self._at_site[site]
        return replicas[self.state.dismissed[replicas]]

    def _fullest_of_protected(self) -> int:
        """The triggered site with candidates that has the highest fraction of protected bytes over its quota."""
        sites = self._by_name[(self.triggered & (self.state.candidates > 0))[self._by_name]]
        quota = self.image.sites.quota[sites]
        limited = quota > 0
        fraction = np.where(limited, self.state.protected[sites] / np.where(limited, quota, 1), 1.0)
        return int(sites[np.argmax(fraction)])

    def _limits(self, site: int, removal: Removal, gone: int) -> tuple[int, bool]:
        """How many of the replicas may go in this pass, and whether the pass ends with the last of them."""
        quota = self.image.sites.quota[site]
        number = len(removal.replicas)
        over = np.zeros(number, np.bool_)
        if quota > 0:
            over = (gone + np.cumsum(removal.bytes_deleted)) / quota > self.share
            number = min(number, int(np.argmax(over)) + 1) if over.any() else number
        reached = self.until.holds(
            np.full(number, site), self.state.occupied[site] - np.cumsum(removal.bytes_leaving[:number])
        )
        if reached.any():
            self._stop(site)
            return int(np.argmax(reached)) + 1, True
        return number, bool(over[number - 1])

    def _stop(self, site: int) -> None:
        self.triggered[site] = False
        self.stopped[site] = True

    def _everywhere(self) -> None:
        """All candidates in order; one whose dataset was touched before it in this pass is evaluated again before it goes.

        What comes of a candidate depends on those before it of its dataset, and on whether those before it at its site have
        brought the site to `Until`; all that wait for nobody in this way are taken together.
        """
        candidates = self.order.sort(np.flatnonzero(self.state.dismissed & self.triggered[self.image.replica_site]))
        touched = [candidates[:0]]
        while len(candidates):
            ready = self._waiting_for_nobody(candidates)
            touched.append(self._take(candidates[ready]))
            candidates = candidates[~ready]
            candidates = candidates[self.triggered[self.image.replica_site[candidates]]]
            # What is left of those that went in part is looked at when the pass is over.
            again = np.isin(self.image.replica_dataset[candidates], touched[-1])
            self._evaluate_in_play(candidates[again])
        self.settle(np.unique(np.concatenate(touched)))

    def _waiting_for_nobody(self, candidates: Array) -> Array:
        """Which of the candidates, given in order, are the first of their dataset, and cannot be stopped by one that is not taken with them."""
        number = len(candidates)
        first = np.ones(number, np.bool_)
        if self.answers.volatile:
            first[:] = False
            first[np.unique(self.image.replica_dataset[candidates], return_index=True)[1]] = True
        sites = self.image.replica_site[candidates]
        by_site = np.argsort(sites, kind="stable")
        counts = np.bincount(sites, minlength=len(self.image.sites))
        waits = ~first[by_site]
        free = count_before(waits, counts) == 0
        if self.until.falling:
            # Even if all before it go, and it goes too, the site is not yet where deleting stops.
            most = np.cumsum(self.image.replica["size"][candidates][by_site])
            starts = np.repeat(np.cumsum(counts) - counts, counts)
            before = np.where(starts > 0, most[starts - 1], 0)
            at = sites[by_site]
            free |= ~self.until.holds(at, self.state.occupied[at] - (most - before))
        ready = np.zeros(number, np.bool_)
        ready[by_site] = free & ~waits
        return ready

    def _take(self, candidates: Array) -> Array:
        """Let those go that still may, each site's up to where it matches `Until`; returns the datasets touched."""
        sites = self.image.replica_site[candidates]
        may = self.state.dismissed[candidates] & self.triggered[sites]
        candidates, sites = candidates[may], sites[may]
        if not len(candidates):
            return candidates
        left = np.empty(len(candidates), np.int64)
        leaving = self._removal(candidates, DISMISS).bytes_leaving
        for site in np.unique(sites):
            here = sites == site
            left[here] = self.state.occupied[site] - np.cumsum(leaving[here])
        reached = self.until.holds(sites, left)
        last = np.full(len(self.image.sites), len(candidates))
        np.minimum.at(last, sites[reached], np.flatnonzero(reached))
        for site in np.unique(sites[reached]):
            self._stop(int(site))
        return self._remove(self._removal(candidates[np.arange(len(candidates)) <= last[sites]], DISMISS))
