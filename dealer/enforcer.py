"""What enforcer rules hold on to, for those who delete (Detox's ``replica.enforcer_protected``)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl
from django.conf import settings as django_settings

from dealer.plugins.enforcer import HELD, holdings
from dealer.plugins.rulebook import Rule, load_rules
from dealer.settings import DealerSettings
from dealer.sites import sites_of
from inventory.snapshot import Snapshot
from inventory.tuning import tuned


def protected_now(snapshot: Snapshot, now: int) -> pl.DataFrame:
    """:func:`protected` by the rules in the policy directory, for the setting DETOX_ENFORCER_PROTECTED. Raises RulesError."""
    globs = tuned("dealer", DealerSettings).enforcer_rules
    return protected(snapshot, load_rules(Path(django_settings.POLICY_DIR), globs), now)


def protected(snapshot: Snapshot, rules: Iterable[Rule], now: int | None = None) -> pl.DataFrame:
    """frame(dataset_id, site_id) of full copies that rules with ``protect`` hold on to, for Detox.

    ``now``: UTC seconds for conditions with relative times; None: the snapshot's time.
    """
    moment = snapshot.time if now is None else now
    frames = [pl.DataFrame(schema={name: HELD[name] for name in ("dataset_id", "site_id")})]
    known = set(snapshot.frame("partitions")["name"])
    for rule in rules:
        if rule.protect and rule.partition in known:
            held = holdings(snapshot, sites_of(snapshot, rule.partition, DealerSettings()), rule, moment)
            frames.append(held.filter(pl.col("complete") & pl.col("owned")).select("dataset_id", "site_id"))
    return pl.concat(frames).unique().sort("dataset_id", "site_id")
