"""The audit log: written with the change or not at all, by whom, and never changed."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import RequestFactory

from registry import audit, callers, rights
from registry.asking import Asker
from registry.audit_models import AppendOnly
from registry.callers import Caller
from registry.models import AuditRecord

pytestmark = pytest.mark.django_db


def test_who_how_and_from_where() -> None:
    ann = User.objects.create_user("ann")
    rights.grant(ann, "operator", "registry")
    caller = Caller(ann, "transfer agent", method=callers.TOKEN, address="192.0.2.7")
    audit.record(caller, "request.cancel", "copy request 1", {"status": "new"}, {"status": "cancelled"})
    row = AuditRecord.objects.get(action="request.cancel")
    assert (row.user, row.roles, row.method, row.service, row.address) == (
        "ann", "registry:operator", "token", "transfer agent", "192.0.2.7",
    )  # fmt: skip
    assert (row.action, row.target, row.before, row.after) == (
        "request.cancel", "copy request 1", {"status": "new"}, {"status": "cancelled"},
    )  # fmt: skip


def test_a_name_is_completed_from_the_request_that_is_answered() -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.8")
    request.user = User.objects.create_user("ann")
    with callers.answering(request):
        audit.record(Asker("ann"), "lock.set", "/a/b/c")
        audit.record("somebody else", "lock.set", "/a/b/d")
    audit.record("ann", "lock.set", "/a/b/e")
    assert list(AuditRecord.objects.filter(action="lock.set").order_by("id").values_list("user", "method", "address")) == [
        ("ann", "session", "192.0.2.8"), ("somebody else", "", ""), ("ann", "", ""),
    ]  # fmt: skip


def test_a_change_that_is_rolled_back_is_not_in_the_log() -> None:
    with transaction.atomic():
        audit.record("ann", "lock.set", "/a/b/c")
        assert AuditRecord.objects.exists()
        transaction.set_rollback(True)
    assert not AuditRecord.objects.exists()


def test_rows_are_neither_changed_nor_deleted() -> None:
    audit.record("ann", "lock.set", "/a/b/c")
    row = AuditRecord.objects.get()
    row.user = "ben"
    for act in (row.save, row.delete, AuditRecord.objects.all().delete, lambda: AuditRecord.objects.update(user="ben")):
        with pytest.raises(AppendOnly):
            act()
    assert AuditRecord.objects.get().user == "ann"


def test_what_is_long_is_cut() -> None:
    audit.record("ann", "a" * 200, "t" * 1000, None, {"text": "x" * 9000, "names": ["n"] * 900})
    row = AuditRecord.objects.get()
    assert (len(row.action), len(row.target)) == (100, 600)
    assert row.after["text"].endswith("(9000 characters)")
    assert row.after["names"][-1] == "… and 700 more"


def test_difference_holds_what_changed_only() -> None:
    assert audit.difference({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == ({"b": 2, "c": None}, {"b": 3, "c": 4})
