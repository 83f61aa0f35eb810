"""Which programs are taken, and which are run."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from scheduler import applications, applock
from scheduler.errors import ProgramNotAuthorised, ProgramNotFound, ProgramRefused, TooManyPrograms
from scheduler.models import Application, Level, Run, State
from scheduler.programs import authorised, files, workplace
from scheduler.programs.log import Part
from scheduler.programs.places import dispatch
from tests.scheduler.programs.conftest import kept

pytestmark = pytest.mark.django_db
TEXT = b"print('ran')\n"


def submit(**more):
    return applications.submit("alice", **{"content": TEXT, **more})


def test_reading_is_for_everybody_and_rights_for_those_with_the_role(alice, places):
    User.objects.create_user("bob")
    assert applications.submit("nobody known", content=TEXT).state == State.NEW
    assert submit(level=Level.RIGHTS).level == Level.RIGHTS
    with pytest.raises(ProgramNotAuthorised, match="operator or admin on application"):
        applications.submit("bob", content=TEXT, level=Level.RIGHTS)
    with pytest.raises(ProgramNotAuthorised, match="no active user"):
        applications.submit("nobody known", content=TEXT, level=Level.RIGHTS)
    assert Application.objects.count() == 2


def test_writing_is_for_the_authorised_content_of_that_user_only(alice, places):
    with pytest.raises(ProgramNotAuthorised, match="application authorise alice"):
        submit(level=Level.WRITE)
    authorised.authorise(User.objects.create_superuser("root"), files.sha256(TEXT), "admin")
    with pytest.raises(ProgramNotAuthorised):
        submit(level=Level.WRITE)
    authorised.authorise(alice, files.sha256(TEXT).upper(), "admin")
    assert submit(level=Level.WRITE).state == State.NEW
    with pytest.raises(ProgramNotAuthorised):
        submit(content=TEXT + b"#", level=Level.WRITE)
    with pytest.raises(ProgramRefused, match="64 digits"):
        authorised.authorise(alice, "abc", "admin")


@pytest.mark.slow
def test_what_changed_or_was_withdrawn_after_submission_does_not_run(alice, places, inventory, empty_redis, tune):
    program = places / "program.py"
    program.write_bytes(TEXT)
    first = applications.submit("alice", path=str(program))
    program.write_bytes(TEXT + b"# changed\n")
    ran = kept(first)
    assert (ran.application.state, "has changed" in ran.application.error) == (State.AUTH_FAILED, True)
    authorised.authorise(alice, files.sha256(TEXT), "admin")
    second = submit(level=Level.WRITE)
    authorised.withdraw(alice, files.sha256(TEXT))
    ran = kept(second)
    assert ran.application.state == State.AUTH_FAILED
    third = applications.submit("alice", path=str(program))
    program.unlink()
    ran = kept(third)
    assert ran.application.state == State.NOT_FOUND
    assert "ran\n" not in ran.log
    # An uploaded one that somebody exchanged on the disk.
    fourth = submit()
    (files.directory(fourth.pk) / "program").write_bytes(b"print('other')")
    assert kept(fourth).application.state == State.AUTH_FAILED


@pytest.mark.slow
def test_what_is_withdrawn_while_the_program_runs_is_not_written(
    alice, places, inventory, empty_redis, tune, monkeypatch
):
    text = b"import os; open(os.environ['DYNAMO_RUN_CHANGES'], 'wb').write(b'x')"
    authorised.authorise(alice, files.sha256(text), "admin")
    application = submit(content=text, level=Level.WRITE)
    from scheduler.programs import keeper

    def received(*given):
        authorised.withdraw(alice, files.sha256(text))
        return given[-1].put("sites", [{"name": "T2_X"}])

    monkeypatch.setattr(keeper, "received", received)
    ran = kept(application)
    assert ran.application.state == State.AUTH_FAILED
    assert inventory.snapshot().frame("sites").is_empty()


def test_only_ordinary_files_below_allowed_directories_are_taken(places, tmp_path):
    outside = tmp_path / "outside.py"
    outside.write_bytes(TEXT)
    (places / "link.py").symlink_to(outside)
    (places / "up").symlink_to(tmp_path)
    (places / "inside.py").write_bytes(TEXT)
    (places / "good-link.py").symlink_to(places / "inside.py")
    os.mkfifo(places / "pipe")
    (places / "empty.py").touch()
    (places / "loop").symlink_to(places / "loop")
    for path in (
        outside,
        places / "link.py",
        places / "up" / "outside.py",
        places / ".." / "outside.py",
        places / "no",
        places / "loop",
        places,
    ):
        with pytest.raises(ProgramNotFound, match="below an allowed directory"):
            applications.submit("alice", path=str(path))
    for path, what in (
        (places / "pipe", "ordinary"),
        (places / "empty.py", "empty"),
        ("relative.py", "absolute"),
        ("/a\0b", "absolute"),
    ):
        with pytest.raises(ProgramRefused, match=what):
            applications.submit("alice", path=str(path))
    assert applications.submit("alice", path=str(places / "good-link.py")).title == "good-link.py"


def test_exchanging_a_directory_for_a_link_in_between_leads_nowhere(places, tmp_path, monkeypatch):
    (places / "sub").mkdir()
    (places / "sub" / "program.py").write_bytes(TEXT)
    (tmp_path / "program.py").write_bytes(b"other")
    opened = os.open

    def exchanged(path, *rest, **more):
        (places / "sub").rename(places / "was")
        (places / "sub").symlink_to(tmp_path)
        return opened(path, *rest, **more)

    monkeypatch.setattr(files.os, "open", exchanged)
    with pytest.raises(ProgramNotFound):
        applications.submit("alice", path=str(places / "sub" / "program.py"))


def test_what_cannot_be_a_program_is_refused(places, tune):
    tune(program_bytes=100)
    refused = [
        ({"content": b"x" * 101}, "100 bytes"), ({"content": b""}, "empty"), ({"path": "/x"}, "either"), ({"content": None}, "either"),
        ({"level": "all"}, "no level"), ({"arguments": "text"}, "list of texts"), ({"arguments": ["a\0"]}, "NUL"),
        ({"arguments": ["x"] * 1001}, "1000"), ({"limit": 0}, "more than 0"), ({"limit": float("nan")}, "more than 0"),
    ]  # fmt: skip
    for given, what in refused:
        with pytest.raises(ProgramRefused, match=what):
            submit(**given)
    assert submit(limit=10**12).limit == 7 * 86400
    assert Application.objects.count() == 1


def test_so_many_go_on_at_a_time_and_the_others_wait_in_order(places, tune, empty_redis):
    tune(programs=2)
    rows = [submit() for _ in range(3)]
    assert dispatch() == 2
    assert dispatch() == 0
    assert [Application.objects.get(pk=row.pk).state for row in rows] == [State.ASSIGNED, State.ASSIGNED, State.NEW]
    assert applications.kill(rows[0], "bob") and not applications.kill(rows[0], "bob")
    assert dispatch() == 1
    applock.lock("application", "bob")
    assert applications.kill(rows[1], "bob")
    submit()
    assert dispatch() == 0


def test_one_user_takes_neither_all_places_nor_the_whole_queue(places, tune, empty_redis):
    tune(programs=3, user_programs=2, user_queue=4)
    rows = [submit() for _ in range(4)]
    with pytest.raises(ProgramRefused, match="4 programs of alice wait already"):
        submit()
    others = applications.submit("bob", content=TEXT)
    tune(program_queue=5)
    with pytest.raises(TooManyPrograms, match="5 programs wait already"):
        applications.submit("carl", content=TEXT)
    assert dispatch() == 3
    assert [Application.objects.get(pk=row.pk).state for row in (*rows, others)] == [
        State.ASSIGNED, State.ASSIGNED, State.NEW, State.NEW, State.ASSIGNED,
    ]  # fmt: skip
    assert applications.kill(others, "bob")
    assert dispatch() == 0
    assert applications.kill(rows[0], "alice")
    assert dispatch() == 1


def test_a_number_of_which_nothing_came_is_given_again(places, settings):
    def given_up():
        with transaction.atomic():
            number = submit(content=b"first").pk
            raise ProgramRefused(str(number))

    with pytest.raises(ProgramRefused) as refused:
        given_up()
    row = submit()
    assert files.content_of(row, 100) == TEXT
    assert not (files.directory(row.pk) / "log").exists()
    # Where the number is not given again, its files go with those of old applications.
    stray = files.directory(int(str(refused.value)) + 1000)
    stray.mkdir()
    os.utime(stray, (0, 0))
    os.utime(files.directory(row.pk), (0, 0))
    files.forget(90)
    assert not stray.exists()
    assert files.content_of(row, 100) == TEXT


def test_what_a_program_was_given_does_not_stand_in_its_run(alice, places, inventory, empty_redis, tune):
    kept(submit(arguments=["--password", "sesame"]))
    assert "sesame" not in str(Run.objects.get().arguments)


def test_a_log_is_read_from_any_offset_without_cutting_characters(places):
    application = submit()
    path = files.directory(application.pk) / "log"
    text = "Übergrößenträger €\n" * 50
    path.write_text(text)
    offset, read = 0, ""
    while (part := applications.log(application, offset, 7)).text:
        read, offset = read + part.text, part.next
    assert read == text
    assert applications.log(application, -4).text == "€\n"
    size = path.stat().st_size
    assert applications.log(application, 10**9) == Part("", size, size, ended=False)


@pytest.mark.slow
def test_a_program_with_rights_gets_what_the_client_needs(alice, places, inventory, empty_redis, tune):
    text = b"import os, dynamo_client; print(sorted(n for n in os.environ if n.startswith('DYNAMO_')))"
    rights = kept(submit(content=text, level=Level.RIGHTS))
    plain = kept(submit(content=text))
    assert (rights.application.state, plain.application.state) == (State.DONE, State.DONE), rights.log
    assert "'DYNAMO_TOKEN', 'DYNAMO_URL'" in rights.log
    assert "'DYNAMO_TOKEN'" not in plain.log
    assert "DYNAMO_RUN_CHANGES" not in rights.log + plain.log


@pytest.mark.parametrize(("home", "hidden"), [("/", False), ("/usr", False), ("/srv/dynamo", True), ("nowhere", False)])
def test_the_home_of_an_account_is_hidden_unless_the_system_is_in_it(home, hidden, monkeypatch):
    monkeypatch.setenv("HOME", home)
    assert (home in workplace.hidden_places()) == hidden
