"""Policies of the installation in force, by name, or files by path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from django.conf import settings

from inventory.errors import InventoryError
from inventory.policy import versions
from inventory.policy.checking import read_text
from inventory.policy.errors import PolicyError
from inventory.policy.model import Policy
from inventory.policy.parser import parse_policy


class PolicyUnreadable(InventoryError):
    """A policy file is not there or cannot be read."""


def load_policy(name: str, *, record: bool = False) -> Policy:
    """The policy in force of a name (with or without ``.txt``), or that of a file, for a path with a slash in it.

    ``record``: keep a changed file of the policy directory as a version. Raises :class:`PolicyUnreadable` or PolicyError.
    """
    if "/" in name:
        return _of_file(Path(name))
    try:
        found = versions.in_force(_called(name), record=record)
    except versions.PolicyUnknown as error:
        raise PolicyUnreadable(str(error)) from error
    # An unchanged text of the directory is told by its path, as files always were.
    file = found.origin or found.name
    return replace(parse_policy(found.text, file), version=found.number, note=found.alarm)


def _of_file(path: Path) -> Policy:
    text, why = read_text(path)
    if why:
        raise PolicyUnreadable(f"the policy {path} {why}; {_known()}")
    return parse_policy(text, str(path))


def policy_in_force(name: str) -> Policy:
    """The policy that ``name`` stands for: a file as :func:`load_policy` takes it, or else a partition that one is for.

    Raises PolicyError, or PolicyUnreadable where there is none.
    """
    if "/" in name or _called(name) in versions.names():
        return load_policy(name)
    found = readable().get(name)
    if found is None:
        raise PolicyUnreadable(f"no policy is called {name[:100]!r} or is for a partition of that name; {_known()}")
    return found


def readable() -> dict[str, Policy]:
    """The policies in force by partition; texts that cannot be read, or are no policies, are passed over."""
    found = {}
    for name in versions.names(("*.txt",)):
        try:
            policy = load_policy(name)
        except (PolicyError, PolicyUnreadable):
            # Whoever runs it is told what is wrong with it; here others are wanted.
            continue
        found[policy.partition] = policy
    return found


def _called(name: str) -> str:
    known = versions.names()
    return f"{name}.txt" if name not in known and f"{name}.txt" in known else name


def _known() -> str:
    names = [name for name in versions.names(("*.txt",)) if not name.startswith("partitions")]
    return f"{settings.POLICY_DIR} has {', '.join(names) or 'none'}"
