"""What operators tune (component ``dealer``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TB = 10**12


class SettingsError(ValueError):
    """Settings that make no sense; the text says which and what is expected."""


@dataclass(frozen=True)
class DealerSettings:
    """Limits of a cycle. Volumes and sizes in TB; fractions of the partition's quota at a site.

    ``target_sites``: ordered globs, the last that matches a site decides, ``!glob`` excludes. Tape sites are targets when a
    glob other than ``*`` matches them, or when a request names them and no glob excludes them.
    ``placement_rules``: conditions of the policy language over dataset.* and site.*; where one holds, a placement is not
    allowed. ``plugin_priorities``: smaller is more important, 0 excludes all others. ``plugin_volumes``: TB per cycle.
    ``partitions``: what the scheduled cycle serves, in turn; ``request_partition``: the one that serves copy requests.
    ``enforcer_rules``: globs of rule files in the policy directory.
    """

    partitions: tuple[str, ...] = ("Physics",)
    request_partition: str = "Physics"
    target_sites: tuple[str, ...] = ("*",)
    target_site_occupancy: float = 0.93
    """A site above this projected occupancy gets nothing."""
    max_site_pending_fraction: float = 0.03
    """A site that waits for more than this gets nothing."""
    max_total_cycle_volume: float = 50.0
    """TB placed in one cycle at most."""
    plugin_priorities: dict[str, float] = field(default_factory=lambda: {"requests": 1.0, "enforcer": 2.0})
    plugin_volumes: dict[str, float] = field(default_factory=dict)
    placement_rules: tuple[str, ...] = ()
    default_group: str = "AnalysisOps"
    """Owner of copies that name none."""
    max_size: float = 50.0
    """TB; larger requests are rejected."""
    block_request_max: float = 0.5
    """When more than this part of a dataset is asked for as blocks, the whole dataset is placed."""
    overwritten_groups: tuple[str, ...] = ()
    """Owners whose partial replicas a request may take over."""
    enforcer_rules: tuple[str, ...] = ("enforcer*.json",)

    def __post_init__(self) -> None:
        for name in ("target_site_occupancy", "max_site_pending_fraction", "max_total_cycle_volume", "max_size"):
            _not_negative(name, getattr(self, name))
        for name in ("plugin_priorities", "plugin_volumes"):
            for plugin, value in getattr(self, name).items():
                _not_negative(f"{name}.{plugin}", value)
        if not 0 <= self.block_request_max <= 1:
            raise SettingsError(f"block_request_max: {self.block_request_max} is not between 0 and 1")
        if any(pattern in ("", "!") for pattern in self.target_sites):
            raise SettingsError("target_sites: an empty glob matches nothing; take it out")

    def priority(self, plugin: str) -> float:
        """Priority of a plugin; one that is not listed has 1."""
        return self.plugin_priorities.get(plugin, 1.0)

    def volumes(self, plugins: Mapping[str, object]) -> dict[str, float]:
        """Bytes that each plugin with a volume of its own may place in a cycle."""
        return {name: self.plugin_volumes[name] * TB for name in plugins if name in self.plugin_volumes}


def _not_negative(name: str, value: float) -> None:
    # `not >=` instead of `<`: not-a-number is refused too.
    if not value >= 0:
        raise SettingsError(f"{name}: {value} is not a number from 0 up")
