"""What a cycle knows so far: the line that decided for each row, what is in play, and sums by site."""

from __future__ import annotations

import numpy as np

from detox.answers import Answers
from detox.evaluate import Decided
from detox.image import Image
from detox.removal import Removal
from detox.segments import Array, any_in

UNDECIDED = -1
IGNORE, PROTECT, DELETE, DISMISS = range(4)
CODES = {"Ignore": IGNORE, "Protect": PROTECT, "Delete": DELETE, "Dismiss": DISMISS}
NEVER = -1


class State:
    """Arrays by row (``line``, ``gone_at``, ``reowned_at``), by replica (``in_play``, ``dismissed``, ``decided_at``), by site.

    ``moment`` counts removals: a replica that was decided at moment m saw the rows that go at m or later, or never.
    """

    def __init__(self, image: Image, answers: Answers) -> None:
        self._image = image
        rows, replicas, sites = len(image.present), len(image.replica_dataset), len(image.sites)
        codes = [CODES[stack_line.line.decision] for stack_line in answers.lines]
        self._code = np.array([*codes, UNDECIDED], np.int8)
        self._number = np.array([*(stack_line.line.number for stack_line in answers.lines), UNDECIDED], np.int64)
        self.line = np.full(rows, UNDECIDED, np.int16)
        self.gone_at = np.full(rows, NEVER, np.int32)
        self.reowned_at = np.full(rows, NEVER, np.int32)
        self.deleted = np.zeros(rows, np.bool_)
        self.in_play = np.ones(replicas, np.bool_)
        self.dismissed = np.zeros(replicas, np.bool_)
        self.decided_at = np.full(replicas, NEVER, np.int32)
        self.moment = 0
        self.occupied = np.bincount(image.site_of(np.arange(rows)), image.rows.size, minlength=sites).astype(np.int64)
        self.protected = np.zeros(sites, np.int64)
        self.candidates = np.zeros(sites, np.int64)

    def code(self, rows: Array) -> Array:
        """IGNORE, PROTECT, DELETE or DISMISS by row; UNDECIDED before the first look."""
        return self._code[self.line[rows]]

    def number(self, rows: Array) -> Array:
        """Number of the line that decided, by row; 0: the default, UNDECIDED: none."""
        return self._number[self.line[rows]]

    def record(self, replicas: Array, decided: Decided) -> Array:
        """Keep what was decided now; what is protected or ignored as a whole leaves play. Returns which have rows to delete."""
        rows, counts = decided.rows, decided.counts
        self._protect(rows, -1)
        self.line[rows] = decided.line
        self._protect(rows, 1)
        self.decided_at[replicas] = self.moment
        codes = self.code(rows)
        dismissed, doomed = any_in(codes == DISMISS, counts), any_in(codes == DELETE, counts)
        self._set_dismissed(replicas, dismissed)
        self.in_play[replicas[~dismissed & ~doomed]] = False
        return doomed

    def remove(self, removal: Removal) -> None:
        """Let rows leave or change hands; the replicas have to be evaluated again, or have nothing left."""
        image = self._image
        image.set_owners(removal.reowned, removal.heirs)
        self.reowned_at[removal.reowned] = self.moment
        image.present[removal.leaving] = False
        self.gone_at[removal.leaving] = self.moment
        self.deleted[removal.deleted] = True
        self.occupied -= self._by_site(removal.leaving, image.rows.size[removal.leaving])
        self._set_dismissed(removal.replicas, np.zeros(len(removal.replicas), np.bool_))
        _, counts = image.rows_of(removal.replicas)
        self.in_play[removal.replicas[counts == 0]] = False
        self.moment += 1

    def _protect(self, rows: Array, sign: int) -> None:
        held = rows[self.code(rows) == PROTECT]
        self.protected += sign * self._by_site(held, self._image.rows.size[held])

    def _set_dismissed(self, replicas: Array, dismissed: Array) -> None:
        changed = self.dismissed[replicas] != dismissed
        site = self._image.replica_site[replicas[changed]]
        np.add.at(self.candidates, site, np.where(dismissed[changed], 1, -1))
        self.dismissed[replicas] = dismissed

    def _by_site(self, rows: Array, sizes: Array) -> Array:
        sums = np.zeros(len(self.occupied), np.int64)
        np.add.at(sums, self._image.site_of(rows), sizes)
        return sums
