"""What ends at once when a user is made inactive: tokens, sessions, logins of programs, and programs that wait or go on.

Every call asks besides whether its user is active; this is for what goes on without calling, and so that none of it comes
to life again when the user does.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, Q
from django.db.models.signals import post_save, pre_delete
from django.utils import timezone

from inventory.run_token_models import RunToken
from registry import audit, callers, tokens
from registry.models import DeviceLogin
from scheduler import applications, sequences
from scheduler.models import OPEN_STATES, Application, Sequence


def connect() -> None:
    """Listen, once for all."""
    post_save.connect(_saved, sender=User, dispatch_uid="leaving.saved")
    pre_delete.connect(_deleted, sender=User, dispatch_uid="leaving.deleted")


@transaction.atomic
def leave(user: User) -> dict[str, int]:
    """End all of the user's; how many of each kind there were."""
    by = callers.current() or callers.of_command()
    ended = {
        "tokens": tokens.revoke_all(user),
        "device logins": DeviceLogin.objects.filter(Q(user=user) | Q(parent__user=user)).delete()[0],
        "sessions": _sessions(user),
        "programs": _programs(user, by.name),
        "tokens of runs": RunToken.objects.filter(author=user.get_username()).delete()[0],
    }
    if any(ended.values()):
        audit.record(by, "user.leave", f"user {user}", ended, None)
    return ended


def _sessions(user: User) -> int:
    # What a session holds can be read only one by one; users leave rarely.
    mine = [
        row.pk for row in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if row.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]  # fmt: skip
    return Session.objects.filter(pk__in=mine).delete()[0]


def _programs(user: User, by: str) -> int:
    for name in Sequence.objects.filter(owner=user, enabled=True).values_list("name", flat=True):
        sequences.stop(name, by)
    rows = Application.objects.filter(author=user.get_username(), state__in=OPEN_STATES)
    return sum(applications.kill(row, by) for row in rows)


def _saved(sender: type[Model], instance: User, created: bool, raw: bool = False, **_: Any) -> None:
    if not (raw or created or instance.is_active):
        leave(instance)


def _deleted(sender: type[Model], instance: User, **_: Any) -> None:
    leave(instance)
