"""Locks that come with a loaded inventory become Detox locks of whoever loaded it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
from django.dispatch import receiver
from django.utils import timezone

from inventory.locking import locks_read
from registry.locks import Wish, set_locks
from registry.settings import registry_settings

SERVICE = "inventory load"


@receiver(locks_read)
def keep(sender: str, locks: pl.DataFrame, author: str, **_: Any) -> None:
    """Set one lock for each block replica (dataset, block, site), for as long as locks may last."""
    expires = timezone.now() + timedelta(days=registry_settings().max_lock_days) - timedelta(minutes=1)
    wishes = [
        Wish(f"{dataset}#{block}", expires, sites=site, comment=f"loaded from {sender}")
        for dataset, block, site in locks.select("dataset", "block", "site").iter_rows()
    ]
    set_locks(wishes, author, SERVICE)
