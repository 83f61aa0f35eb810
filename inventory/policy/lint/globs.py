"""Whether any text can match some shell globs and none of others: the question behind `never matches` for names."""

from __future__ import annotations

import fnmatch
import heapq
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from inventory.policy.patterns import is_glob

Patterns = tuple[str, ...]
_MOST_STATES = 2000
_MOST_PATTERNS = 60
_MOST_LENGTH = 300
_OTHER = "\U0010fffd"
_FILLINGS = ("", "q7Z", "x/y")


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches; a pattern without ``*`` and ``?`` is the text itself."""
    return fnmatch.fnmatchcase(text, pattern) if is_glob(pattern) else text == pattern


@lru_cache(maxsize=50_000)
def no_text(wanted: tuple[Patterns, ...], unwanted: Patterns) -> bool:
    """Whether it is certain that no text matches one of each of ``wanted`` and none of ``unwanted``.

    False also where the answer would take too long.
    """
    for patterns in wanted:
        if not any(is_glob(pattern) for pattern in patterns):
            return not any(_fits(text, wanted, unwanted) for text in patterns)
    if sum(map(len, wanted)) > _MOST_PATTERNS:
        return False
    if any(_fits(text, wanted, unwanted) for text in _guesses(wanted)):
        return False
    if any(
        all(_apart(one, other) for one, other in itertools.product(*two)) for two in itertools.combinations(wanted, 2)
    ):
        return True
    if sum(map(len, itertools.chain(unwanted, *wanted))) > _MOST_LENGTH * 4:
        return False
    return _exhausted(wanted, unwanted)


def _fits(text: str, wanted: tuple[Patterns, ...], unwanted: Patterns) -> bool:
    return all(any(matches(pattern, text) for pattern in patterns) for patterns in wanted) and not any(
        matches(pattern, text) for pattern in unwanted
    )


def _apart(one: str, other: str) -> bool:
    """Whether the plain beginnings, or the plain ends, of two patterns tell that no text matches both."""
    first, second = (re.split(r"[*?\[]", pattern, maxsplit=1)[0] for pattern in (one, other))
    if not (first.startswith(second) or second.startswith(first)):
        return True
    last, final = (re.split(r"[*?\]]", pattern)[-1] for pattern in (one, other))
    return not (last.endswith(final) or final.endswith(last))


def _guesses(wanted: tuple[Patterns, ...]) -> Iterator[str]:
    """Texts that match, most likely: nearly every question is answered by one of them."""
    if not wanted:
        yield from _FILLINGS
    for pattern in itertools.islice(itertools.chain(*wanted), 40):
        for filling in _FILLINGS:
            yield pattern.replace("*", filling).replace("?", "q") if is_glob(pattern) else pattern


@dataclass(frozen=True)
class _Machine:
    """A glob as a set of places in it, one bit each. ``steps``: by number of the symbol those from which it goes on; ``stars``: those that stay; ``for_ever``: whatever follows the end matches, too."""

    steps: tuple[int, ...]
    stars: int
    end: int
    for_ever: bool

    def closed(self, places: int) -> int:
        return places | (places & self.stars) << 1

    def after(self, places: int, symbol: int) -> int:
        return self.closed((places & self.steps[symbol]) << 1 | places & self.stars)


def _exhausted(wanted: tuple[Patterns, ...], unwanted: Patterns) -> bool:
    """Go through all that the machines of all patterns can be in together, those nearest to an end first.

    True when no state in which all that is wanted has ended, and nothing else, is among it.
    """
    pieces = {pattern: tuple(_pieces(pattern)) for pattern in itertools.chain(unwanted, *wanted)}
    machines, symbols = _machines(pieces)
    number = {pattern: place for place, pattern in enumerate(machines)}
    groups = [[number[pattern] for pattern in patterns] for patterns in wanted]
    others = [number[pattern] for pattern in unwanted]
    order = list(machines.values())
    begin = tuple(machine.closed(1) for machine in order)
    seen, waiting = {begin}, [(0, 0, begin)]
    while waiting:
        *_, state = heapq.heappop(waiting)
        ended = [places & machine.end for places, machine in zip(state, order, strict=True)]
        if any(ended[other] and order[other].for_ever for other in others):
            continue
        if all(any(ended[one] for one in group) for group in groups) and not any(ended[other] for other in others):
            return False
        for symbol in range(symbols):
            following = tuple(machine.after(places, symbol) for places, machine in zip(state, order, strict=True))
            if following in seen or any(not any(following[one] for one in group) for group in groups):
                continue
            seen.add(following)
            missing = sum(
                min(order[one].end.bit_length() - following[one].bit_length() for one in group if following[one])
                for group in groups
            )
            heapq.heappush(waiting, (missing, len(seen), following))
        if len(seen) > _MOST_STATES:
            return False
    return True


def _pieces(pattern: str) -> Iterator[str]:
    """``*``, ``?``, classes ``[…]``, and plain characters, a backslash before each."""
    place, glob = 0, is_glob(pattern)
    while place < len(pattern):
        character = pattern[place]
        end = _class_end(pattern, place) if glob and character == "[" else 0
        if end:
            yield pattern[place:end]
        elif glob and character in "*?":
            yield character
        else:
            yield "\\" + character
        place = end or place + 1


def _class_end(pattern: str, start: int) -> int:
    """Where the class that begins at ``start`` ends, as fnmatch reads it; 0 when it is no class."""
    inner = start + 1
    inner += pattern.startswith("!", inner)
    inner += pattern.startswith("]", inner)
    return pattern.find("]", inner) + 1


def _symbols(pieces: Iterator[str]) -> list[str]:
    """Characters that stand for all: those named, those beside the ends of ranges, and one of which nothing speaks."""
    found = {_OTHER}
    for piece in set(pieces):
        if piece.startswith("\\"):
            found.add(piece[1])
        elif piece.startswith("["):
            codes = {ord(character) + step for character in piece for step in (-1, 0, 1)}
            found |= {chr(code) for code in codes if 0 <= code < 0x110000}
    return sorted(found)


def _machines(pieces: dict[str, tuple[str, ...]]) -> tuple[dict[str, _Machine], int]:
    """A machine for each pattern, and the number of symbols: characters between which no pattern tells are one."""
    symbols = _symbols(itertools.chain(*pieces.values()))
    # Two stars in a row are one: so one step of `closed` is enough.
    single = {
        pattern: [piece for place, piece in enumerate(parts) if piece != "*" or parts[place - 1 : place] != ("*",)]
        for pattern, parts in pieces.items()
    }
    columns = {
        tuple(
            sum(1 << place for place, piece in enumerate(parts) if piece != "*" and _takes(piece, symbol))
            for parts in single.values()
        )
        for symbol in symbols
    }
    machines = {
        pattern: _Machine(
            steps,
            sum(1 << place for place, piece in enumerate(parts) if piece == "*"),
            1 << len(parts),
            parts[-1:] == ["*"],
        )
        for (pattern, parts), steps in zip(single.items(), zip(*sorted(columns), strict=True), strict=True)
    }
    return machines, len(columns)


def _takes(piece: str, symbol: str) -> bool:
    if piece.startswith("\\"):
        return piece[1] == symbol
    return piece == "?" or fnmatch.fnmatchcase(symbol, piece)
