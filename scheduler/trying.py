"""Several things of which none is to be left out because another went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

Result = TypeVar("Result")


def all_tried(what: str, calls: Mapping[str, Callable[[], Result]]) -> list[Result]:
    """Call each, also after one failed; what they returned. Raises ExceptionGroup with what all of them raised, each with its name."""
    results, failed = [], []
    for name, call in calls.items():
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001 - raised below, whatever it is
            error.add_note(name)
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{what}: {len(failed)} of {len(calls)} failed", failed)
    return results
