"""Where one component needs what a neighbour of the same layer knows: functions named in the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import structlog
from django.contrib.auth.models import User

from dealer.plugins.enforcer import protected
from dealer.plugins.rulebook import RulesError, parse_rules, rules_in_force
from dealer.settings import DealerSettings
from inventory.snapshot import Snapshot
from inventory.tuning import tuned
from inventory.turn import Turn
from registry import notices, rights
from scheduler import connection, runs


def enforcer_protected(snapshot: Snapshot, now: int) -> pl.DataFrame:
    """Replicas (dataset_id, site_id) that Dealer's rules with ``protect`` hold, for Detox. Raises RulesError."""
    rules = rules_in_force(tuned("dealer", DealerSettings).enforcer_rules, record=True)
    return protected(snapshot, rules, now)


def rule_mistakes(text: str, file: str) -> list[str]:
    """What is wrong with a file of enforcer rules, for `policy check`; empty when it can be used."""
    try:
        parse_rules(text, file)
    except RulesError as error:
        return error.mistakes
    return []


def may_run_programs(user: User) -> bool:
    """Whether the user may run programs that do more than read the inventory in nobody's name."""
    return rights.has(user, "operator", "application")


def sequence_failed(owner: str, subject: str, text: str, data: dict[str, Any]) -> None:
    """Tell the owner of a sequence of a failed step; in the caller's transaction."""
    if not notices.write_to_user(owner, subject, text, data):
        structlog.get_logger(__name__).warning(
            "nobody told: the owner has no e-mail address", owner=owner, subject=subject
        )


@contextmanager
def inventory_turn(
    application: str, arguments: dict[str, Any], author: str, wait: float, waiting: Callable[[str], None]
) -> Iterator[Turn]:
    """The turn to write for commands of the inventory. Raises TurnBusy, QueueUnavailable, ApplicationLocked."""
    connection.require()
    with runs.writer(application, arguments, author, wait=wait, waiting=waiting) as run:
        yield run
