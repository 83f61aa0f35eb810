"""``manage.py application``."""

from __future__ import annotations

import hashlib
import io
import json

import pytest
from django.core.management import CommandError, call_command

from scheduler.models import Application, State
from scheduler.programs import keeper

pytestmark = pytest.mark.django_db


def command(*words: str) -> str:
    out = io.StringIO()
    call_command("application", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import sys\nprint('ran with', sys.argv[1:])\nsys.exit(len(sys.argv) - 2)\n")
    return path


@pytest.mark.slow
def test_submit_show_and_log(inventory, empty_redis, places, tune, program):
    told = command("submit", str(program), "--user", "bob", "--arguments", "'two words'", "--title", "try")
    row = Application.objects.get()
    assert f"application {row.pk} is queued" in told
    keeper.keep(row.pk)
    assert "ran with ['two words']" in command("log", str(row.pk))
    assert "ran with ['two words']" in command("log", str(row.pk), "--follow")
    assert command("log", str(row.pk), "--tail", "5") == "done\n"
    shown = json.loads(command("show", str(row.pk), "--json"))
    assert (shown["state"], shown["user"], shown["exit_code"], shown["title"]) == ("done", "bob", 0, "try")
    assert "done" in command("show", str(row.pk))
    assert "had ended already" in command("kill", str(row.pk))


@pytest.mark.slow
def test_follow_tells_by_its_status_how_it_ended(inventory, empty_redis, places, tune, program, monkeypatch):
    monkeypatch.setattr("scheduler.commands.application.submit.common.follow", lambda row, out: _kept(row))
    command("submit", str(program), "--user", "bob", "--follow", "--arguments", "x")
    with pytest.raises(CommandError, match="failed: ended with status"):
        command("submit", str(program), "--user", "bob", "--follow", "--arguments", "x y")


def _kept(row: Application) -> Application:
    keeper.keep(row.pk)
    row.refresh_from_db()
    return row


def test_kill_and_list(places, program):
    command("submit", str(program), "--user", "bob")
    command("submit", str(program), "--user", "eve", "--json")
    first = Application.objects.order_by("id").first()
    assert "is ended" in command("kill", str(first.pk))
    assert [row["user"] for row in json.loads(command("list", "--json"))] == ["eve", "bob"]
    assert [row["state"] for row in json.loads(command("list", "--json", "--state", "killed"))] == ["killed"]
    assert "before it started" in command("list", "--user", "bob")
    assert Application.objects.get(pk=first.pk).state == State.KILLED


def test_authorise(alice, places, program):
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    assert "may write for alice" in command(
        "authorise", "alice", str(program), "--title", "mine", "--note", "read by bob"
    )
    assert digest in command("authorise")
    assert json.loads(command("authorise", "--json"))[0]["title"] == "mine"
    assert (
        json.loads(command("submit", str(program), "--user", "alice", "--level", "write", "--json"))["sha256"] == digest
    )
    assert "may not write any more" in command("authorise", "alice", digest, "--withdraw")
    with pytest.raises(CommandError, match="not authorised"):
        command("submit", str(program), "--user", "alice", "--level", "write")


def test_mistakes_are_told_in_one_line(places, program, alice):
    for words, what in (
        (("submit", "/no/such"), "cannot be read"), (("submit", "--user", "bob"), "either"), (("show", "77"), "no application 77"),
        (("submit", str(program), "--arguments", "'"), "--arguments"), (("authorise", "alice"), "give USER and CONTENT"),
        (("authorise", "nobody", "0" * 64), "no user nobody"), (("authorise", "alice", "/no/such"), "neither a SHA-256"),
        (("submit", "--path", "/etc/passwd"), "below an allowed directory"),
    ):  # fmt: skip
        with pytest.raises(CommandError, match=what):
            command(*words)
