"""Operators' pages of users' programs and sequences."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from scheduler import applications, sequences
from scheduler.models import Application, Authorisation, Sequence, State

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
PAGES = "/admin/scheduler/"
FILE = "{look} = /programs/look.py\n[SEQUENCE night]\n^ {look}\nWAIT 60\n"


def _act(client, page, action, row):
    return client.post(f"{PAGES}{page}/", {"action": action, "_selected_action": [row.pk]}, follow=True)


def test_an_administrator_authorises_a_content_in_their_own_name(admin_client, alice):
    given = {"user": alice.pk, "sha256": "0" * 64, "title": "mine", "note": "read", "authorised_by": "somebody else"}
    admin_client.post(f"{PAGES}authorisation/add/", given)
    row = Authorisation.objects.get()
    assert (row.user, row.authorised_by) == (alice, "admin")
    assert "64 digits" in admin_client.post(f"{PAGES}authorisation/add/", {**given, "sha256": "XYZ"}).content.decode()
    admin_client.post(f"{PAGES}authorisation/{row.pk}/change/", {**given, "sha256": "1" * 64})
    assert Authorisation.objects.get().sha256 == "0" * 64


def test_programs_are_listed_and_ended(admin_client, places):
    row = applications.submit("bob", content=b"print(1)", title="<b>bold</b>")
    page = admin_client.get(f"{PAGES}application/").content.decode()
    assert "&lt;b&gt;bold" in page and "<b>bold" not in page
    _act(admin_client, "application", "end_selected", row)
    row.refresh_from_db()
    assert (row.state, row.killed_by) == (State.KILLED, "admin")


def test_sequences_are_started_exported_stopped_and_edited_only_while_stopped(admin_client, alice):
    sequences.import_text(FILE, alice)
    row = Sequence.objects.get()
    page = f"{PAGES}sequence/{row.pk}/change/"
    assert "/programs/look.py" in admin_client.get(page).content.decode()
    assert (
        _act(admin_client, "sequence", "export_selected", row).content.decode().startswith("{look} = /programs/look.py")
    )
    _act(admin_client, "sequence", "start_selected", row)
    assert sequences.get("night").enabled
    form = {"name": "night", "owner": alice.pk, "steps-TOTAL_FORMS": 0, "steps-INITIAL_FORMS": 0}
    assert admin_client.post(page, {**form, "name": "day"}).status_code == 403
    Application.objects.create(
        author="alice", title="look", sha256="", limit=1, state=State.FAILED, step=row.steps.first()
    )
    row.steps.filter(position=1).update(last=Application.objects.get())
    assert "1: look failed" in admin_client.get(f"{PAGES}sequence/").content.decode()
    _act(admin_client, "sequence", "stop_selected", row)
    assert not sequences.get("night").enabled
    admin_client.post(page, {**form, "name": "day"})
    assert sequences.get("day")


def test_a_step_that_could_not_be_done_is_refused_in_the_form(admin_client, alice):
    step = {"position": 1, "kind": "wait", "wait": "__import__('os')", "on_failure": "|", "level": "read"}
    form = {"name": "night", "owner": alice.pk, "steps-TOTAL_FORMS": 1, "steps-INITIAL_FORMS": 0}
    page = admin_client.post(
        f"{PAGES}sequence/add/", {**form, **{f"steps-0-{name}": value for name, value in step.items()}}
    )
    assert "neither a number" in page.content.decode()
    assert not Sequence.objects.exists()


def test_who_may_only_look_starts_and_ends_nothing(client, alice, places):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(*_permissions("view_sequence", "view_application"))
    client.force_login(looker)
    sequences.import_text(FILE, alice)
    _act(client, "sequence", "start_selected", Sequence.objects.get())
    row = applications.submit("bob", content=b"print(1)")
    _act(client, "application", "end_selected", row)
    row.refresh_from_db()
    assert (sequences.get("night").enabled, row.state) == (False, State.NEW)


def test_a_sequence_is_written_by_its_owner_only_and_given_away_by_administrators(client, admin_client, alice):
    editor = User.objects.create_user("editor", is_staff=True)
    names = [f"{verb}_{model}" for verb in ("view", "add", "change") for model in ("sequence", "sequencestep")]
    editor.user_permissions.add(*_permissions(*names))
    client.force_login(editor)
    sequences.import_text(FILE, alice)
    night = Sequence.objects.get()
    step = {"position": 1, "kind": "run", "title": "x", "path": "/programs/x.py", "on_failure": "|", "level": "rights"}
    form = {"owner": alice.pk, "steps-TOTAL_FORMS": 1, "steps-INITIAL_FORMS": 0}
    form |= {f"steps-0-{name}": value for name, value in step.items()}
    assert client.post(f"{PAGES}sequence/{night.pk}/change/", {**form, "name": "night"}).status_code == 403
    client.post(f"{PAGES}sequence/add/", {**form, "name": "mine"})
    mine = sequences.get("mine")
    assert mine.owner == editor
    change = f"{PAGES}sequence/{mine.pk}/change/"
    client.post(change, {"name": "still mine", "owner": alice.pk, "steps-TOTAL_FORMS": 0, "steps-INITIAL_FORMS": 0})
    assert sequences.get("still mine").owner == editor
    admin_client.post(change, {"name": "hers", "owner": alice.pk, "steps-TOTAL_FORMS": 0, "steps-INITIAL_FORMS": 0})
    assert sequences.get("hers").owner == alice


def _permissions(*names):
    from django.contrib.auth.models import Permission

    return Permission.objects.filter(codename__in=names)
