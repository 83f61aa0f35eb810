"""Policy files, partitions files and single conditions from text; every mistake of a text is reported at once.

A `#` at the start of a line or after a blank begins a comment. Nothing here raises anything but :class:`PolicyError`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from inventory.policy.conditions import Source, misplaced, read_condition
from inventory.policy.errors import Mistake, PolicyError, nearest
from inventory.policy.model import ACTIONS, BLOCK_SUFFIX, Condition, Line, OrderKey, Policy
from inventory.policy.unions import circles, name_mistake, shown, union_members
from inventory.policy.variables import VARIABLES

MAX_TEXT = 2_000_000
MAX_LINE = 100_000
_MAX_MISTAKES = 200
_KEYWORDS = ("Partition", "On", "When", "Until", "Order", "Algo")
_DIRECTIONS = {"increasing": False, "decreasing": True}
_SORTED_LEVELS = ("dataset", "replica")
_COMMENT = re.compile(r"(?:^|\s)#.*")


def parse_policy(text: str, file: str = "<policy>") -> Policy:
    """A Detox policy file. Raises :class:`PolicyError`."""
    draft = _Draft()
    for source in _lines(text, file, draft.mistakes):
        if len(draft.mistakes) >= _MAX_MISTAKES:
            break
        _read_line(source, draft)
    last = text.count("\n") + 1
    for missing in draft.missing():
        draft.mistakes.append(Mistake(file, last, 1, missing))
    if draft.mistakes or draft.default is None or draft.partition is None:
        raise PolicyError(draft.mistakes)
    return Policy(
        draft.partition, tuple(draft.sites["On"]), tuple(draft.sites["When"]), tuple(draft.sites["Until"]),
        tuple(draft.stack), draft.default, draft.order or (), draft.static, text, file,
    )  # fmt: skip


def parse_condition(text: str, context: str = "block", file: str = "<condition>") -> Condition:
    """One condition in the context "replica" (lines of a policy), "block" (partitions, rules) or "site".

    Raises :class:`PolicyError`.
    """
    mistakes: list[Mistake] = []
    condition = None
    if "\n" in text.strip():
        mistakes.append(Mistake(file, 1, 1, "a condition is one line"))
    else:
        line = text.strip("\r\n")
        _check_length(line, file, 1, mistakes)
        condition = None if mistakes else read_condition(Source(file, 1, line), 0, context, mistakes)
    if mistakes or condition is None:
        raise PolicyError(mistakes)
    return condition


def parse_partitions(text: str, file: str = "<partitions>") -> dict[str, Condition | tuple[str, ...]]:
    """Partitions by name: a condition over block replicas, or the names whose union it is. Raises :class:`PolicyError`."""
    partitions: dict[str, Condition | tuple[str, ...]] = {}
    places: dict[str, Source] = {}
    mistakes: list[Mistake] = []
    for source in _lines(text, file, mistakes):
        if len(mistakes) >= _MAX_MISTAKES:
            break
        name, colon, definition = source.text.partition(":")
        name = name.strip()
        if not colon or not name:
            what = "a partition is defined as `Name: condition` or `Name: [A, B]`"
            mistakes.append(source.mistake(len(source.text.rstrip()), what))
        elif what := name_mistake(name):
            mistakes.append(source.mistake(source.text.index(name), what))
        elif name in partitions:
            mistakes.append(source.mistake(source.text.index(name), f"a second partition {name[:60]!r}"))
        else:
            places[name] = source
            partitions[name] = _definition(source, len(source.text) - len(definition), mistakes)
    mistakes.extend(itertools.islice(_union_mistakes(partitions, places), _MAX_MISTAKES))
    if mistakes:
        raise PolicyError(mistakes)
    return partitions


def _lines(text: str, file: str, mistakes: list[Mistake]) -> Iterator[Source]:
    """The lines that say something, comments taken off; too much text is a mistake and gives none."""
    if len(text) > MAX_TEXT:
        mistakes.append(Mistake(file, 1, 1, f"more than {MAX_TEXT} characters"))
        return
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.rstrip("\r")
        if _check_length(line, file, number, mistakes):
            line = _COMMENT.sub("", line, count=1).rstrip()
            if line:
                yield Source(file, number, line)


def _check_length(line: str, file: str, number: int, mistakes: list[Mistake]) -> bool:
    if len(line) > MAX_LINE:
        mistakes.append(Mistake(file, number, MAX_LINE + 1, f"a line of more than {MAX_LINE} characters"))
    return len(line) <= MAX_LINE


@dataclass
class _Draft:
    """What has been read of a policy file so far."""

    partition: str | None = None
    sites: dict[str, list[Condition]] = field(default_factory=lambda: {"On": [], "When": [], "Until": []})
    stack: list[Line] = field(default_factory=list)
    default: Line | None = None
    order: tuple[OrderKey, ...] | None = None
    static: bool = False
    numbered: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def missing(self) -> Iterator[str]:
        parts = {
            "Partition": "`Partition <name>`", "On": "`On <condition>` (target sites)", "When": "`When <condition>` (trigger)",
            "Until": "`Until <condition>` (stop)", "default": "a default decision (an action without a condition)",
            "Order": "`Order increasing|decreasing <variable> …`, or `Order none`",
        }  # fmt: skip
        return (f"the policy lacks {what}" for part, what in parts.items() if part not in self.seen)


def _read_line(source: Source, draft: _Draft) -> None:
    first = re.match(r"\s*(\S+)\s*", source.text)
    if first is None:
        return
    word, start, rest = first[1], first.start(1), first.end()
    if word in ("On", "When", "Until"):
        draft.seen.setdefault(word, source.line)
        if condition := read_condition(source, rest, "site", draft.mistakes):
            draft.sites[word].append(condition)
    elif word in _KEYWORDS:
        if word in draft.seen:
            draft.mistakes.append(source.mistake(start, f"a second `{word}`; the first is in line {draft.seen[word]}"))
        draft.seen.setdefault(word, source.line)
        {"Partition": _partition, "Order": _order, "Algo": _algo}[word](source, rest, draft)
    elif word in ACTIONS:
        _action(source, word, rest, draft)
    else:
        known = (*_KEYWORDS, *ACTIONS)
        what = f"{word[:40]!r} is no action and no keyword{nearest(word, known)}; there are {' '.join(known)}"
        draft.mistakes.append(source.mistake(start, what))


def _partition(source: Source, rest: int, draft: _Draft) -> None:
    draft.partition = source.text[rest:]
    if not draft.partition:
        draft.mistakes.append(source.mistake(rest, "the name of a partition is expected"))


def _algo(source: Source, rest: int, draft: _Draft) -> None:
    draft.static = source.text[rest:] == "Static"
    if not draft.static:
        given = source.text[rest : rest + 40]
        draft.mistakes.append(source.mistake(rest, f"no algorithm {given!r}; there is `Algo Static`"))


def _order(source: Source, rest: int, draft: _Draft) -> None:
    words = [(match[0], match.start()) for match in re.finditer(r"\S+", source.text[rest:])]
    draft.order = ()
    if [word for word, _ in words] == ["none"]:
        return
    pairs = (words[position : position + 2] for position in range(0, max(len(words), 1), 2))
    draft.order = tuple(key for pair in pairs if (key := _order_key(source, rest, pair, draft)))


def _order_key(source: Source, rest: int, words: list[tuple[str, int]], draft: _Draft) -> OrderKey | None:
    direction, name = (*(word for word, _ in words), "", "")[:2]
    offset = rest + words[-1][1] if words else rest
    if direction not in _DIRECTIONS:
        offset = rest + words[0][1] if words else rest
        what = "`increasing <variable>` or `decreasing <variable>` is expected, or `Order none`"
    elif not name:
        offset, what = len(source.text), f"a variable is expected after `{direction}`"
    elif what := _unsortable(name):
        pass
    else:
        return OrderKey(name, _DIRECTIONS[direction])
    draft.mistakes.append(source.mistake(offset, what))
    return None


def _unsortable(name: str) -> str:
    """Why replicas cannot be ordered by the variable; empty when they can."""
    sortable = {other: known for other, known in VARIABLES.items() if known.numeric and known.level in _SORTED_LEVELS}
    variable = VARIABLES.get(name)
    if variable is None:
        return f"unknown variable {name[:60]}{nearest(name, sortable)}"
    if name in sortable and not misplaced(variable, "replica"):
        return ""
    kind = f"{name} is a {variable.type} of a {variable.level}"
    return f"{kind}: replicas are ordered by numbers and times of datasets and of dataset replicas"


def _action(source: Source, action: str, rest: int, draft: _Draft) -> None:
    text = source.text.strip()
    if rest < len(source.text):
        draft.numbered += 1
        number = draft.numbered
        condition = read_condition(source, rest, "replica", draft.mistakes)
        if condition:
            draft.stack.append(Line(number, action, condition, text, source.line))
        return
    start = source.text.index(action)
    if "default" in draft.seen:
        what = f"a second default decision; the first is in line {draft.seen['default']}"
        draft.mistakes.append(source.mistake(start, what))
    elif action.endswith(BLOCK_SUFFIX):
        what = (
            f"the default decides on what is left of a replica as a whole: write `{action.removesuffix(BLOCK_SUFFIX)}`"
        )
        draft.mistakes.append(source.mistake(start, what))
    draft.seen.setdefault("default", source.line)
    draft.default = Line(0, action, None, text, source.line)


def _definition(source: Source, start: int, mistakes: list[Mistake]) -> Condition | tuple[str, ...]:
    members = union_members(source.text[start:])
    if members is None:
        return read_condition(source, start, "block", mistakes) or ()
    if "" in members:
        place = source.text.index("[", start) + 1
        mistakes.append(source.mistake(place, "names of partitions, separated by commas, are expected"))
    return members


def _union_mistakes(partitions: dict[str, Condition | tuple[str, ...]], places: dict[str, Source]) -> Iterator[Mistake]:
    """Members that do not exist, and unions that contain themselves."""
    unions = {name: members for name, members in partitions.items() if isinstance(members, tuple)}
    for name, members in unions.items():
        place = places[name]
        for member in members:
            if member and member not in partitions:
                offset = place.text.find(member, place.text.index(":") + 1)
                yield place.mistake(offset, f"no partition {member[:60]!r}{nearest(member, partitions)}")
    for name, way in circles(unions).items():
        place = places[name]
        offset = place.text.find(way[1], place.text.index(":") + 1)
        yield place.mistake(offset, f"the union {name[:60]!r} would contain itself: {shown(way)}")
