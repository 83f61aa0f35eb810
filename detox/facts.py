"""What policies see besides the inventory, gathered from the registry and from whatever enforces rules."""

from __future__ import annotations

import polars as pl
from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from inventory.policy.facts import Facts
from inventory.snapshot import Snapshot
from registry import locks, requests

ENFORCER_SETTING = "DETOX_ENFORCER_PROTECTED"
"""Name of the Django setting with the dotted name of a function (snapshot, now) → frame(dataset_id, site_id)."""


def gather(snapshot: Snapshot, protected_sites: tuple[str, ...], now: int) -> Facts:
    """The facts at ``now`` (UTC seconds). Raises what the enforcer's rules raise: without them nothing may be deleted."""
    return Facts(
        locked=locks.locked(snapshot, now),
        enforcer_protected=_enforcer_protected(snapshot, now),
        unhandled_copies=_ids(snapshot, requests.unhandled_copy_datasets()),
        tape_requested=_ids(snapshot, requests.tape_requested_datasets(snapshot)),
        protected_sites=protected_sites,
    )


def _enforcer_protected(snapshot: Snapshot, now: int) -> pl.DataFrame:
    name = getattr(django_settings, ENFORCER_SETTING, "")
    frame = import_string(name)(snapshot, now) if name else Facts.none().enforcer_protected
    return frame.select("dataset_id", "site_id")


def _ids(snapshot: Snapshot, names: pl.Series) -> pl.DataFrame:
    """Ids of the datasets of these names; names that do not exist are passed over."""
    wanted = names.alias("name").to_frame().lazy()
    return snapshot.table("datasets").join(wanted, on="name", how="semi").select("dataset_id").collect()
