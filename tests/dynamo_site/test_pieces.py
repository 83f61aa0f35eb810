"""Small parts of pages: what is kept for a moment, and quotas as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from dynamo_site.pages.keeping import Kept
from dynamo_site.pages.quotas import wanted_of
from registry.quotas import Wish, written


def test_what_many_ask_for_is_made_once(settings: Any) -> None:
    made: list[int] = []
    settings.OVERVIEW_SECONDS = 3600.0
    kept = Kept(lambda: made.append(1) or len(made))
    assert [kept.get(), kept.get()] == [1, 1]
    settings.OVERVIEW_SECONDS = 0.0
    fresh = Kept(lambda: made.append(1) or len(made))
    assert fresh.get() < fresh.get()


def test_an_error_is_not_kept(settings: Any) -> None:
    settings.OVERVIEW_SECONDS = 3600.0
    answers = iter([ValueError("away"), 7])

    def make() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    kept = Kept(make)
    with pytest.raises(ValueError, match="away"):
        kept.get()
    assert kept.get() == 7


@pytest.mark.parametrize(
    ("quota", "text"), [(-1, "none"), (0, "0"), (8 * 10**12, "8"), (1_500_000_000_000, "1.5"), (10**6, "0.000001")]
)
def test_quotas_in_words(quota: int, text: str) -> None:
    assert written(quota) == text


def test_the_quota_of_a_union_is_the_sum_of_its_parts_as_they_would_be() -> None:
    quotas = {("A", "x"): 10**12, ("A", "y"): 2 * 10**12, ("B", "x"): 10**12, ("B", "y"): 0, ("A", "z"): 5}
    changed = [Wish("A", "x", 3 * 10**12), Wish("B", "y", -1), Wish("A", "z", 7)]
    assert wanted_of(("x", "y"), quotas, changed) == ("A=5", "B=none")
    assert wanted_of(("other",), quotas, changed) == ()
