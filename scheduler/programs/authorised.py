"""Which contents may write for whom, and who may run what: asked at submission, and again right before the start."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from scheduler.errors import ProgramNotAuthorised, ProgramRefused
from scheduler.models import Authorisation, Level


def require(author: str, level: str, sha256: str) -> None:
    """Raise :class:`ProgramNotAuthorised` unless the user may run this content with this level."""
    user = User.objects.filter(username=author).first()
    if user is not None and not user.is_active:
        raise ProgramNotAuthorised(f"{author} is not active any more; nothing is run in this name")
    if level == Level.READ:
        return
    if user is None:
        raise ProgramNotAuthorised(f"{author} is no active user, so the program may only read, in nobody's name")
    if not import_string(settings.APPLICATION_RIGHT)(user):
        raise ProgramNotAuthorised(
            f"{author} may only run programs of the level read; others need the role operator or admin on application"
        )
    if level == Level.WRITE and not Authorisation.objects.filter(user=user, sha256=sha256).exists():
        raise ProgramNotAuthorised(
            f"the content {sha256} is not authorised to write for {author}; an administrator looks at it and then runs: "
            f"manage.py application authorise {author} {sha256}"
        )


def authorise(user: User, sha256: str, by: str, title: str = "", note: str = "") -> Authorisation:
    """From now on a program with this content may write for the user; once more is no error. Raises ProgramRefused."""
    row = Authorisation(user=user, sha256=sha256.lower(), title=title, note=note, authorised_by=by)
    try:
        row.clean_fields()
    except ValidationError as error:
        raise ProgramRefused(f"{sha256!r}: {'; '.join(error.messages)}") from error
    given = {"title": title, "note": note, "authorised_by": by}
    return Authorisation.objects.get_or_create(user=user, sha256=row.sha256, defaults=given)[0]


def withdraw(user: User, sha256: str) -> bool:
    """From now on it may not; a program that runs ends without having written. False: it was not authorised."""
    return bool(Authorisation.objects.filter(user=user, sha256=sha256.lower()).delete()[0])
