"""Enforcer rules from JSON texts; every mistake of a file is told with its place in the JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dealer.plugins.protocol import PluginError
from inventory.policy import versions
from inventory.policy.errors import PolicyError, nearest
from inventory.policy.model import Condition
from inventory.policy.parser import parse_condition

_FILE_KEYS = {"partition": str, "default_destination_group": str, "rules": dict}
_RULE_KEYS = {
    "replicas": list, "num_copies": int, "destinations": list, "sources": list, "destination_group": str, "protect": bool,
}  # fmt: skip
_OPTIONAL = ("default_destination_group", "destination_group", "protect")
_NAMES = {str: "a text", dict: "an object", list: "a list", int: "a number", bool: "true or false"}


class RulesError(PluginError):
    """Rule files cannot be used; ``mistakes``: one text each, with file and path in the JSON."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


@dataclass(frozen=True)
class Rule:
    """Datasets with a replica at ``sources`` for which one of ``replicas`` holds must have ``num_copies`` full copies at
    ``destinations`` under ``group``. ``protect``: Detox leaves such copies alone."""

    name: str
    partition: str
    replicas: tuple[Condition, ...]
    num_copies: int
    destinations: tuple[Condition, ...]
    sources: tuple[Condition, ...]
    group: str
    protect: bool = False


def rules_in_force(globs: Iterable[str], *, record: bool = False) -> list[Rule]:
    """The rules in force of all names that match one of ``globs`` (see ``inventory.policy.versions``).

    Raises :class:`RulesError` with all mistakes where there is no good text to stay with.
    """
    rules: list[Rule] = []
    mistakes: list[str] = []
    for name in versions.names(globs):
        try:
            found = versions.in_force(name, record=record)
            rules.extend(parse_rules(found.text, name))
        except versions.PolicyRetired:
            continue
        except RulesError as error:
            mistakes.extend(error.mistakes)
        except PolicyError as error:
            mistakes.extend(f"{name}: {mistake.what}" for mistake in error.mistakes)
        except versions.PolicyUnknown as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise RulesError(mistakes)
    return rules


def parse_rules(text: str, file: str = "<rules>") -> list[Rule]:
    """The rules of one file's text; raises :class:`RulesError` with all mistakes."""
    try:
        document = json.loads(text, object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        raise RulesError([f"{file}: not JSON: {error}"]) from None
    reader = _Reader(file)
    rules = reader.rules(document)
    if reader.mistakes:
        raise RulesError(reader.mistakes)
    return rules


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{doubled[0]!r} is there twice")
    return dict(pairs)


@dataclass
class _Reader:
    """Reads one file and collects what is wrong with it."""

    file: str
    mistakes: list[str] = field(default_factory=list)

    def rules(self, document: Any) -> list[Rule]:
        head = self._keys("", document, _FILE_KEYS)
        if head is None:
            return []
        found = []
        for name, body in head["rules"].items():
            path = f"rules.{name}"
            keys = self._keys(path, body, _RULE_KEYS)
            if keys is not None:
                found.append(self._rule(name, path, head, keys))
        return found

    def _rule(self, name: str, path: str, head: dict[str, Any], keys: dict[str, Any]) -> Rule:
        group = keys.get("destination_group", head.get("default_destination_group"))
        if group is None:
            self._wrong(path, "no destination_group, and the file has no default_destination_group")
        if keys["num_copies"] < 1:
            self._wrong(f"{path}.num_copies", f"{keys['num_copies']} is less than 1")
        return Rule(
            name=name, partition=head["partition"], num_copies=keys["num_copies"], group=group or "",
            replicas=self._conditions(f"{path}.replicas", keys["replicas"], "block"),
            destinations=self._conditions(f"{path}.destinations", keys["destinations"], "site"),
            sources=self._conditions(f"{path}.sources", keys["sources"], "site"),
            protect=keys.get("protect", False),
        )  # fmt: skip

    def _keys(self, path: str, value: Any, known: Mapping[str, type]) -> dict[str, Any] | None:
        """``value`` if it is an object with these keys and types."""
        if not isinstance(value, dict):
            self._wrong(path, "an object is expected")
            return None
        before = len(self.mistakes)
        for key in value:
            if key not in known:
                self._wrong(f"{path}.{key}", f"no such key{nearest(key, known)}; there are {', '.join(known)}")
        for key, kind in known.items():
            if key not in value and key not in _OPTIONAL:
                self._wrong(path, f"{key} is missing")
            elif key in value and (not isinstance(value[key], kind) or (kind is int and isinstance(value[key], bool))):
                self._wrong(f"{path}.{key}", f"{_NAMES[kind]} is expected")
        return value if len(self.mistakes) == before else None

    def _conditions(self, path: str, texts: list[Any], context: str) -> tuple[Condition, ...]:
        """At least one condition: an empty list would be all or nothing, and nobody could tell which."""
        if not texts:
            self._wrong(path, "at least one condition is expected")
        found = []
        for number, text in enumerate(texts):
            place = f"{path}[{number}]"
            if not isinstance(text, str):
                self._wrong(place, "a condition (a text) is expected")
                continue
            try:
                found.append(parse_condition(text, context, f"{self.file}: {place}"))
            except PolicyError as error:
                self.mistakes.append(str(error))
        return tuple(found)

    def _wrong(self, path: str, what: str) -> None:
        self.mistakes.append(f"{self.file}: {path.lstrip('.') or 'the whole'}: {what}")
