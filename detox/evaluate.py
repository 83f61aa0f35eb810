"""Reads the stack from the top for many replicas at once: which line decides for each of their blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detox.answers import Answers, StackLine, Test
from detox.columns import Part
from detox.image import Image
from detox.segments import Array, any_in, count_in, ranges

_OPEN = -1


@dataclass
class Decided:
    """``line`` (index into ``Answers.lines``) for each of ``rows``; ``counts``: how many rows each replica has."""

    rows: Array
    counts: Array
    line: Array


def evaluate(image: Image, answers: Answers, replicas: Array) -> Decided:
    """Decide for all blocks that the replicas have in the image; every replica must have one."""
    walk = _Walk(image, answers, replicas)
    for index, stack_line in enumerate(answers.lines):
        if not walk.undecided.any():
            break
        walk.read(index, stack_line)
    return Decided(walk.rows, walk.counts, walk.line)


class _Walk:
    """The state between two lines; replicas and rows are counted from 0 among those that are evaluated."""

    def __init__(self, image: Image, answers: Answers, replicas: Array) -> None:
        self.image, self.answers, self.replicas = image, answers, replicas
        self.rows, self.counts = image.rows_of(replicas)
        self.first = np.cumsum(self.counts) - self.counts
        self.line = np.full(len(self.rows), _OPEN, np.int16)
        self.left = self.counts.copy()
        self.undecided = np.ones(len(replicas), np.bool_)
        self._parts: dict[int, Array] = {}

    def read(self, index: int, stack_line: StackLine) -> None:
        """Let one line decide what it matches."""
        matching = self._outer_matches(stack_line)
        if not len(matching):
            return
        places = ranges(self.first[matching], self.counts[matching])
        opened = self.line[places] == _OPEN
        if stack_line.line.by_block and stack_line.inner:
            self._decide_blocks(index, stack_line.inner, matching, places, opened)
            return
        for test in stack_line.inner:
            seen = any_in(opened & self.answers.of(test)[self.rows[places]], self.counts[matching])
            kept = np.repeat(seen, self.counts[matching])
            places, opened, matching = places[kept], opened[kept], matching[seen]
        self.line[places[opened]] = index
        self.undecided[matching] = False

    def _outer_matches(self, stack_line: StackLine) -> Array:
        """The undecided replicas for which everything holds that has one answer for a replica."""
        matching = np.flatnonzero(self.undecided)
        for test in stack_line.outer:
            if not len(matching):
                break
            matching = matching[self._outer(test, matching)]
        return matching

    def _outer(self, test: Test, places: Array) -> Array:
        replicas = self.replicas[places]
        if test.level == "site":
            return self.answers.of(test)[self.image.replica_site[replicas]]
        seen = self.answers.of(test)[self.image.replica_dataset[replicas] if test.level == "dataset" else replicas]
        if test.of_parts:
            split = self.left[places] < self.counts[places]
            if split.any():
                seen[split] = self._part_answers(test)[places[split]]
        return seen

    def _part_answers(self, test: Test) -> Array:
        """Answers for all replicas that some blocks have left already and that are undecided, found once until more leave."""
        if test.number not in self._parts:
            places = np.flatnonzero(self.undecided & (self.left < self.counts))
            rows = ranges(self.first[places], self.counts[places])
            part = Part(self.rows[rows[self.line[rows] == _OPEN]], self.left[places])
            for number, found in self.answers.of_parts(test.level, self.replicas[places], part).items():
                self._parts[number] = np.zeros(len(self.replicas), np.bool_)
                self._parts[number][places] = found
        return self._parts[test.number]

    def _decide_blocks(
        self, index: int, tests: tuple[Test, ...], matching: Array, places: Array, opened: Array
    ) -> None:
        hit = opened
        for test in tests:
            hit = hit & self.answers.of(test)[self.rows[places]]
        taken = count_in(hit, self.counts[matching])
        self.line[places[hit]] = index
        self.left[matching] -= taken
        self.undecided[matching[self.left[matching] == 0]] = False
        if taken.any():
            self._parts = {}
