"""Finds the least changes that turn a decision, and verifies each by deciding the whole cycle again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from detox.counterfactual.asked import Asked
from detox.counterfactual.costs import Change
from detox.counterfactual.inputs import Inputs, Subject, actions_at, at_moment
from detox.counterfactual.proposals import proposals
from detox.decisions import Decisions

_GOING = {"Delete", "Dismiss"}
_PAIRED = 12


@dataclass(frozen=True)
class Limits:
    """``wanted``: so many answers are enough; ``tries``: cycles decided again at most; ``seconds``: no try begins later."""

    wanted: int = 3
    tries: int = 40
    seconds: float = 30.0


FOR_THE_WEB = Limits(seconds=15.0)
"""Where somebody waits for a page or an answer."""


@dataclass(frozen=True)
class Answer:
    """Changes that, made together, turn the decision: verified."""

    changes: tuple[Change, ...]

    @property
    def cost(self) -> float:
        return sum(change.cost for change in self.changes)

    @property
    def about(self) -> tuple[str, ...]:
        """The things that are changed."""
        return tuple(change.about for change in self.changes)

    def applied(self, inputs: Inputs) -> Inputs:
        """The inputs with all changes."""
        for change in self.changes:
            inputs = change.apply(inputs)
        return inputs


@dataclass(frozen=True)
class Turning:
    """``fate``: what became of the subject (see ``Subject.fate``); ``answers``, the least first; ``complete``: all proposals were tried.

    ``tried``: how many cycles were decided again.
    """

    fate: str
    answers: tuple[Answer, ...]
    tried: int
    complete: bool

    def told(self) -> dict[str, Any]:
        """As JSON, with sentences."""
        would = "It would have been deleted if" if self.fate == "stays" else "It would have stayed if"
        answers = [
            {
                "text": f"{would} {' and '.join(change.text for change in answer.changes)}.",
                "cost": round(answer.cost, 4), "changes": [change.told() for change in answer.changes],
            }
            for answer in self.answers
        ]  # fmt: skip
        return {"fate": self.fate, "answers": answers, "tried": self.tried, "complete": self.complete}


@dataclass
class _Trials:
    inputs: Inputs
    subject: Subject
    target: str
    limits: Limits
    began: float = field(default_factory=time.monotonic)
    number: int = 0

    @property
    def over(self) -> bool:
        return self.number >= self.limits.tries or time.monotonic() - self.began > self.limits.seconds

    def turns(self, answer: Answer) -> bool:
        """Whether the cycle, decided again, does with the subject what is wanted."""
        self.number += 1
        return self.subject.fate(answer.applied(self.inputs).decide()) == self.target


def turning(
    inputs: Inputs, subject: Subject, limits: Limits | None = None, decisions: Decisions | None = None
) -> Turning:
    """The least changes of the inputs after which what went stays, or what stayed goes: single ones, pairs where there are none.

    ``decisions``: what the inputs decide, where that is known. What went in part is asked to stay as a whole.
    """
    decided = inputs.decide() if decisions is None else decisions
    fate = subject.fate(decided)
    asked = Asked(inputs, decided, subject)
    trials = _Trials(inputs, subject, "goes" if fate == "stays" else "stays", limits or Limits())
    if asked.rows.is_empty():
        return Turning(fate, (), 0, True)
    singles = [Answer((change,)) for change in proposals(asked)]
    local = _Local(asked, trials.target)
    found = _found(singles, local, trials)
    if not found and not trials.over:
        found = _found(_pairs(singles, local), local, trials)
    return Turning(fate, tuple(found), trials.number, len(found) >= trials.limits.wanted or not trials.over)


def _found(answers: list[Answer], local: _Local, trials: _Trials) -> list[Answer]:
    """The least that turn it. Those of which the stack says so already are tried first, of others only what would be less."""
    promising = [answer for answer in answers if local.promising(answer)]
    likely = [answer for answer in promising if local.likely(answer)]
    found = _verified(likely, trials, [])
    enough = len(found) >= trials.limits.wanted
    rest = [answer for answer in promising if answer not in likely and (not enough or answer.cost < found[-1].cost)]
    found = sorted(_verified(rest, trials, found), key=lambda answer: answer.cost)
    return found[: trials.limits.wanted]


def _verified(answers: Iterable[Answer], trials: _Trials, before: list[Answer]) -> list[Answer]:
    """``before`` and those that turn the decision; of the values of one thing the nearest is enough."""
    found = list(before)
    seen = {answer.about for answer in before}
    for answer in answers:
        if len(found) - len(before) >= trials.limits.wanted or trials.over:
            break
        if answer.about not in seen and trials.turns(answer):
            found.append(answer)
            seen.add(answer.about)
    return found


def _pairs(singles: list[Answer], local: _Local) -> list[Answer]:
    """Pairs of changes of different things that each do something, the cheapest first."""
    useful = [answer.changes[0] for answer in singles if local.matters(answer)][: _PAIRED * 2]
    pairs = [Answer(pair) for pair in itertools.combinations(useful, 2) if pair[0].about != pair[1].about]
    return sorted(pairs, key=lambda answer: answer.cost)


class _Local:
    """What the stack says of the subject at the moment it was decided on: quick, and enough to leave most proposals aside."""

    def __init__(self, asked: Asked, target: str) -> None:
        self._asked, self._target = asked, target
        rows = asked.rows
        moment = rows["gone_at"].min() if target == "stays" else rows["decided_at"].max()
        self._inputs = at_moment(asked.inputs, asked.decisions, asked.subject, int(moment or 0))  # type: ignore[arg-type]
        self._sites = tuple(asked.decisions.sites["site"])
        self._before = actions_at(self._inputs, asked.subject, self._sites)
        self._known: dict[tuple[Change, ...], dict[int, str]] = {}

    def promising(self, answer: Answer) -> bool:
        """Whether it can turn the decision: what shall go must be a candidate at least."""
        if not self.matters(answer):
            return False
        actions = self._actions(answer)
        return self._target == "stays" or (bool(actions) and set(actions.values()) <= _GOING)

    def likely(self, answer: Answer) -> bool:
        """Whether the stack says otherwise than before, and as it is wanted."""
        actions = self._actions(answer)
        if actions == self._before:
            return False
        return self._target == "goes" or _GOING.isdisjoint(actions.values())

    def matters(self, answer: Answer) -> bool:
        """Whether it changes what the stack says, or can act beyond it."""
        return any(change.everywhere for change in answer.changes) or self._actions(answer) != self._before

    def _actions(self, answer: Answer) -> dict[int, str]:
        key = answer.changes
        if key not in self._known:
            self._known[key] = actions_at(answer.applied(self._inputs), self._asked.subject, self._sites)
        return self._known[key]


def subject_of(inputs: Inputs, site: str, dataset: str, block: str = "") -> Subject | None:
    """The dataset (or its block) at the site by names; None where the inputs have no such thing."""
    sites, datasets, blocks = (inputs.snapshot.frame(name) for name in ("sites", "datasets", "blocks"))
    at, of = sites.filter(pl.col("name") == site), datasets.filter(pl.col("name") == dataset)
    if at.is_empty() or of.is_empty():
        return None
    dataset_id = int(of["dataset_id"][0])
    if not block:
        return Subject(site, int(at["site_id"][0]), dataset, dataset_id)
    named = blocks.filter(pl.col("name") == block, pl.col("dataset_id") == dataset_id)
    return (
        None
        if named.is_empty()
        else Subject(site, int(at["site_id"][0]), dataset, dataset_id, int(named["block_id"][0]))
    )
