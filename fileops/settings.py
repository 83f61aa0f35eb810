"""What operators tune of file operations (component ``fileops``); times in seconds unless the name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FileopsSettings:
    """Limits, time-outs and patience of file operations."""

    per_site: int = 4
    """Operations at once at one site, as source and as destination."""
    batch_size: int = 100
    """Files in one batch."""
    max_pending: int = 1000
    """When so many files are in batches for one destination, the others wait."""
    timeout: float = 60.0
    """For one answer of a storage."""
    copy_timeout: float = 3600.0
    """For the copy of one file."""
    third_party_from: int = 64_000_000
    """Files of so many bytes are copied from server to server; smaller ones come through the mover, which is faster."""
    round_time: float = 600.0
    """A round ends after so long, unless some file takes longer."""
    tend_every: float = 15.0
    """How often a round looks for new work and reports what is done."""
    retry_first: float = 60.0
    """Wait after the first failure; doubled after each, up to ``retry_longest``."""
    retry_longest: float = 21600.0
    """Longest wait between two attempts."""
    lease: float = 120.0
    """A batch whose mover has not been heard of for so long goes to another."""
    unreachable_after: int = 3
    """So many answers in a row that say a site is down, and it is left alone until new work is looked for."""
    replica_grace: float = 3600.0
    """A subscription waits so long for its replica to appear in the inventory, then it is cancelled."""
    lost_after: float = 86400.0
    """An incomplete replica for which nothing is open gets its missing files subscribed again after so long."""
    full_retry: float = 21600.0
    """A copy held because its site was full is tried again after so long."""
    report_after_days: float = 7.0
    """What is not done after so long is reported."""
    clean_depth: int = 3
    """Empty directories are removed upwards, but none with fewer path components than this below the root."""
    completion_size: int = 20000
    """Files reported to the inventory in one change set."""
    turn_wait: float = 10.0
    """To wait for the turn to write to the inventory."""
