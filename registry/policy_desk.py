"""Putting policies in force: the right to it, the version, and its one record in the audit log."""

from __future__ import annotations

from django.db import transaction

from inventory.models import PolicyVersion
from inventory.policy import versions
from registry import audit, rights
from registry.callers import Caller


@transaction.atomic
def save(
    by: Caller, name: str, text: str, source: str, *, based_on: int | None = None, comment: str = ""
) -> PolicyVersion:
    """Put a text in force as a new version; the same text again is none. Raises Denied, PolicyError, PolicyChanged."""
    rights.require(by, "operator", "policy")
    before = versions.newest(name)
    with audit.one_record():
        row = versions.save(name, text, by.name, source, based_on=based_on, comment=comment)
    if before is None or row.number != before.number:
        audit.record(by, "policy.save", name, _noted(before), _noted(row))
    return row


@transaction.atomic
def restore(by: Caller, name: str, number: int) -> PolicyVersion:
    """Put an old version in force again, as a new one. Raises Denied, PolicyUnknown, PolicyError."""
    rights.require(by, "operator", "policy")
    with audit.one_record():
        row = versions.restore(name, number, by.name)
    audit.record(by, "policy.restore", name, None, {"version": row.number, "again": number})
    return row


def _noted(row: PolicyVersion | None) -> dict[str, object] | None:
    """A version for the log; its text is kept where versions are."""
    return None if row is None else {"version": row.number, "digest": row.digest, "comment": row.comment}
