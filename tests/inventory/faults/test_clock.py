"""A clock that jumps, forwards or back: times of records stay in order, and nothing expires or is taken over for it."""

from __future__ import annotations

import time

import pytest

from inventory import log
from inventory.changes import ChangeSet
from inventory.image import Image
from inventory.leader import Leader
from inventory.log_models import Leadership, UpdateRecord
from inventory.recovery import recovered
from inventory.resolve import resolve
from inventory.server.health import Lease
from inventory.store import Store
from tests.inventory.makers import small

NOON = 1_700_000_000
YEAR = 365 * 86_400


@pytest.mark.django_db
def test_times_of_records_never_go_back_also_under_the_next_leader():
    def sent(leader: Leader, name: str) -> int:
        return leader.commit(ChangeSet("a", 1).put("sites", [{"name": name}])).time

    clock = iter((NOON, NOON + 10, NOON - YEAR, NOON + 11, NOON - 1))
    row = log.take_lead()
    leader = Leader(row.epoch, recovered(row.head)[0], row.next_ids, clock=lambda: next(clock))
    assert [sent(leader, name) for name in "abc"] == [NOON, NOON + 10, NOON + 10]
    row = log.take_lead()
    leader = Leader(row.epoch, recovered(row.head)[0], row.next_ids, clock=lambda: next(clock))
    assert [sent(leader, name) for name in "de"] == [NOON + 11, NOON + 11]
    assert list(UpdateRecord.objects.order_by("sequence").values_list("time", flat=True)) == [
        NOON, NOON + 10, NOON + 10, NOON + 11, NOON + 11,
    ]  # fmt: skip
    assert leader.snapshot().time == NOON + 11


class Clocks:
    """``wall`` can be set by an administrator, ``steady`` only goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.steady = float(NOON), 1000.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.steady)


@pytest.fixture
def clocks(monkeypatch):
    return Clocks(monkeypatch)


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_a_leader_that_gives_signs_of_life_is_not_taken_over_when_a_clock_jumps(clocks, jump):
    lease = Lease(15)
    for second in range(60):
        clocks.steady += 1
        clocks.wall += 1 + (jump if second == 20 else 0)
        # The leader's clock jumps too, at another moment.
        seen = NOON + second + (jump if second >= 40 else 0)
        assert not lease.is_over(Leadership(epoch=1, host="elsewhere", seen=seen)), second


@pytest.mark.parametrize("ahead", [0, YEAR, -YEAR])
def test_a_dead_leader_is_taken_over_after_a_lease_however_wrong_its_clock_was(clocks, ahead):
    lease, row = Lease(15), Leadership(epoch=1, host="elsewhere", seen=NOON + ahead)
    over = []
    for _ in range(20):
        over.append(lease.is_over(row))
        clocks.steady += 1
    assert over == [False] * 15 + [True] * 5


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_versions_that_readers_may_be_about_to_open_stay_when_the_clock_jumps(clocks, tmp_path, jump):
    image = Image.from_frames({})
    delta = resolve(image.snapshot(), small(), NOON)
    store = Store(tmp_path, kept=1)
    store.publish(image)
    clocks.wall += jump
    store.publish(image.after(delta, 1, NOON))
    assert len(list(tmp_path.glob("[0-9]*.json"))) == 2
    clocks.steady += 60
    store.publish(image.after(delta, 2, NOON))
    assert [path.name.split(".")[0] for path in tmp_path.glob("[0-9]*.json")] == ["2"]
