"""What is not as it should be after the load, in words; and what was sent, acknowledged and found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tests.load.traffic import Notes

_OPEN = ("waiting", "new", "activated")
_SHOWN = 10


def mistakes(notes: Notes, found: dict[str, Any], away: Sequence[tuple[float, float]]) -> list[str]:
    """Every mistake, at most ten of a kind; empty: everything is right."""
    kinds = (
        _wrong(notes, away),
        _shared(notes, found),
        _own(notes, found),
        _injections(notes, found),
        _locks(notes, found),
    )
    return [text for kind in kinds for text in [*kind][:_SHOWN]]


def _wrong(notes: Notes, away: Sequence[tuple[float, float]]) -> Iterator[str]:
    yield from notes.wrong
    for began, broke, why in notes.broken:
        if not any(began <= end and broke >= start for start, end in away):
            yield f"a connection broke after {broke - began:.2f} s although the web server was there: {why}"


def _shared(notes: Notes, found: dict[str, Any]) -> Iterator[str]:
    """Each wish is one open request, whose number everybody got, asked at least as often as was acknowledged."""
    rows: dict[tuple[str, str, str], list[Any]] = {}
    for row in found["requests"]:
        _, kind, status, items, sites, _, _ = row
        if status in _OPEN and len(items) == len(sites) == 1:
            rows.setdefault((kind, items[0], sites[0]), []).append(row)
    numbers: dict[tuple[str, str, str], Counter[int]] = {}
    for kind, number, item, site in notes.requests:
        numbers.setdefault((kind, item, site), Counter())[number] += 1
    for wish in {*numbers, *notes.cached}:
        held, given = rows.get(wish, []), numbers.get(wish, Counter())
        if len(held) != 1 or {*given} - {held[0][0]}:
            yield f"{wish}: acknowledged as {dict(given)}, found {[row[0] for row in held]}"
        elif not given.total() + notes.cached[wish] <= held[0][6] <= notes.asked[wish]:
            told = f"{given.total()} and {notes.cached[wish]} times, sent {notes.asked[wish]} times"
            yield f"{wish}: acknowledged {told}, but counted {held[0][6]} times"


def _own(notes: Notes, found: dict[str, Any]) -> Iterator[str]:
    rows = {row[0]: row for row in found["requests"]}
    for number, item, site in notes.own:
        row = rows.get(number)
        if row is None or (row[3], row[4]) != ([item], [site]):
            yield f"request {number} for {item} at {site} was acknowledged, found {row}"
    for number in notes.cancelled:
        if number in rows and rows[number][2] != "cancelled":
            yield f"request {number} was acknowledged as cancelled and is {rows[number][2]}"
    # Sent with a key until it was acknowledged, or given up: what is there more than once was done more than once.
    told, given_up = {number for number, _, _ in notes.own}, len(notes.given_up)
    own = {(item, site) for _, item, site in notes.own}
    extra = [row for row in rows.values() if row[0] not in told and (row[3][0], row[4][0]) in own]
    if len(extra) > given_up:
        yield f"{len(extra)} requests are there that nobody was told of, {given_up} were given up: {extra[:_SHOWN]}"


def _injections(notes: Notes, found: dict[str, Any]) -> Iterator[str]:
    by_name: dict[str, list[Any]] = {}
    for row in found["injections"]:
        for name in row[2]:
            by_name.setdefault(name, []).append(row)
    datasets = Counter(found["datasets"])
    for name, number in notes.injected.items():
        rows = by_name.get(name, [])
        if [row[1] for row in rows] != ["applied"] or (number is not None and rows[0][0] != number):
            yield f"{name} was acknowledged as injection {number}, found {rows}"
        if datasets[name] != 1:
            yield f"{name} was acknowledged and is {datasets[name]} times in the inventory"
    for name, rows in by_name.items():
        if len(rows) > 1:
            yield f"{name} was injected {len(rows)} times: {rows}"
        if name not in notes.offered:
            yield f"{name} is there and nobody sent it"


def _locks(notes: Notes, found: dict[str, Any]) -> Iterator[str]:
    rows = {row[0]: row for row in found["locks"]}
    for number, item, user in notes.locks:
        row = rows.get(number)
        if row is None or row[1:] != [item, user, True]:
            yield f"lock {number} of {item} by {user} was acknowledged, found {row}"
    held = Counter((row[1], row[2]) for row in rows.values() if row[3])
    yield from (f"{key} is locked {number} times" for key, number in held.items() if number > 1)


def report(notes: Notes, found: dict[str, Any], faults: Sequence[str]) -> str:
    """Sent, acknowledged, found: a line a kind."""
    head = f"{'':16} {'sent':>8} {'acknowledged':>13} {'slowest':>9}  answers"
    lines = [head]
    for kind in sorted(notes.sent):
        answers = {status: count for (name, status), count in sorted(notes.statuses.items()) if name == kind}
        shown = ", ".join(f"{status}: {count}" for status, count in answers.items())
        lines.append(
            f"{kind:16} {notes.sent[kind]:8,} {notes.acknowledged[kind]:13,} {notes.slowest.get(kind, 0):7.2f} s  {shown}"
        )
    lines += [
        f"connections that broke: {len(notes.broken)}; given up: {len(notes.given_up)}", f"faults: {', '.join(faults)}",
        f"found: {len(found['requests']):,} requests, {len(found['injections']):,} injections, "
        f"{len(found['datasets']):,} datasets, {len(found['locks']):,} locks",
    ]  # fmt: skip
    return "\n".join(lines)
