"""What Detox tells, in words: why it decided so, and what would be otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynamo_client.command.text import harmless, volume


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """An explanation: the outcome, then every line of the policy that was looked at with the values that it saw."""
    yield harmless(f"{told.get('dataset')} at {told.get('site')}, cycle {told.get('cycle')} of {told.get('partition')}")
    if told.get("site_reason"):
        yield harmless(f"site: {told['site_reason']}")
    for one in told.get("outcome", []):
        yield harmless(f"{one['decision']}: {one['num_blocks']} blocks, {volume(one['size'])}, by line {one['line']}")
    if not told.get("values_kept", True):
        yield "what the lines saw is not kept any more"
    for look in told.get("looks", []):
        yield ""
        for line in look.get("lines", []):
            yield from _line(line)
    if "changes" in told:
        yield ""
        yield from _changes(told["changes"])


def _changes(found: Mapping[str, Any]) -> Iterator[str]:
    """What would have turned it."""
    yield from (harmless(answer["text"]) for answer in found["answers"])
    if not found["answers"]:
        yield "nothing that was tried would have turned it"
    if not found["complete"]:
        yield "not all that can be tried was tried"


def _line(line: Mapping[str, Any]) -> Iterator[str]:
    taken = f"takes {line['taken']} of {line['left']} blocks" if line.get("taken") else "does not match"
    yield harmless(f"line {line['number']}: {line['text']}")
    yield f"  {taken if line.get('in_force', True) else 'not in force'}"
    for test in line.get("tests", []):
        holds = {True: "yes", False: "no"}.get(test.get("holds"), f"for {test.get('num_holds')} blocks")
        yield harmless(f"    {test['text']}: {test.get('value')} - {holds}")


def comparison(answer: Mapping[str, Any]) -> Iterator[str]:
    """A what-if in a few lines."""
    yield f"{answer.get('partition')}, on {answer.get('basis')}"
    total = answer.get("total", {})
    if answer.get("same"):
        yield "every block replica fares as before"
    else:
        yield f"deleted {volume(total['deleted_after'])} instead of {volume(total['deleted_before'])}: " + (
            f"{volume(total['more'])} more, {volume(total['less'])} less"
        )
    yield from (f"note: {note}" for note in answer.get("notes", []))
    yield from (f"the guard would stop it: {finding}" for finding in answer.get("guard", []))
