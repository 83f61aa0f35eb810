"""Comparisons that people ask for on the page: one at a time, computed by a worker, kept for a while so that others can look.

What is asked together (quotas of several partitions) is computed one after the other: whoever has computed one has ``following``
computed next.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from detox.asking import Question, ask, changes_of
from detox.models import Comparison, ComparisonState
from detox.monitor import detox_settings
from inventory.errors import InventoryError
from registry import rights
from registry.callers import Caller

LIMIT = 300.0
"""Seconds that a comparison may take."""
SHOWN = 200
"""Datasets and replicas that are kept of an answer."""
_OPEN = (ComparisonState.WAITING, ComparisonState.COMPUTING)


class ComparisonBusy(InventoryError):
    """Another comparison is being made; the text says whose."""


def start(question: Question, by: Caller) -> Comparison:
    """Note the question; whoever calls has a worker :func:`compute` it. Raises ComparisonBusy, CannotCompare for mistakes of form."""
    return start_all([question], by)[0]


def start_all(questions: Sequence[Question], by: Caller) -> list[Comparison]:
    """Note several, all or none; whoever calls has a worker compute the first one. Raises the same, and Denied."""
    rights.require(by, "operator", "detox")
    for question in questions:
        changes_of(question)
    give_up_late()
    other = Comparison.objects.filter(state__in=_OPEN).first()
    if other is not None:
        raise ComparisonBusy(
            f"comparison {other.pk} of {other.author} is being made; one at a time, try again in a minute"
        )
    oldest = timezone.now() - timedelta(days=detox_settings().keep_inputs)
    Comparison.objects.filter(created__lt=oldest).delete()
    with transaction.atomic():
        return [
            Comparison.objects.create(author=by.name, created=timezone.now(), question=dataclasses.asdict(question))
            for question in questions
        ]


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


def following() -> Comparison | None:
    """The oldest that waits, when none is being computed."""
    first = Comparison.objects.filter(state__in=_OPEN).order_by("id").first()
    return first if first is not None and first.state == ComparisonState.WAITING else None


def fail(comparison: Comparison, why: str) -> None:
    """Give up one that nobody is going to compute, and those that wait behind it."""
    Comparison.objects.filter(pk__gte=comparison.pk, state__in=_OPEN).update(
        state=ComparisonState.FAILED, error=why, ended=timezone.now()
    )


def give_up_late() -> None:
    """Comparisons whose worker took too long, died, or never came; with the one that holds them up go those behind it."""
    late, now = Comparison.objects.filter(state__in=_OPEN), timezone.now()
    first = late.order_by("id").first()
    if first is None:
        return
    # One that waited for others could not begin before the last of them ended.
    ended = Comparison.objects.filter(pk__lt=first.pk).aggregate(Max("ended"))["ended__max"] or first.created
    if now - max(first.created, ended) <= timedelta(seconds=LIMIT):
        return
    stuck = first.state == ComparisonState.COMPUTING
    late.filter(state=ComparisonState.WAITING).update(
        state=ComparisonState.FAILED, ended=now,
        error=f"comparison {first.pk}, which came first, was not done within {LIMIT:.0f} s; ask for this one alone" if stuck
        else f"no worker began it within {LIMIT:.0f} s; is one running, and is Detox not stopped?",
    )  # fmt: skip
    late.filter(state=ComparisonState.COMPUTING).update(
        state=ComparisonState.FAILED, ended=now,
        error=f"it was not done within {LIMIT:.0f} s; `detox compare` in a terminal has no limit",
    )  # fmt: skip
