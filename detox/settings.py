"""What operators tune of Detox (component ``detox``)."""

from __future__ import annotations

from dataclasses import dataclass


class SettingsError(ValueError):
    """Settings that make no sense; the text says which and what is expected."""


@dataclass(frozen=True)
class DetoxSettings:
    """``deletion_per_iteration``: part of a site's quota after which a pass turns to the next site.

    ``protected_sites``: names of the sites that `dataset.on_protected_site` asks for. ``policies``: files of the policy directory that the
    scheduled cycle runs, in turn. ``wait``: seconds to wait for the turn to write. ``keep_inputs``: days for which what decisions
    were made of is kept, for `detox explain`. ``default_partition``, ``monitored_partitions``, ``excluded_partitions``: shown
    first, with a marker, and not at all by the monitor. ``late_after``: hours without a cycle after which the monitor warns.
    """

    deletion_per_iteration: float = 0.01
    protected_sites: tuple[str, ...] = ()
    policies: tuple[str, ...] = ("Physics.txt",)
    wait: float = 3600.0
    keep_inputs: float = 30.0
    default_partition: str = "Physics"
    """Shown first by the monitor."""
    monitored_partitions: tuple[str, ...] = ("Physics",)
    """Shown with a marker by the monitor."""
    excluded_partitions: tuple[str, ...] = ()
    """Not shown by the monitor."""
    late_after: float = 18.0
    guard_site_share: float = 0.3
    """A cycle that would delete more than this part of the bytes that the partition has at a site waits for somebody to confirm it; 1: any part may go."""
    guard_partition_share: float = 0.2
    """The same for all sites of a cycle together."""

    def __post_init__(self) -> None:
        if not 0 < self.deletion_per_iteration <= 1:
            raise SettingsError(
                f"deletion_per_iteration: {self.deletion_per_iteration} is not a part of the quota, above 0 up to 1"
            )
        for name in ("guard_site_share", "guard_partition_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name}: {getattr(self, name)} is not a part from 0 to 1")
        for name in ("wait", "keep_inputs", "late_after"):
            if not getattr(self, name) >= 0:
                raise SettingsError(f"{name}: {getattr(self, name)} is not a number from 0 up")
        for name in self.policies:
            if "/" in name or name.startswith("."):
                raise SettingsError(f"policies: {name!r} is not the name of a file in the policy directory")
