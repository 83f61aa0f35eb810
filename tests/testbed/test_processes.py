"""Services are started together, watched, and ended; a demo's home is its own."""

from __future__ import annotations

import os
import sys
import time

import pytest

from testbed.home import Home, HomeError
from testbed.memory import Memory
from testbed.processes import Launch, ServiceFailed, Supervisor, free_ports, is_free, stopping
from testbed.services import redis_program

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FAIL = [sys.executable, "-c", "print('no such disk'); raise SystemExit(3)"]


@pytest.fixture
def supervisor(tmp_path):
    made = Supervisor(tmp_path / "logs", {})
    yield made
    made.stop_all()


def test_services_start_together_and_stop(supervisor):
    began = time.monotonic()
    started = supervisor.start_together([Launch("one", SLEEP, lambda: True), Launch("two", SLEEP, lambda: True)])
    assert [service.is_alive() for service in started] == [True, True]
    supervisor.stop_all()
    assert [service.is_alive() for service in started] == [False, False]
    assert time.monotonic() - began < 10
    assert supervisor.services == {}


def test_one_that_ends_at_once_is_told_with_its_last_words(supervisor):
    with pytest.raises(ServiceFailed, match=r"(?s)bad ended by itself.*no such disk"):
        supervisor.start_together([Launch("good", SLEEP, lambda: False), Launch("bad", FAIL, lambda: False)])


def test_one_that_does_not_answer_is_told(supervisor):
    with pytest.raises(ServiceFailed, match="deaf does not answer"):
        supervisor.start("deaf", SLEEP, lambda: False, seconds=0.3)


def watched_for_long(supervisor):
    with stopping(supervisor):
        supervisor.start("short", [sys.executable, "-c", "import time; time.sleep(0.5)"], lambda: True)
        time.sleep(30)


@pytest.mark.slow
def test_one_that_dies_later_interrupts_what_goes_on(supervisor):
    with pytest.raises(ServiceFailed, match="short ended by itself"):
        watched_for_long(supervisor)
    assert supervisor.services == {}


class Slow:
    """Takes its time to go; what is raised in it comes to nobody."""

    def __del__(self):
        time.sleep(2)


def gone_slowly(supervisor):
    with stopping(supervisor):
        supervisor.start("short", [sys.executable, "-c", "import time; time.sleep(0.5)"], lambda: True)
        thing = Slow()
        del thing
        time.sleep(30)


@pytest.mark.slow
def test_one_that_dies_while_a_finaliser_runs_is_told_afterwards(supervisor, capsys):
    with pytest.raises(ServiceFailed, match="short ended by itself"):
        gone_slowly(supervisor)
    assert "Traceback" not in capsys.readouterr().err


def test_a_port_that_is_listened_on_is_not_free():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])
    assert all(is_free(port) for port in free_ports(3))


def opened(directory, **options):
    home = Home.open(directory, options.pop("port", None), True, **options)
    os.close(home.lock)
    return home


def test_a_home_keeps_its_ports(tmp_path):
    first = opened(tmp_path / "home")
    assert opened(tmp_path / "home").ports == first.ports
    assert first.storage == "directories (as was asked for)"
    assert first.environment()["DYNAMO_HOME"] == str(tmp_path / "home")


def test_a_taken_port_is_changed_and_a_wanted_one_refused(tmp_path):
    import socket

    first = opened(tmp_path / "home")
    with socket.create_server(("127.0.0.1", first.ports["inventory"])):
        second = opened(tmp_path / "home")
        assert second.ports["inventory"] != first.ports["inventory"]
        assert second.ports["web"] == first.ports["web"]
        with pytest.raises(HomeError, match="is taken"):
            opened(tmp_path / "home", port=first.ports["inventory"])


def test_fresh_forgets_the_earlier_demo_only(tmp_path):
    home = opened(tmp_path / "home")
    (home.directory / "sites").mkdir()
    (home.directory / "story.json").write_text("{}")
    opened(tmp_path / "home", fresh=True)
    assert {path.name for path in home.directory.iterdir()} == {"lock", "ports.json"}


def test_no_home_among_other_things(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(HomeError, match="other things"):
        opened(tmp_path, fresh=True)
    assert (tmp_path / "thesis.tex").exists()


def test_sockets_of_a_deep_home_lie_in_a_short_directory(tmp_path):
    home = opened(tmp_path / ("a deep home " * 6).strip())
    assert home.run != home.directory
    assert len(str(home.redis_socket)) < 100
    home.run.rmdir()
    assert opened(home.directory).run.is_dir()


def test_there_is_a_redis():
    assert os.access(redis_program(), os.X_OK)


def test_memory_outlasts_the_process(tmp_path):
    memory = Memory.read(tmp_path / "story.json")
    memory.note(copied="/A/B/C")
    memory.finish("copy")
    kept = Memory.read(tmp_path / "story.json")
    assert (kept.done, kept.facts) == (["copy"], {"copied": "/A/B/C"})
