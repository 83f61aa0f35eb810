"""What happens by itself, and at the same time."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from registry import placing, requests, tasks
from registry.cached import keep
from registry.models import Injection, Request
from registry.placing import Asker, Wanted
from registry.settings import RegistrySettings
from scheduler.models import Run
from tests.registry.frames import small_snapshot
from tests.registry.makers import BIG

ANN = Asker("ann")
SETTINGS = RegistrySettings(default_group="AnalysisOps")


@pytest.mark.django_db
def test_the_tracker_makes_cached_requests_and_ends_what_is_done(filled, empty_redis) -> None:
    keep(ANN, Wanted([BIG], ["T2_A"], "AnalysisOps"), SETTINGS)
    assert tasks.track() == {"made": 1, "completed": 0}
    requests.activate(Request.objects.get(), [(BIG, "T2_A")])
    assert tasks.track() == {"made": 0, "completed": 1}
    assert tasks.track() == {"made": 0, "completed": 0}
    assert list(Run.objects.values_list("application", "state")) == 2 * [("registry.track", "done")]


@pytest.mark.django_db
def test_the_injection_task_takes_no_turn_for_nothing(filled, empty_redis, admin) -> None:
    assert tasks.inject() == 0
    assert not Run.objects.exists()
    admin.data("inventory/inject", {"dataset": [{"name": "/N/a/B"}]})
    assert tasks.inject() == 1
    assert Injection.objects.get().state == "applied"
    assert f"injection {Injection.objects.get().pk}: applied" in Run.objects.get().log_lines.get().text


def test_the_tasks_are_on_schedule() -> None:
    assert {schedule.task for schedule in tasks.SCHEDULES} == {
        "registry.inject",
        "registry.track",
        "registry.read_sources",
        "registry.notify",
        "registry.warn_of_locks",
        "registry.archive",
    }


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_same_asked_by_many_at_the_same_time_is_one_request() -> None:
    snapshot, start = small_snapshot(), threading.Barrier(6)

    def ask() -> None:
        start.wait()
        placing.ask_copy(snapshot, ANN, Wanted(["/A"], ["T2_B"], "g1"), SETTINGS)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(Request.objects.values_list("status", "count")) == [("new", 6)]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_request_is_either_cancelled_or_activated_never_both() -> None:
    for _ in range(5):
        made = placing.ask_copy(small_snapshot(), ANN, Wanted(["/A"], ["T2_B"], "g1"), SETTINGS)
        start, outcome = threading.Barrier(2), []

        def attempt(what, start=start, outcome=outcome) -> None:
            start.wait()
            try:
                what()
                outcome.append("done")
            except ValueError:
                outcome.append("impossible")
            connection.close()

        attempts = (
            lambda made=made: placing.cancel("copy", made.pk, ANN),
            lambda made=made: requests.activate(made, [("/A", "T2_B")]),
        )
        threads = [threading.Thread(target=attempt, args=(what,)) for what in attempts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcome) == ["done", "impossible"]
        made.refresh_from_db()
        assert made.actions.count() == (1 if made.status == "activated" else 0)
        Request.objects.all().delete()
