"""What operators tune of the inventory's server."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.tuning import tuned


@dataclass(frozen=True)
class InventorySettings:
    """A checkpoint is written after ``checkpoint_records`` records or ``checkpoint_seconds``, whichever comes first.

    ``kept_versions``: versions that readers can ask for by number. ``lease_seconds``: a leader on another host that gave no
    sign of life for so long is taken for dead.
    """

    checkpoint_records: int = 1000
    """A checkpoint is written after so many records …"""
    checkpoint_seconds: int = 600
    """… or after so many seconds, whichever comes first."""
    kept_versions: int = 16
    lease_seconds: int = 15


def inventory_settings() -> InventorySettings:
    """The settings with what operators changed."""
    return tuned("inventory", InventorySettings)
