"""Programs as files: the ones that were uploaded, the ones in allowed directories, and reading either safely.

A path counts by where it leads after all links, and again by where the opened file turns out to be: exchanging a directory
for a link in between leads nowhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from scheduler.errors import ProgramNotFound, ProgramRefused
from scheduler.models import Application

_STRAY_SECONDS, _ROWS = 86400.0, 500


def directory(number: int) -> Path:
    """Where the uploaded program and the log of an application are."""
    return Path(settings.APPLICATION_DIR) / str(number)


def keep(number: int, content: bytes) -> None:
    """Keep an uploaded program, for its owner's account only. In the transaction that made its row.

    What is there already is of a row that was rolled back: databases give its number again.
    """
    place = directory(number)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(place)
    place.mkdir(mode=0o700, parents=True)
    (place / "program").write_bytes(content)


def forget(days: float) -> int:
    """Delete applications that ended so long ago, with their files, and files of none; how many applications."""
    before = timezone.now() - timedelta(days=days)
    old = list(Application.objects.filter(ended_at__lt=before).values_list("pk", flat=True))
    for number in old:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(directory(number))
        Application.objects.filter(pk=number).delete()
    _forget_strays()
    return len(old)


def _forget_strays() -> None:
    """Delete what was kept for rows that were rolled back."""
    before = time.time() - _STRAY_SECONDS
    found = Path(settings.APPLICATION_DIR).glob("[0-9]*")
    numbers = [int(place.name) for place in found if place.name.isdecimal() and place.stat().st_mtime < before]
    for start in range(0, len(numbers), _ROWS):
        some = numbers[start : start + _ROWS]
        for number in set(some).difference(Application.objects.filter(pk__in=some).values_list("pk", flat=True)):
            shutil.rmtree(directory(number))


def sha256(content: bytes) -> str:
    """As sha256sum writes it."""
    return hashlib.sha256(content).hexdigest()


def content_of(application: Application, most: int) -> bytes:
    """The bytes of its program now. Raises ProgramNotFound, ProgramRefused."""
    if application.path:
        return registered(application.path, most)
    program = directory(application.pk) / "program"
    return _read(program, [directory(application.pk).resolve()], most)


def registered(path: str, most: int) -> bytes:
    """The bytes of the program at ``path``, below an allowed directory. Raises ProgramNotFound, ProgramRefused."""
    if "\0" in path or not path.startswith("/"):
        raise ProgramRefused(f"{path!r} is no absolute path of a program")
    return _read(Path(path), _allowed(), most)


def _allowed() -> list[Path]:
    return [Path(place).resolve() for place in settings.APPLICATION_PROGRAM_DIRS if Path(place).is_absolute()]


def _read(path: Path, allowed: list[Path], most: int) -> bytes:
    missing = f"there is no program {path} below an allowed directory ({', '.join(map(str, allowed)) or 'none is set'})"
    try:
        real = path.resolve(strict=True)
        _require_below(real, allowed, missing)
        # Not blocking: a pipe under that name must not hold us up.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, RuntimeError) as error:
        raise ProgramNotFound(missing) from error
    with os.fdopen(descriptor, "rb") as stream:
        _require_below(Path(f"/proc/self/fd/{descriptor}").readlink(), allowed, missing)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ProgramRefused(f"{path} is no ordinary file")
        content = stream.read(most + 1)
    require_size(len(content), most, str(path))
    return content


def _require_below(path: Path, allowed: list[Path], missing: str) -> None:
    if not any(path.is_relative_to(place) and path != place for place in allowed):
        # The same text as for what is not there: nobody learns here which files there are.
        raise ProgramNotFound(missing)


def require_size(size: int, most: int, what: str) -> None:
    """Raise ProgramRefused for a program without content, or with more than ``most`` bytes."""
    if not size:
        raise ProgramRefused(f"{what} is empty")
    if size > most:
        raise ProgramRefused(f"{what} has more than the {most} bytes that a program may have (scheduler.program_bytes)")
