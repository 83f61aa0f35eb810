"""Users' own programs, for pages, API and commands: submit, list, follow the log, kill.

    application = submit("alice", content=b"print('hello')", title="hello", arguments=["--deep"])
    part = log(application, offset=0)

States: new (waits for a place) → assigned (a worker has it; a writer waits for its turn) → run → done | failed | killed |
notfound | authfailed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import redis
import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from scheduler.ending import end_run
from scheduler.errors import ProgramRefused
from scheduler.models import OPEN_STATES, Application, Level, Run, SequenceStep, State
from scheduler.programs import authorised, files
from scheduler.programs.log import Part, part
from scheduler.programs.places import dispatch, require_room
from scheduler.settings import SchedulerSettings, scheduler_settings

_MOST_ARGUMENTS, _LONGEST_ARGUMENTS = 1000, 65536
_LOG = structlog.get_logger(__name__)


def submit(
    author: str, *, title: str = "", content: bytes | None = None, path: str = "", arguments: Sequence[str] = (),
    level: str = Level.READ, limit: float | None = None, step: SequenceStep | None = None,
) -> Application:  # fmt: skip
    """Queue a program: either ``content`` as uploaded, or the file at ``path`` below an allowed directory.

    ``limit``: seconds it may take (None, or more than is allowed: as much as is). Raises ProgramRefused, ProgramNotFound,
    ProgramNotAuthorised; then nothing is queued.
    """
    settings = scheduler_settings()
    if (content is None) == (not path):
        raise ProgramRefused("give either a program's content or the path of a registered one")
    if level not in Level.values:
        raise ProgramRefused(f"there is no level {level!r}; choose one of {', '.join(Level.values)}")
    _check_arguments(arguments)
    require_room(author)
    if content is None:
        data = files.registered(path, settings.program_bytes)
    else:
        files.require_size(len(content), settings.program_bytes, "the program")
        data = content
    digest = files.sha256(data)
    authorised.require(author, level, digest)
    with transaction.atomic():
        application = Application.objects.create(
            title=(title or path.rpartition("/")[2] or digest[:12])[:128], author=author, level=level, path=path,
            sha256=digest, arguments=list(arguments), step=step, limit=_limit(limit, settings),
        )  # fmt: skip
        if content is not None:
            files.keep(application.pk, content)
        transaction.on_commit(dispatch)
    _LOG.info("application submitted", application=application.pk, author=author, may=level, sha256=digest)
    return application


def _check_arguments(arguments: Sequence[str]) -> None:
    if isinstance(arguments, str) or not all(isinstance(word, str) and "\0" not in word for word in arguments):
        raise ProgramRefused("arguments are a list of texts without NUL")
    if len(arguments) > _MOST_ARGUMENTS or sum(map(len, arguments)) > _LONGEST_ARGUMENTS:
        raise ProgramRefused(f"no more than {_MOST_ARGUMENTS} arguments with {_LONGEST_ARGUMENTS} characters in all")


def _limit(seconds: float | None, settings: SchedulerSettings) -> float:
    if seconds is None:
        return settings.program_seconds
    if not seconds > 0:
        raise ProgramRefused(f"a limit of {seconds} seconds lets nothing run; give more than 0")
    return min(seconds, settings.longest_program_seconds)


def listed(
    states: Iterable[str] = (), author: str = "", title: str = "", before: int | None = None
) -> QuerySet[Application]:
    """Applications, the newest first; empty filters leave all. ``before``: only with smaller numbers (paging)."""
    rows = Application.objects.select_related("run", "job", "step__sequence").order_by("-id")
    chosen = list(states)
    if chosen:
        rows = rows.filter(state__in=chosen)
    if author:
        rows = rows.filter(author=author)
    if title:
        rows = rows.filter(title=title)
    return rows if before is None else rows.filter(pk__lt=before)


def log(application: Application, offset: int = 0, most: int = 65536) -> Part:
    """At most ``most`` bytes of what it wrote, from ``offset`` on, and the offset to ask for next; negative: from that many
    bytes before the end. When ``ended`` and ``next`` is where it was, no more will come.
    """
    # First whether it ended: what is written after this look is found by the next.
    ended = Application.objects.filter(pk=application.pk).exclude(state__in=OPEN_STATES).exists()
    return part(files.directory(application.pk) / "log", offset, most, ended)


def kill(application: Application, by: str) -> bool:
    """End it: at once if it is queued, else within seconds; nothing of it is written. False: it had ended already."""
    now = timezone.now()
    rows = Application.objects.filter(pk=application.pk, state__in=OPEN_STATES)
    if rows.filter(job=None).update(
        state=State.KILLED, killed_by=by, ended_at=now, error=f"ended by {by} before it started"
    ):
        return True
    # Its keeper looks for this, and ends it; one that waits for its turn looks less often, and is told by Redis, too.
    found = bool(rows.filter(killed_by="").update(killed_by=by)) or rows.exists()
    for run in Run.objects.filter(job__applications__in=rows, state=State.NEW):
        try:
            end_run(run, by)
        except redis.RedisError as error:
            _LOG.warning("it is ended a little later: Redis does not answer", run=run.pk, reason=str(error))
    return found
