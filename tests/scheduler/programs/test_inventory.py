"""Programs that read and write a real inventory, in a real worker, by a token of their run."""

from __future__ import annotations

import os
import signal
import textwrap

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User

from inventory import client, run_tokens
from inventory.changes import ChangeSet
from inventory.errors import InventoryDenied, InventoryUnavailable
from inventory.remote import ServerBackend
from inventory.run_token_models import RunToken
from scheduler import applications
from scheduler.models import OPEN_STATES, Application, Level, Run, State
from scheduler.programs import authorised, files, keeper
from scheduler.programs.places import dispatch
from scheduler.runs import writer
from tests.scheduler.programs.conftest import processes_with
from tests.scheduler.workers import MANAGE, QUICK, running, until, worker

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ADDS_A_SITE = textwrap.dedent("""
    import sys
    from inventory.program import this_run
    run = this_run()
    print("sites", sorted(run.snapshot().frame("sites")["name"]), flush=True)
    run.changes().put("sites", [{"name": sys.argv[1]}])
    sys.exit(int(sys.argv[2]))
""")


@pytest.fixture
def environment(child_environment, empty_redis, tmp_path):
    return child_environment(**QUICK, DYNAMO_APPLICATION_DIR=str(tmp_path / "applications"))


@pytest.fixture
def server(environment, tmp_path, places):
    client._server.cache_clear()
    log = tmp_path / "inventory.log"
    with running([*MANAGE, "inventory_server"], environment, log):
        until(lambda: "server ready" in log.read_text(), 60, log)
        yield settings.INVENTORY_URL


@pytest.fixture
def alice(transactional_db):
    user = User.objects.create_user("alice")
    user.groups.add(Group.objects.create(name="application:operator"))
    return user


def submitted(text: str, *arguments: str, level: str = Level.READ) -> Application:
    if level == Level.WRITE:
        authorised.authorise(User.objects.get(username="alice"), files.sha256(text.encode()), "admin")
    application = applications.submit("alice", content=text.encode(), arguments=arguments, level=level, limit=120)
    dispatch()
    return application


def ended(application: Application, log) -> Application:
    def looks() -> bool:
        application.refresh_from_db()
        return application.state not in OPEN_STATES

    until(looks, 60, log)
    return application


def sites() -> list[str]:
    return sorted(client.snapshot().frame("sites")["name"])


def test_what_a_program_changes_is_committed_when_it_ends_with_0_and_only_then(server, alice, environment, tmp_path):
    log = tmp_path / "worker.log"
    with worker(environment, log):
        done = ended(submitted(ADDS_A_SITE, "T2_GOOD", "0", level=Level.WRITE), log)
        assert (done.state, done.error) == (State.DONE, ""), applications.log(done).text
        failed = ended(submitted(ADDS_A_SITE, "T2_BAD", "1", level=Level.WRITE), log)
        reader = ended(submitted(ADDS_A_SITE, "T2_NEVER", "0"), log)
        half = ADDS_A_SITE.replace("sys.exit(int(sys.argv[2]))", "import os; os._exit(0)")
        cut = ended(submitted(half, "T2_CUT", "0", level=Level.WRITE), log)
    assert (failed.state, failed.exit_code) == (State.FAILED, 1)
    assert "submit it with the level write" in applications.log(reader).text
    assert cut.state == State.FAILED and "not complete" in cut.error
    assert "T2_GOOD" in sites() and not {"T2_BAD", "T2_NEVER", "T2_CUT"} & set(sites())
    assert "sites ['T2_GOOD']" in applications.log(failed).text
    run = done.run
    assert (run.state, run.author, run.writes, len(run.versions_written)) == (State.DONE, "alice", True, 1)
    assert not RunToken.objects.exists()


def test_a_run_token_reads_and_nothing_else_and_ends_with_its_run(server, transactional_db):
    with run_tokens.issued(7, "alice", 60, acts=False) as secret:
        backend = ServerBackend(server, secret, None)
        assert backend.snapshot().frame("sites").is_empty()
        with pytest.raises(InventoryDenied, match="only reads"):
            backend.commit(ChangeSet("mallory", 10**6).put("sites", [{"name": "T2_EVIL"}]))
        with pytest.raises(InventoryUnavailable, match="no action"):
            backend.status()
        assert run_tokens.valid(secret).run == 7
    assert run_tokens.valid(secret) is None

    def refused() -> bool:
        try:
            ServerBackend(server, secret, None).snapshot()
        except InventoryDenied:
            return True
        return False

    until(refused, 20)
    assert sites() == []


def test_an_expired_token_is_refused(server, transactional_db):
    with run_tokens.issued(8, "alice", -10, acts=False) as secret, pytest.raises(InventoryDenied):
        ServerBackend(server, secret, None).snapshot()


SLEEPER = "import sys, time\nprint('begun', flush=True)\ntime.sleep(600)\n"


def test_killing_a_program_and_one_that_waits_for_its_turn(server, alice, environment, tmp_path):
    log = tmp_path / "worker.log"
    with worker(environment, log):
        running_one = submitted(SLEEPER, "mark-of-the-killed")
        until(lambda: "begun" in applications.log(running_one).text, 60, log)
        assert applications.kill(running_one, "operator")
        assert ended(running_one, log).state == State.KILLED
        assert running_one.error == "ended by operator"
        assert processes_with("mark-of-the-killed") == []
        orphan = submitted(SLEEPER, "mark-of-the-keeperless")
        until(lambda: "begun" in applications.log(orphan).text, 60, log)
        orphan.refresh_from_db()
        os.kill(orphan.job.pid, signal.SIGKILL)
        until(lambda: keeper.settle_lost(), 60, log)
        assert (ended(orphan, log).state, orphan.error) == (
            State.KILLED,
            "its worker went away; nothing of it is written",
        )
        assert processes_with("mark-of-the-keeperless") == []
        assert not RunToken.objects.exists()
        with writer("cycle", {}, "bob", wait=10):
            waiting = submitted(ADDS_A_SITE, "T2_LATE", "0", level=Level.WRITE)
            until(lambda: "waiting for the turn" in applications.log(waiting).text, 60, log)
            assert applications.kill(waiting, "operator")
            assert ended(waiting, log).state == State.KILLED
    assert sites() == []
    assert not applications.kill(waiting, "operator")


def test_a_killed_workers_program_dies_with_it_and_is_not_started_again(server, alice, environment, tmp_path):
    log = tmp_path / "worker.log"
    with worker(environment, log) as first:
        application = submitted(SLEEPER, "mark-of-the-orphan", level=Level.WRITE)
        until(lambda: "begun" in applications.log(application).text, 60, log)
        assert processes_with("mark-of-the-orphan")
        first.kill()
        until(lambda: not processes_with("mark-of-the-orphan"), 30, log)
    with worker(environment, log):
        until(lambda: _settled(application), 60, log)
    assert application.state == State.KILLED
    assert applications.log(application).text.count("begun") == 1
    assert not Run.objects.filter(state__in=OPEN_STATES).exists()


def _settled(application: Application) -> bool:
    from scheduler.reconcile import reconcile
    from scheduler.settings import scheduler_settings
    from scheduler.tasks import send

    reconcile(scheduler_settings(), send)
    application.refresh_from_db()
    return application.state not in OPEN_STATES
