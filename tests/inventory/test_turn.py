"""Commands that change the inventory do so in their turn, as runs like any other."""

from __future__ import annotations

import io
import json
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from inventory import client
from inventory.log_models import UpdateRecord
from scheduler import runs
from scheduler.models import Run, State
from tests.inventory.injecting import dataset, file
from tests.inventory.serving import Server

SET = ("inventory", "set", "--new", "groups", "Ops", "--author", "eve")


@pytest.fixture
def server(tmp_path, child_environment):
    server = Server(tmp_path / "server", child_environment())
    yield server.start()
    server.end()


class Producer:
    """Somebody who commits all the time, each time in a turn of their own."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.some = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._produce)

    def __enter__(self) -> Producer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _produce(self) -> None:
        while not self._stop.is_set():
            with runs.writer("injection", {}, "production") as run:
                for part in ("a", "b"):
                    name = f"Group{len(self.versions)}{part}"
                    self.versions.append(run.commit(run.changes().put("groups", [{"name": name}])).version)
            self.some.set()
        connection.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_load_gets_its_turn_between_injections_that_never_end(server, empty_redis, tmp_path):
    document = tmp_path / "new.json"
    document.write_text(json.dumps({"dataset": [dataset("/N", b=[file("/n/1")])]}))
    with client.using(server.client()), Producer() as producer:
        assert producer.some.wait(60)
        loaded = server.manage("inventory", "load", str(document), "--json")
        set_by_hand = server.manage(*SET)
    assert loaded.returncode == 0 and set_by_hand.returncode == 0, loaded.stderr + set_by_hand.stderr
    (entry,) = json.loads(loaded.stdout)
    order = list(UpdateRecord.objects.order_by("sequence").values_list("run", "service"))
    assert order[entry["version"] - 1][1] == "inventory load"
    # Nobody's record stands between two of a run.
    runs_in_order = [run for place, (run, _) in enumerate(order) if place == 0 or order[place - 1][0] != run]
    assert len(runs_in_order) == len(set(runs_in_order)) and len(order) == len(producer.versions) + 2


@pytest.mark.django_db
def test_a_change_by_hand_is_a_run_in_its_authors_name(inventory, empty_redis):
    call_command(*SET, stdout=io.StringIO())
    record, run = UpdateRecord.objects.get(), Run.objects.get()
    assert (record.author, record.service, record.run) == ("eve", "inventory set", str(run.pk))
    assert run.arguments == {"table": "groups", "name": "Ops", "values": []}
    assert run.state == State.DONE and run.versions_written == [record.sequence]


@pytest.mark.django_db
def test_who_has_the_turn_is_told_while_waiting_and_at_the_end(inventory, empty_redis, capsys):
    with (
        runs.writer("dealer", {}, "carol"),
        pytest.raises(CommandError, match=r"within 2 s; it is with dealer .*carol"),
    ):
        call_command(*SET, "--wait", "2", stdout=io.StringIO())
    assert "waiting for the turn to write; it is with dealer" in capsys.readouterr().err
    assert not UpdateRecord.objects.exists()


@pytest.mark.django_db
def test_without_redis_nothing_is_waited_for(inventory, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"
    with pytest.raises(CommandError, match=r"Redis at unix://.*nobody\.sock does not answer .*nobody can get a turn"):
        call_command(*SET, stdout=io.StringIO())


@pytest.mark.parametrize("seconds", ["soon", "-1", "inf", "nan"])
def test_a_wait_is_a_number_of_seconds(seconds):
    with pytest.raises(CommandError, match="is no number of seconds"):
        call_command(*SET, f"--wait={seconds}", stdout=io.StringIO())
