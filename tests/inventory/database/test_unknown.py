"""A database of any kind that fails at COMMIT: the leader finds out what became of it before it answers."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connections

from inventory import log
from inventory.changes import ChangeSet
from inventory.errors import InventoryUnavailable, LeadershipLost, OutcomeUnknown
from inventory.leader import Leader
from inventory.log_models import UpdateRecord
from inventory.recovery import recovered
from inventory.server.health import Lease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def leader():
    row = log.take_lead()
    return Leader(row.epoch, recovered(row.head)[0], row.next_ids)


@pytest.fixture
def unanswered():
    """Call it to have the next COMMIT fail, after it was done or instead."""
    wrapper = connections["default"]

    def prepare(is_done: bool) -> None:
        def commit() -> None:
            del wrapper._commit
            if is_done:
                wrapper._commit()
            raise OperationalError("disk I/O error")

        wrapper._commit = commit

    yield prepare
    wrapper.__dict__.pop("_commit", None)


def _site(name: str) -> ChangeSet:
    return ChangeSet("tester", 1, transaction=name).put("sites", [{"name": name}])


def test_a_commit_that_was_done_is_answered_as_if_nothing_had_happened(leader, unanswered):
    unanswered(True)
    assert leader.commit(_site("A")).version == 1
    assert leader.snapshot().frame("sites")["name"].to_list() == ["A"]
    assert leader.commit(_site("B")).version == 2 and not leader.in_doubt


def test_a_commit_that_was_not_done_is_refused_as_nothing_changed(leader, unanswered):
    unanswered(False)
    with pytest.raises(InventoryUnavailable, match="nothing was changed") as caught:
        leader.commit(_site("A"))
    assert not isinstance(caught.value, OutcomeUnknown) and not UpdateRecord.objects.exists()
    assert leader.commit(_site("A")).version == 1


@pytest.mark.parametrize("is_done", [True, False])
def test_nothing_is_appended_while_the_outcome_is_unknown(leader, unanswered, monkeypatch, is_done):
    real = log.settled

    def away(epoch):
        raise OperationalError("unable to open database file")

    monkeypatch.setattr(log, "settled", away)
    unanswered(is_done)
    with pytest.raises(OutcomeUnknown):
        leader.commit(_site("A"))
    with pytest.raises(OutcomeUnknown):
        leader.commit(_site("A"))
    with pytest.raises(OperationalError):
        leader.commit(_site("B"))
    assert UpdateRecord.objects.count() == is_done and leader.in_doubt
    monkeypatch.setattr(log, "settled", real)
    leader.settle()
    assert leader.image.version == is_done
    assert leader.commit(_site("A")).version == 1 and UpdateRecord.objects.count() == 1


def test_a_leader_that_gave_a_sign_of_life_meanwhile_keeps_the_lead():
    row = log.take_lead("elsewhere", 1, "grpc://elsewhere:1", 100)
    seen = log.leadership()
    log.sign_of_life(row.epoch, 101)
    with pytest.raises(LeadershipLost, match="signs of life"):
        log.take_lead("here", 2, "grpc://here:1", 101, seen)
    assert log.leadership().epoch == row.epoch
    assert log.take_lead("here", 2, "grpc://here:1", 101, log.leadership()).epoch == row.epoch + 1


def test_a_lease_is_measured_by_ones_own_clock_while_the_database_answers(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("inventory.server.health.time.monotonic", lambda: now)
    lease, row = Lease(15), log.take_lead("elsewhere", 1, "grpc://elsewhere:1", 5)
    assert not lease.is_over(row)
    now += 16
    row.seen = 3
    assert not lease.is_over(row), "its clock went back, but it lives"
    now += 14
    lease.begin()
    now += 14
    assert not lease.is_over(row), "the database was away"
    now += 2
    assert lease.is_over(row)
