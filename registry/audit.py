"""The audit log: every change with who, how known, from where, what, before and after.

    with transaction.atomic():
        ...the change...
        audit.record(caller, "request.cancel", str(request), {"status": "new"}, {"status": "cancelled"})

Written in the caller's transaction: a change that is rolled back is not in the log, and none is made that is not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from registry import callers
from registry.asking import Asker
from registry.audit_models import AuditRecord
from registry.callers import Caller

_LONGEST = {"action": 100, "target": 600, "user": 150, "service": 255, "address": 255}
_LONGEST_TEXT = 4000
_MOST_VALUES = 200
_BY_SERVICE: ContextVar[bool] = ContextVar("by_service", default=False)
Who = Caller | Asker | str
"""Who did it. A name or an :class:`Asker` is completed from the request that is being answered, if it is the caller's."""
Change = tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""What was changed (target), before and after."""


@contextmanager
def one_record() -> Iterator[None]:
    """For a service that records what it does: the rows that it changes tell nothing themselves, so that one act is one record."""
    before = _BY_SERVICE.set(True)
    try:
        yield
    finally:
        _BY_SERVICE.reset(before)


def by_service() -> bool:
    """Whether a service records what is being changed now."""
    return _BY_SERVICE.get()


def record(
    who: Who, action: str, target: str, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
) -> None:
    """Add one change to the log, in the caller's transaction. ``before`` None: it was not there; ``after`` None: it is gone."""
    record_many(who, action, [(target, before, after)])


def record_many(who: Who, action: str, changes: Iterable[Change]) -> None:
    """Add several changes by the same caller to the log, in the caller's transaction."""
    by, now = _caller(who), timezone.now()
    common = {
        "time": now, "roles": by.role, "method": by.method, **_cut(user=by.name, service=by.service, address=by.address),
    }  # fmt: skip
    rows = [
        AuditRecord(**common, **_cut(action=action, target=target), before=_plain(before), after=_plain(after))
        for target, before, after in changes
    ]
    AuditRecord.objects.bulk_create(rows, batch_size=200)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of both only what is different."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}


def digest(text: str) -> str:
    """A fingerprint of what must not be in the log itself."""
    return hashlib.sha256(text.encode()).hexdigest()


def _caller(who: Who) -> Caller:
    if isinstance(who, Caller):
        return who
    name, service = (who, "") if isinstance(who, str) else (who.user, who.service)
    found = callers.current()
    if found is not None and found.name == name:
        return found
    return Caller(AnonymousUser(), service, label=name)


def _cut(**texts: str) -> dict[str, str]:
    return {name: text[: _LONGEST[name]] for name, text in texts.items()}


def _plain(values: Mapping[str, Any] | None) -> Any:
    """The values as JSON; what is long is cut, as the log is read by people and kept for ever."""
    if values is None:
        return None
    return _bounded(json.loads(json.dumps(dict(values), cls=DjangoJSONEncoder, default=str)))


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {str(name)[:200]: _bounded(inner) for name, inner in list(value.items())[:_MOST_VALUES]}
    if isinstance(value, list):
        rest = [f"… and {len(value) - _MOST_VALUES} more"] if len(value) > _MOST_VALUES else []
        return [_bounded(inner) for inner in value[:_MOST_VALUES]] + rest
    return value
