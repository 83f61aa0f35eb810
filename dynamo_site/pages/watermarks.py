"""The watermarks that the policies in force set for each partition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detox import monitor
from detox.policies import PolicyUnreadable, load_policy
from inventory.policy.errors import PolicyError
from inventory.policy.model import Policy


@dataclass(frozen=True)
class Watermarks:
    """``high`` triggers deletion, ``low`` ends it (fractions of the quota); None: the policy has no such number."""

    high: float | None
    low: float | None


def of_policy(policy: Policy) -> Watermarks:
    """The numbers in the policy's ``When`` and ``Until``."""
    return Watermarks(*monitor.watermarks(policy.text))


def policies(directory: Path) -> dict[str, Policy]:
    """The policies in ``directory`` by partition; files that cannot be read, or are no policies, are passed over.

    A cycle tells what is wrong with a file; a page only shows those in force.
    """
    found = {}
    for path in sorted(directory.glob("*.txt")) if directory.is_dir() else []:
        try:
            policy = load_policy(str(path))
        except (PolicyError, PolicyUnreadable):
            continue
        found[policy.partition] = policy
    return found
