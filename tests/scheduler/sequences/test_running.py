"""Sequences that really go on: beat's task, a worker, programs."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from registry.audit_models import AuditRecord
from registry.models import Notice
from scheduler import applications, sequences
from scheduler.errors import ProgramRefused
from scheduler.models import OPEN_STATES, Application, Phase, Sequence, State
from scheduler.programs import authorised
from scheduler.reconcile import reconcile
from scheduler.sequencing.advance import advance_all
from scheduler.settings import scheduler_settings
from scheduler.tasks import send
from scheduler.tasks import sequences as sequences_task
from tests.scheduler.workers import MANAGE, QUICK, running, until, worker


@pytest.fixture
def places(settings, tmp_path):
    settings.APPLICATION_DIR = tmp_path / "applications"
    programs = tmp_path / "programs"
    programs.mkdir()
    settings.APPLICATION_PROGRAM_DIRS = [str(programs)]
    (programs / "says.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(int(sys.argv[1]))\n")
    (programs / "sleeps.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    return programs


def text_of(places, *lines: str, name: str = "night", more: str = "") -> str:
    return "\n".join([
        f"{{says}} = {places}/says.py", f"{{sleeps}} = {places}/sleeps.py", f"{{gone}} = {places}/gone.py",
        f"<writes> = {places}/says.py", f"[SEQUENCE {name}] {more}", *lines,
    ])  # fmt: skip


@pytest.fixture
def owner(db):
    return User.objects.create_user("olga", email="olga@example.org")


@pytest.fixture
def environment(child_environment, empty_redis, tmp_path, monkeypatch):
    monkeypatch.setenv("DYNAMO_SCHEDULER_STEP_PAUSE", "0.2")
    monkeypatch.setenv("DYNAMO_SCHEDULER_GRACE", "1")
    return child_environment(
        **{**QUICK, "DYNAMO_SCHEDULER_GRACE": "1"}, DYNAMO_APPLICATION_DIR=str(tmp_path / "applications"),
        DYNAMO_APPLICATION_PROGRAM_DIRS=str(tmp_path / "programs"), INVENTORY_IMAGE_DIR=str(tmp_path / "image"),
    )  # fmt: skip


@contextlib.contextmanager
def system(environment, tmp_path):
    """An inventory server, and a log for workers."""
    log = tmp_path / "inventory.log"
    with running([*MANAGE, "inventory_server"], environment, log):
        until(lambda: "server ready" in log.read_text(), 60, log)
        yield tmp_path / "worker.log"


def going(name: str, happens, log) -> None:
    """Do what beat does until it happens."""

    def look() -> bool:
        reconcile(scheduler_settings(), send)
        advance_all()
        return happens(sequences.views([name])[0])

    until(look, 90, log)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_sequences_go_on_at_once_each_in_its_order_and_end(
    transactional_db, places, owner, environment, tmp_path, settings, monkeypatch
):
    settings.SEQUENCE_VARIABLES = ["PARTITION"]
    monkeypatch.setenv("PARTITION", "two words")
    sequences.import_text(
        text_of(places, "| {says} 0 one", "WAIT 0.2", "| {says} 0 $(PARTITION)", "TERMINATE", name="a"), owner
    )
    sequences.import_text(text_of(places, "& {says} 0 b", "| {says} 1", "TERMINATE", name="b"), owner)
    with system(environment, tmp_path) as log, worker(environment, log):
        assert sequences.start("a") and sequences.start("b") and not sequences.start("a")
        going("a", lambda view: view.phase == Phase.ENDED, log)
        going("b", lambda view: view.phase == Phase.ENDED, log)
    states = {
        (row.step.sequence.name, row.step.position): (row.state, row.arguments, row.author)
        for row in Application.objects.all()
    }
    assert states == {
        ("a", 1): ("done", ["0", "one"], "olga"), ("a", 3): ("done", ["0", "two words"], "olga"),
        ("b", 1): ("done", ["0", "b"], "olga"), ("b", 2): ("failed", ["1"], "olga"),
    }  # fmt: skip
    failing = sequences.views(["b"])[0].failing
    assert (failing.position, failing.state, failing.error) == (2, "failed", "ended with status 1")
    assert not Sequence.objects.filter(enabled=True).exists()
    # A failure under | is seen, and nobody is woken up for it.
    assert not Notice.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_a_step_has_the_step_repeated(transactional_db, places, owner, environment, tmp_path):
    sequences.import_text(text_of(places, "& {sleeps}", "TERMINATE"), owner)
    sequences.start("night")
    with system(environment, tmp_path) as log:
        with worker(environment, log) as first:
            going("night", lambda view: view.steps[0].state == State.RUN, log)
            first.kill()
        interrupted = Application.objects.get()
        with worker(environment, log):
            going(
                "night",
                lambda view: Application.objects.filter(state=State.RUN).exclude(pk=interrupted.pk).exists(),
                log,
            )
            assert Application.objects.get(pk=interrupted.pk).state == State.KILLED
            assert sequences.stop("night", "operator", kill=True) is not None
            going("night", lambda view: not Application.objects.filter(state__in=OPEN_STATES).exists(), log)
    notice = Notice.objects.first()
    assert (notice.address, "step 1 (sleeps) killed" in notice.subject) == ("olga@example.org", True)


@pytest.mark.django_db
def test_a_step_that_cannot_start_is_a_failure_with_its_reason(places, owner, environment):
    sequences.import_text(text_of(places, "| {gone}", "| <writes> 0", "^ {says} $(SECRET)"), owner)
    sequences.start("night")
    for _ in range(4):
        advance_all()
    view = sequences.views()[0]
    assert [step.state for step in view.steps] == ["notfound", "authfailed", "failed"]
    assert "DYNAMO_SEQUENCE_VARIABLES" in view.steps[2].error
    assert (view.phase, view.failing.position) == (Phase.PAUSED, 1)
    assert Notice.objects.count() == 1


@pytest.mark.django_db
def test_one_that_cannot_go_on_does_not_keep_the_others_or_programs(places, owner, empty_redis, settings):
    settings.SEQUENCE_NOTIFY = "no.such.function"
    for name, step in (("a", "^ {gone}"), ("b", "WAIT 0"), ("c", "^ {gone}")):
        sequences.import_text(text_of(places, step, "WAIT 3600", name=name), owner)
        sequences.start(name)
    advance_all()
    waiting = applications.submit("olga", content=b"print(1)")
    with pytest.raises(ExceptionGroup) as raised:
        sequences_task()
    (steps,) = raised.value.exceptions
    assert [error.__notes__ for error in steps.exceptions] == [["sequence a"], ["sequence c"]]
    assert (sequences.get("b").phase, sequences.get("a").phase) == (Phase.WAITING, Phase.RUNNING)
    waiting.refresh_from_db()
    assert waiting.state == State.ASSIGNED


@pytest.mark.django_db
def test_stopped_and_started_it_goes_on_where_it_stood_or_begins(places, owner, environment):
    lines = ("| {gone}", "WAIT 3600", "| {gone}")
    for name, more in (("on", ""), ("anew", "restart")):
        sequences.import_text(text_of(places, *lines, name=name, more=more), owner)
        sequences.start(name)
        for _ in range(3):
            advance_all()
        assert sequences.get(name).phase == Phase.WAITING
        sequences.stop(name, "operator")
        assert sequences.get(name).phase == Phase.STOPPED
        advance_all()
        assert sequences.get(name).phase == Phase.STOPPED
        sequences.start(name)
    assert (sequences.get("on").position, sequences.get("anew").position) == (1, 0)
    with pytest.raises(ProgramRefused, match="goes on; stop it first"):
        sequences.import_text(text_of(places, *lines, name="on"), owner)
    sequences.stop("on", "operator")
    mallory = User.objects.create_user("mallory")
    with pytest.raises(ProgramRefused, match="olga's"):
        sequences.import_text(text_of(places, *lines, name="on"), mallory)
    with pytest.raises(ProgramRefused, match="there are anew, on"):
        sequences.start("nothing")


def command(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_sequences_by_command(places, owner, tmp_path, environment):
    file = tmp_path / "file"
    file.write_text(text_of(places, "^[2] {gone} a", "WAIT 60", "TERMINATE"))
    assert json.loads(command("sequence", "import", str(file), "--user", "olga", "--json")) == ["night"]
    exported = command("sequence", "export")
    file.write_text(exported)
    command("sequence", "import", str(file), "--user", "olga")
    assert command("sequence", "export", "night") == exported
    assert "^[2] {gone} a" in exported
    assert "is started" in command("sequence", "start", "night")
    advance_all()
    assert "FAILING: step 1" in command("sequence", "list")
    shown = json.loads(command("sequence", "show", "night", "--json"))
    assert (shown["failing"], shown["steps"][0]["state"], shown["steps"][0]["current"]) == (1, "notfound", True)
    assert "notfound" in command("sequence", "show", "night")
    assert "is stopped" in command("sequence", "stop", "night")
    file.write_text("nonsense")
    for words in (("import", str(file), "--user", "olga"), ("import", "/no/file", "--user", "olga"), ("start", "x"), ("export", "x"),
                  ("import", str(file), "--user", "nobody")):  # fmt: skip
        with pytest.raises(CommandError):
            command("sequence", *words)


@pytest.mark.django_db
def test_what_people_do_is_in_the_audit_log_and_what_beat_does_is_not(places, owner, environment):
    sequences.import_text(text_of(places, "WAIT 0", "WAIT 3600"), owner)
    sequences.start("night")
    before = AuditRecord.objects.count()
    assert AuditRecord.objects.filter(action="sequence.change").exists()
    advance_all()
    assert sequences.views()[0].phase == Phase.WAITING
    assert AuditRecord.objects.count() == before
    row = authorised.authorise(owner, "a" * 64, "root")
    authorised.withdraw(owner, row.sha256)
    assert list(AuditRecord.objects.order_by("id").values_list("action", flat=True))[-2:] == [
        "authorisation.add",
        "authorisation.delete",
    ]
