"""What operators tune of the registry."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.tuning import tuned


@dataclass(frozen=True)
class RegistrySettings:
    """Defaults of requests, and bounds on what one call may ask or get.

    ``default_group``, ``default_sites`` (globs): of copy requests that name none. ``max_items``: items, or sites, in one
    request or lock. ``max_listed``: rows in one answer. ``max_lock_days``: how far ahead a lock may expire.
    ``sync_wait``: seconds that a synchronous injection waits for its turn. ``longest_turn``: seconds after which a run that
    applies queued injections lets others have their turn. ``lock_warning_days``: how long before a lock expires its owner is told. ``archive_days``: after how
    long requests that ended are moved to Parquet files. ``notice_attempts``: how often an e-mail or webhook that does not get through
    is tried. ``calls_per_minute``: by one user, of API, classic interface and pages together;
    ``anonymous_calls_per_minute``: from one address that nobody is known at; 0: no limit. ``keep_answers_hours``: how long the
    answer to a call with an idempotency key is kept.
    """

    default_group: str = ""
    default_sites: tuple[str, ...] = ()
    max_items: int = 2000
    max_listed: int = 1000
    max_lock_days: int = 3650
    sync_wait: float = 10.0
    longest_turn: float = 60.0
    lock_warning_days: float = 7.0
    archive_days: float = 400.0
    notice_attempts: int = 12
    calls_per_minute: int = 60_000
    anonymous_calls_per_minute: int = 12_000
    keep_answers_hours: float = 24.0


def registry_settings() -> RegistrySettings:
    """The values in force."""
    return tuned("registry", RegistrySettings)
