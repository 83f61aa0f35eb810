"""The kernel's own bound on the memory of a program's processes: a control group (v2) of theirs. Standard library only.

It needs a group that may be divided: the parent of the worker's own, which holds no processes itself, as systemd makes it with
``Delegate=yes`` and ``DelegateSubgroup=worker``. Where there is none the supervisor counts, and tells that this is lacking.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "dynamo-program-"


class MemoryGroup:
    """A group for the processes of one program; ``there``: whether the kernel bounds them."""

    def __init__(self, number: int, most: int, own: Path | None = None) -> None:
        place = _own() if own is None else own
        self._place = None if place is None else _made(place.parent, number, most)

    @property
    def there(self) -> bool:
        return self._place is not None

    def add(self, process: int) -> bool:
        """Have the process, and all that it starts from now on, in the group; whether it is."""
        if self._place is not None:
            try:
                (self._place / "cgroup.procs").write_text(str(process))
            except OSError:
                self.remove()
        return self.there

    def exceeded(self) -> bool:
        """Whether the kernel has ended processes of it for their memory."""
        if self._place is None:
            return False
        try:
            events = dict(line.split() for line in (self._place / "memory.events").read_text().splitlines())
        except OSError:
            return False
        return int(events.get("oom_kill", 0)) > 0

    def remove(self) -> None:
        """When all its processes are gone."""
        if self._place is not None:
            with contextlib.suppress(OSError):
                self._place.rmdir()
            self._place = None


def _own() -> Path | None:
    """The group of this process; None where there are none of version 2, or it is the root."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    name = next((line[3:] for line in lines if line.startswith("0::/")), "/")
    if name == "/" or not (_ROOT / "cgroup.controllers").exists():
        return None
    return _ROOT / name.lstrip("/")


def _made(above: Path, number: int, most: int) -> Path | None:
    place = above / f"{_PREFIX}{number}"
    try:
        if not (above / "cgroup.controllers").exists():
            return None
        # Of supervisors that were killed: only empty ones can be removed.
        for old in above.glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                old.rmdir()
        (above / "cgroup.subtree_control").write_text("+memory")
        place.mkdir()
    except OSError:
        return None
    try:
        (place / "memory.max").write_text(str(most))
        # All of the program ends, not one process of it.
        (place / "memory.oom.group").write_text("1")
        with contextlib.suppress(FileNotFoundError):
            (place / "memory.swap.max").write_text("0")
    except OSError:
        with contextlib.suppress(OSError):
            place.rmdir()
        return None
    return place
