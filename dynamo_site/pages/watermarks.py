"""The watermarks that the policies in force set for each partition."""

from __future__ import annotations

from dataclasses import dataclass

from detox import monitor
from inventory.policy.model import Policy


@dataclass(frozen=True)
class Watermarks:
    """``high`` triggers deletion, ``low`` ends it (fractions of the quota); None: the policy has no such number."""

    high: float | None
    low: float | None


def of_policy(policy: Policy) -> Watermarks:
    """The numbers in the policy's ``When`` and ``Until``."""
    return Watermarks(*monitor.watermarks(policy.text))
