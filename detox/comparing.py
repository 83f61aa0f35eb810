"""Comparisons that people ask for on the page: one at a time, computed by a worker, kept for a while so that others can look."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from django.utils import timezone

from detox.asking import Question, ask, changes_of
from detox.models import Comparison, ComparisonState
from detox.monitor import detox_settings
from inventory.errors import InventoryError

LIMIT = 300.0
"""Seconds that a comparison may take."""
SHOWN = 200
"""Datasets and replicas that are kept of an answer."""
_OPEN = (ComparisonState.WAITING, ComparisonState.COMPUTING)


class ComparisonBusy(InventoryError):
    """Another comparison is being made; the text says whose."""


def start(question: Question, author: str) -> Comparison:
    """Note the question; whoever calls has a worker :func:`compute` it. Raises ComparisonBusy, CannotCompare for mistakes of form."""
    changes_of(question)
    give_up_late()
    other = Comparison.objects.filter(state__in=_OPEN).first()
    if other is not None:
        raise ComparisonBusy(
            f"comparison {other.pk} of {other.author} is being made; one at a time, try again in a minute"
        )
    oldest = timezone.now() - timedelta(days=detox_settings().keep_inputs)
    Comparison.objects.filter(created__lt=oldest).delete()
    return Comparison.objects.create(author=author, created=timezone.now(), question=dataclasses.asdict(question))


def compute(number: int) -> None:
    """Answer the question of that number; one that is answered already, or was given up, is left alone."""
    mine = Comparison.objects.filter(pk=number)
    if not mine.filter(state=ComparisonState.WAITING).update(state=ComparisonState.COMPUTING):
        return
    question = Question.from_dict(mine.get().question)
    try:
        answer = ask(question).as_dict(SHOWN)
    except InventoryError as error:
        mine.update(state=ComparisonState.FAILED, error=str(error), ended=timezone.now())
        return
    mine.update(state=ComparisonState.DONE, answer=answer, ended=timezone.now())


def fail(comparison: Comparison, why: str) -> None:
    """Give up one that nobody is going to compute."""
    Comparison.objects.filter(pk=comparison.pk, state__in=_OPEN).update(
        state=ComparisonState.FAILED, error=why, ended=timezone.now()
    )


def give_up_late() -> None:
    """Comparisons whose worker took too long, died, or never came."""
    late = Comparison.objects.filter(state__in=_OPEN, created__lt=timezone.now() - timedelta(seconds=LIMIT))
    late.filter(state=ComparisonState.WAITING).update(
        state=ComparisonState.FAILED, ended=timezone.now(),
        error=f"no worker began it within {LIMIT:.0f} s; is one running, and is Detox not stopped?",
    )  # fmt: skip
    late.filter(state=ComparisonState.COMPUTING).update(
        state=ComparisonState.FAILED, ended=timezone.now(),
        error=f"it was not done within {LIMIT:.0f} s; `detox compare` in a terminal has no limit",
    )  # fmt: skip
