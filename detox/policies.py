"""Policy files of the installation, by name in the policy directory or by path."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from inventory.errors import InventoryError
from inventory.policy.errors import PolicyError
from inventory.policy.model import Policy
from inventory.policy.parser import MAX_TEXT, parse_policy


class PolicyUnreadable(InventoryError):
    """A policy file is not there or cannot be read."""


def load_policy(name: str) -> Policy:
    """The policy of a file: a name in the policy directory (with or without ``.txt``), or a path with a slash in it.

    Raises :class:`PolicyUnreadable` or PolicyError.
    """
    path = Path(name) if "/" in name else _in_directory(name)
    try:
        with path.open(encoding="utf-8") as stream:
            return parse_policy(stream.read(MAX_TEXT + 1), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PolicyUnreadable(f"cannot read the policy {path}: {reason}; {_known()}") from None


def policy_in_force(name: str) -> Policy:
    """The policy that ``name`` stands for: a file as :func:`load_policy` takes it, or else a partition that one is for.

    Raises PolicyError, or PolicyUnreadable where there is none.
    """
    if "/" in name or _in_directory(name).is_file():
        return load_policy(name)
    found = readable().get(name)
    if found is None:
        raise PolicyUnreadable(f"no policy is called {name[:100]!r} or is for a partition of that name; {_known()}")
    return found


def readable() -> dict[str, Policy]:
    """The policies of the directory by partition; files that cannot be read, or are no policies, are passed over."""
    found = {}
    for path in sorted(Path(settings.POLICY_DIR).glob("*.txt")):
        try:
            policy = load_policy(str(path))
        except (PolicyError, PolicyUnreadable):
            # Whoever runs it is told what is wrong with it; here others are wanted.
            continue
        found[policy.partition] = policy
    return found


def _in_directory(name: str) -> Path:
    directory = Path(settings.POLICY_DIR)
    return directory / name if (directory / name).exists() else directory / f"{name}.txt"


def _known() -> str:
    names = sorted(
        path.name for path in Path(settings.POLICY_DIR).glob("*.txt") if not path.name.startswith("partitions")
    )
    return f"{settings.POLICY_DIR} has {', '.join(names) or 'none'}"
