"""What a program's processes use of memory and disk together, as their supervisor sees it from outside; standard library only.

What cannot be looked at counts as trouble: a program must not be able to use more by hiding it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

_MEMORY = ("RssAnon:", "RssShmem:", "VmSwap:")
_MOST_ENTRIES, _DEEPEST = 100_000, 64
_BLOCK = 512
_SHARED_SEGMENTS = "/proc/sysvipc/shm"
_IN_MEMORY = ("/memfd:", "/SYSV", "/dev/zero")
_REMOVED = " (deleted)"
_GONE = (FileNotFoundError, ProcessLookupError)


def memory_trouble(processes: Sequence[int], most: int, *, own: bool) -> str:
    """Why they have to end for the memory of all of them; "": they need not. ``own``: they have System V's memory of their own."""
    try:
        used = sum(map(_memory_of, processes)) + _held(processes, in_memory=True) + (_segments() if own else 0)
    except OSError as error:
        return f"its processes cannot be looked at: {error.strerror}"
    return f"its processes used more than {most} bytes of memory" if used > most else ""


def disk_trouble(processes: Sequence[int], work: str, most: int) -> str:
    """Why they have to end for the files below ``work``, and those they removed and keep open; "": they need not."""
    try:
        used, trouble = _below(work)
        used += _held(processes, in_memory=False)
    except OSError as error:
        return f"its files cannot be looked at: {error.strerror}"
    return trouble or (f"its files took more than {most} bytes" if used > most else "")


def threads(process: int) -> list[str]:
    """The places under /proc of a process's threads: its first may have ended before the others."""
    try:
        return [f"/proc/{process}/task/{name}" for name in os.listdir(f"/proc/{process}/task")]  # noqa: PTH208 - names only
    except _GONE:
        return []


def _memory_of(process: int) -> int:
    """Bytes that are the process's own, or shared memory; not what it maps of programs and libraries."""
    return next((sum(found) for place in threads(process) if (found := _memory_by_kind(place))), 0)


def _memory_by_kind(place: str) -> list[int]:
    """Bytes, of one thread; none when it is ending, and has no memory any more."""
    try:
        lines = Path(f"{place}/status").read_text(errors="replace").splitlines()
    except _GONE:
        return []
    return [int(line.split()[1]) * 1024 for line in lines if line.startswith(_MEMORY)]


def _segments() -> int:
    """Bytes of System V's shared memory in this namespace: it stays when no process has it mapped."""
    try:
        titles, *rows = Path(_SHARED_SEGMENTS).read_text().splitlines()
    except FileNotFoundError:
        # The kernel has none.
        return 0
    places = [titles.split().index(name) for name in ("rss", "swap")]
    return sum(int(row.split()[place]) for row in rows for place in places)


def _held(processes: Sequence[int], *, in_memory: bool) -> int:
    """Bytes of open files that have no name (any more), in memory or on disk, each of them once."""
    found: dict[tuple[int, int], int] = {}
    for process in processes:
        # Of each thread: it can have files that the others have not.
        for place in threads(process):
            try:
                found.update(_held_by(place, in_memory=in_memory))
            except _GONE:
                continue
            except PermissionError:
                # What is ending is root's, and has nothing any more.
                if _memory_by_kind(place):
                    raise
    return sum(found.values())


def _held_by(place: str, *, in_memory: bool) -> Iterator[tuple[tuple[int, int], int]]:
    for name in os.listdir(f"{place}/fd"):  # noqa: PTH208 - names only
        link = f"{place}/fd/{name}"
        try:
            target = os.readlink(link)  # noqa: PTH115 - few imports
            if not target.endswith(_REMOVED) or target.startswith(_IN_MEMORY) != in_memory:
                continue
            about = os.stat(link)  # noqa: PTH116 - as above
        except _GONE:
            continue
        if stat.S_ISREG(about.st_mode):
            yield (about.st_dev, about.st_ino), about.st_blocks * _BLOCK


def _below(work: str) -> tuple[int, str]:
    """Bytes of the files below a directory, and what is wrong with them ("": nothing). Raises OSError for a closed one."""
    used = entries = 0
    look = [(work, 0)]
    while look:
        place, depth = look.pop()
        if depth > _DEEPEST:
            return used, f"its directories lie deeper than {_DEEPEST} in each other"
        try:
            found = os.scandir(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        with found:
            for entry in found:
                entries += 1
                if entries > _MOST_ENTRIES:
                    return used, f"it made more than {_MOST_ENTRIES} files"
                try:
                    used += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        look.append((entry.path, depth + 1))
                except FileNotFoundError:
                    continue
    return used, ""
