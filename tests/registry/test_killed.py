"""A run of injections that dies at any write is finished by the next one, and nothing is applied or wanted twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import connection, transaction

from inventory import client, log
from inventory.leader import Leader
from inventory.log_models import UpdateRecord
from inventory.recovery import recovered
from registry import injections, wanted
from registry.models import Injection
from registry.placing import Asker
from tests.registry.test_injections import ANOTHER_FILE, NEW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
_WRITE = re.compile(r"\s*(insert|update|delete)", re.IGNORECASE)


class Killed(BaseException):
    """The process is gone."""


class Undo(Exception):
    """The next trial begins where this one began."""


class Writes:
    """Counts writes to the database; from the one numbered ``fatal`` on none comes through."""

    def __init__(self, fatal: int | None) -> None:
        self.number, self.fatal = 0, fatal

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if _WRITE.match(sql):
            if self.fatal is not None and self.number >= self.fatal:
                raise Killed
            self.number += 1
        return execute(sql, params, many, context)


@contextmanager
def restarted() -> Iterator[None]:
    """An inventory that knows only what is in the database."""
    row = log.take_lead()
    image, _ = recovered(row.head)
    with client.using(Leader(row.epoch, image, row.next_ids)):
        yield


def outcome() -> dict[str, Any]:
    records = UpdateRecord.objects.filter(transaction__startswith="injection-")
    return {
        "datasets": client.snapshot().frame("datasets")["name"].sort().to_list(),
        "files": client.snapshot().frame("files").height,
        "states": list(Injection.objects.order_by("id").values_list("kind", "state")),
        "versions": all(row.version for row in Injection.objects.all()),
        "records": sorted(records.values_list("transaction", "author")),
        "wanted": wanted.waiting().select("lfn", "site").rows(),
    }


def trial(fatal: int | None) -> dict[str, Any]:
    """The outcome of a run that dies there and of the next one."""
    with suppress(Undo), transaction.atomic():
        with restarted(), connection.execute_wrapper(Writes(fatal)), suppress(Killed):
            injections.apply_waiting()
        with restarted():
            injections.apply_waiting()
            found = outcome()
        raise Undo
    return found


def writes_undisturbed() -> int:
    counted = Writes(None)
    with suppress(Undo), transaction.atomic():
        with restarted(), connection.execute_wrapper(counted):
            injections.apply_waiting()
        raise Undo
    return counted.number


@pytest.mark.slow
def test_dying_at_any_write_applies_each_document_once(filled) -> None:
    for document in (NEW, ANOTHER_FILE):
        injections.queue(Asker("ann"), "inject", document)
    injections.queue(Asker("bob"), "delete", {"dataset": [{"name": "/Small/Run-v1/AOD"}]})
    expected, total = trial(None), writes_undisturbed()
    assert total > 15
    assert expected["datasets"] == ["/Big/Run-v1/RAW", "/New/Run-v1/AOD"]
    assert [state for _, state in expected["states"]] == ["applied"] * 3
    # Both injections go into one change set.
    first = Injection.objects.order_by("id").first().pk
    assert expected["records"] == [(f"injection-{first}-{first + 1}", "ann"), (f"injection-{first + 2}", "bob")]
    assert expected["wanted"] == [("/store/big/new.root", "T2_B")]
    for fatal in range(total):
        assert trial(fatal) == expected, f"after dying at write {fatal} of {total}"
