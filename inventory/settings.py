"""What operators tune of the inventory's server."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.tuning import tuned


@dataclass(frozen=True)
class InventorySettings:
    """A checkpoint is written after ``checkpoint_records`` records or ``checkpoint_seconds``, whichever comes first.

    ``kept_versions``: versions that readers can ask for by number. ``lease_seconds``: a leader on another host that gave no
    sign of life for so long is taken for dead. ``waiting_change_sets``: senders that wait at a time, others are told to try
    again. ``change_set_bytes``: the largest change set, in bytes as sent. ``waiting_bytes``: room on the disk for all that wait.
    ``streams``: tables that readers elsewhere fetch at a time, others wait.
    """

    checkpoint_records: int = 1000
    """A checkpoint is written after so many records …"""
    checkpoint_seconds: int = 600
    """… or after so many seconds, whichever comes first."""
    history_records: int = 1000
    """A piece of the history is written after so many records …"""
    history_seconds: int = 60
    """… or after so many seconds, whichever comes first."""
    log_keep_days: int = 30
    """Rows of older records are dropped from the log once tables, checkpoint and history have them; 0: never by itself."""
    kept_versions: int = 16
    lease_seconds: int = 15
    waiting_change_sets: int = 64
    change_set_bytes: int = 2 * 1024**3
    waiting_bytes: int = 4 * 1024**3
    streams: int = 8


def inventory_settings() -> InventorySettings:
    """The settings with what operators changed."""
    return tuned("inventory", InventorySettings)
