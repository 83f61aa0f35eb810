"""Unions of partitions: what they are made of, and whether one contains itself. By name, in linear time, however deep."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

_UNION = re.compile(r"\s*\[(?P<members>[^\[\]]*)\]\s*")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f\[\],:]|(?:^|\s)#|^\s|\s$")
_TOLD = 100
_SHOWN = 20

Unions = Mapping[str, Sequence[str]]


def union_members(definition: str) -> tuple[str, ...] | None:
    """Names in a union's definition ``[A, B]``, each once, an empty one where one is missing; None for a simple partition."""
    found = _UNION.fullmatch(definition)
    return None if found is None else tuple(dict.fromkeys(name.strip() for name in found["members"].split(",")))


def name_mistake(name: str) -> str:
    """Why no partition can be called so: a file or a union could not name it; empty when one can."""
    if not name:
        return "a name is expected"
    if _NOT_IN_NAMES.search(name):
        return f"{name[:60]!r} is no name of a partition: without brackets, commas, colons, line ends, ` #`, and blanks around it"
    return ""


def walk(unions: Unions, start: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """All that ``start`` is made of, itself included, in the order in which it is named, each once.

    With each the way to it; for one that is on the way already, which makes a circle, the way ends with it a second time.
    """
    path, seen = [start], {start}
    yield start, (start,)
    waiting = [iter(unions.get(start, ()))]
    while waiting:
        member = next(waiting[-1], None)
        if member is None:
            waiting.pop()
            path.pop()
        elif member not in seen:
            seen.add(member)
            path.append(member)
            yield member, tuple(path[-_SHOWN:])
            waiting.append(iter(unions.get(member, ())))
        elif member in path:
            yield member, (*path[path.index(member) :], member)


def circles(unions: Unions) -> dict[str, tuple[str, ...]]:
    """For unions that contain themselves (the first hundred) the shortest way back to each: ``A: (A, B, A)``."""
    left = _in_circles(unions)
    found: dict[str, tuple[str, ...]] = {}
    for name in unions:
        if name in left and len(found) < _TOLD:
            found[name] = _way_back(unions, name, left)
    return {name: way for name, way in found.items() if way}


def shown(way: Sequence[str]) -> str:
    """A way for people, its middle left out where it is long."""
    names = [name[:60] for name in way]
    return " → ".join(names if len(names) <= _SHOWN else [*names[: _SHOWN // 2], "…", *names[-_SHOWN // 2 :]])


def _in_circles(unions: Unions) -> set[str]:
    """What is left when all that leads to nothing but simple partitions is taken away, again and again."""
    number = {name: sum(member in unions for member in set(members)) for name, members in unions.items()}
    containing: dict[str, list[str]] = {}
    for name, members in unions.items():
        for member in set(members):
            containing.setdefault(member, []).append(name)
    waiting = deque(name for name, count in number.items() if not count)
    left = set(unions)
    while waiting:
        name = waiting.popleft()
        left.discard(name)
        for above in containing.get(name, ()):
            number[above] -= 1
            if not number[above]:
                waiting.append(above)
    return left


def _way_back(unions: Unions, name: str, left: set[str]) -> tuple[str, ...]:
    """The shortest way from the union to itself; empty when it only leads to one that contains itself."""
    came_from: dict[str, str] = {}
    waiting = deque([name])
    while waiting:
        current = waiting.popleft()
        for member in unions[current]:
            if member == name:
                way = [name, current]
                while way[-1] != name:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if member in left and member not in came_from:
                came_from[member] = current
                waiting.append(member)
    return ()
