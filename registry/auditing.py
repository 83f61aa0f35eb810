"""Rows whose every change is in the audit log, whoever makes it: people and rights, and all that operators edit in the admin.

Django's signals tell of each row that is saved or deleted one by one; what services change in bulk they record themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from registry import audit, callers
from registry.callers import Caller

ALWAYS = frozenset({
    "auth.user", "auth.group", "registry.userdn", "registry.tokensubject", "registry.rightlimit", "registry.approvalrule",
    "inventory.tunedsetting", "scheduler.applicationlock", "scheduler.authorisation", "scheduler.sequence",
})  # fmt: skip
"""Recorded wherever they are changed; rows of other models when an administration page changes them."""
_BY_COMMANDS = frozenset({"inventory.policyversion"})
"""Recorded where nobody's call is answered, as by ``policy load``: calls record themselves what they do."""
_NEVER = (
    "sessions.",
    "admin.logentry",
    "contenttypes.",
    "registry.auditrecord",
    "registry.desk",
    "registry.failedlogins",
    "registry.sharedentry",
    "registry.keptanswer",
)
_NOTED = {("scheduler", "run"), ("scheduler", "job"), ("scheduler", "application")}
_UNTOLD = frozenset({"last_login", "digest", "content", "changed_at", "text"})
_SECRETS = frozenset({"password"})
_BEFORE = "_audited_before"


def connect() -> None:
    """Listen, once for all."""
    from django.contrib.admin.models import LogEntry

    for signal, receiver in ((pre_save, _before), (post_save, _saved), (post_delete, _deleted), (m2m_changed, _joined)):
        signal.connect(receiver, dispatch_uid=f"audit.{receiver.__name__}")
    post_save.connect(_noted, sender=LogEntry, dispatch_uid="audit.noted")


def _noted(sender: type[Model], instance: Any, created: bool, **_: Any) -> None:
    """What an administration page did otherwise than by saving a row, such as ending a run."""
    kind = instance.content_type
    if created and kind is not None and (kind.app_label, kind.model) in _NOTED:
        audit.record(
            _who(), f"{kind.model}.end", f"{kind.model} {instance.object_repr}", None, {"note": instance.change_message}
        )


def _watched(model: type[Model]) -> bool:
    name = model._meta.label_lower
    if audit.by_service() or name.startswith(_NEVER):
        return False
    return name in ALWAYS or callers.in_administration() or (name in _BY_COMMANDS and callers.current() is None)


def _before(sender: type[Model], instance: Model, raw: bool = False, **_: Any) -> None:
    if not raw and _watched(sender):
        old = sender._base_manager.filter(pk=instance.pk).first() if instance.pk is not None else None
        setattr(instance, _BEFORE, None if old is None else _values(old))


def _saved(sender: type[Model], instance: Model, created: bool, raw: bool = False, **_: Any) -> None:
    if raw or not _watched(sender):
        return
    before, after = getattr(instance, _BEFORE, None), _values(instance)
    if before is None:
        audit.record(_who(), f"{_name(sender)}.add", _target(instance), None, after)
        return
    old, new = audit.difference(before, after)
    if new:
        audit.record(_who(), f"{_name(sender)}.change", _target(instance), old, new)


def _deleted(sender: type[Model], instance: Model, **_: Any) -> None:
    if _watched(sender):
        audit.record(_who(), f"{_name(sender)}.delete", _target(instance), _values(instance), None)


def _joined(
    sender: type[Model], instance: Model, action: str, pk_set: Iterable[Any] | None, model: type[Model], **_: Any
) -> None:
    if action not in ("post_add", "post_remove", "pre_clear") or not (_watched(type(instance)) or _watched(model)):
        return
    found = model._base_manager.filter(pk__in=pk_set) if pk_set is not None else sender._base_manager.none()
    names = {"with": sorted(str(row) for row in found)} if pk_set is not None else {"with": "all"}
    if names["with"]:
        added = action == "post_add"
        verb = f"{_name(type(instance))}.{'join' if added else 'leave'}"
        audit.record(_who(), verb, _target(instance), None if added else names, names if added else None)


def _who() -> Caller:
    return callers.current() or callers.of_command()


def _name(model: type[Model]) -> str:
    return model._meta.verbose_name_raw.replace(" ", "-") if model is not User else "user"


def _target(row: Model) -> str:
    return f"{row._meta.verbose_name_raw} {row}"


def _values(row: Model) -> dict[str, Any]:
    """The row's columns; of secrets only whether they are the same."""
    found = {}
    for column in row._meta.concrete_fields:
        if column.name not in _UNTOLD and not column.primary_key:
            value = column.value_from_object(row)
            found[column.name] = _fingerprint(str(value)) if column.name in _SECRETS else value
    return found


def _fingerprint(secret: str) -> str:
    # Enough to see that it was changed; the salt of the kept hash is in it, so that equal passwords do not look equal.
    return f"secret …{audit.digest(secret)[:6]}"
