"""Diagrams of the life cycles of file operations, requests and actions, drawn from their tables of transitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fileops.lifecycle import OPEN, TRANSITIONS
from registry.lifecycle import ACTION, FIRST_REQUEST, OPEN_ACTION, OPEN_REQUEST, REQUEST


def file_operations() -> str:
    """The life of a file to be copied or deleted."""
    return _diagram(
        {(before.value, event.value): after.value for (before, event), after in TRANSITIONS.items()},
        {state.value for state in OPEN},
    )


def requests() -> str:
    """The life of a copy or deletion request."""
    return _diagram(REQUEST, OPEN_REQUEST, FIRST_REQUEST)


def actions() -> str:
    """The life of what an activated request does, by item and site."""
    return _diagram(ACTION, OPEN_ACTION)


def _diagram(table: Mapping[tuple[str, str], str], open_states: Iterable[str], first: Iterable[str] = ("new",)) -> str:
    """A diagram in Mermaid's language; events that change nothing are left out."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, event), after in table.items():
        if before != after:
            arrows.setdefault((before, after), []).append(event)
    lines = [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in arrows.items()]
    states = dict.fromkeys(state for pair in arrows for state in pair)
    final = [f"    {state} --> [*]" for state in states if state not in set(open_states)]
    begin = [f"    [*] --> {state}" for state in first]
    return "\n".join(["```mermaid", "stateDiagram-v2", *begin, *lines, *final, "```"]) + "\n"
