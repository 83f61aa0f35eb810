"""kill -9 of parts of the demo at random moments: it says what died, and the next start finishes the work."""

from __future__ import annotations

import itertools
import random
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import psutil
import pytest

from dynamo_client import Dynamo, DynamoError
from tests.testbed.running import SMALL, Demo, kill_with_children

SERVICES = ("inventory_server", "worker", "runserver")
_LATEST_SECONDS = 15.0


class Producer:
    """Somebody who injects one group after the other as long as the demo is up; ``acknowledged``: what was answered."""

    def __init__(self, demo: Demo) -> None:
        self._demo, self._names = demo, (f"Group{number:04d}" for number in itertools.count())
        self.acknowledged: list[str] = []

    def inject_while(self, process: subprocess.Popen[bytes]) -> threading.Thread:
        thread = threading.Thread(target=self._inject, args=(process,))
        thread.start()
        return thread

    def _inject(self, process: subprocess.Popen[bytes]) -> None:
        token = (self._demo.home / "production_token").read_text()
        url = self._demo.told().partition("http:")[2].split("/\n")[0]
        with Dynamo(f"http:{url}", token=token, patience=0, timeout=10) as dynamo:
            while process.poll() is None:
                name = next(self._names)
                try:
                    dynamo.inject({"group": [{"name": name}]}, wait=True)
                    self.acknowledged.append(name)
                except DynamoError:
                    # Not acknowledged: it may be there or not.
                    time.sleep(0.1)
                time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_demo_whose_services_are_killed_one_after_the_other(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    demo = Demo(tmp_path / "demo")
    producer = Producer(demo)
    for service in chance.sample(SERVICES, 2):
        killed_at_some_time(demo, producer, service, chance.uniform(0, _LATEST_SECONDS))
        demo.assert_gone()
    assert demo.run(*SMALL, "--once") == 0, demo.told()
    assert "All of it is so" in demo.told()
    demo.assert_gone()
    assert producer.acknowledged
    assert_there_once(demo, producer)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_demo_that_ended_before_its_first_source_was_read(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    with demo.started(*SMALL) as process:
        demo.wait_for("sources run popularity", process)
        kill_with_children(demo.service("inventory_server"))
        assert process.wait(60) == 1, demo.told()
    demo.assert_gone()
    assert demo.run(*SMALL, "--once") == 0, demo.told()


def killed_at_some_time(demo: Demo, producer: Producer, service: str, seconds: float) -> None:
    """A start, until the service is killed so many seconds after it is up."""
    with demo.started(*SMALL) as process:
        demo.wait_for("Up after", process)
        thread = producer.inject_while(process)
        time.sleep(seconds)
        kill_with_children(demo.service(service))
        assert process.wait(60) == 1, demo.told()
        thread.join()
    assert "ended by itself" in demo.told()
    # Of the demo's own there is none; the dead service's log may have one.
    assert "Traceback" not in demo.told().split("The demo failed")[0]


def assert_there_once(demo: Demo, producer: Producer) -> None:
    """Everything that was acknowledged, in the relational tables, which the demo has compared with the rest."""
    database = sqlite3.connect(f"file:{demo.home / 'dynamo.sqlite3'}?mode=ro", uri=True)
    groups = [name for (name,) in database.execute("SELECT name FROM inventory_group")]
    assert [name for name in producer.acknowledged if groups.count(name) != 1] == []
    assert database.execute("SELECT COUNT(*), COUNT(DISTINCT name) FROM inventory_dataset").fetchone() == (40, 40)
    assert database.execute("SELECT COUNT(*) FROM registry_request").fetchone() == (1,)
    database.close()


def test_processes_are_found_by_their_home(tmp_path: Path) -> None:
    """What the tests above rely on to see that nothing is left."""
    assert Demo(tmp_path / "none").processes() == []
    assert psutil.pid_exists(1)
