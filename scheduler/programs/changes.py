"""What a program asks to have written: a file that it left, of which nothing is believed but the rows."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused, Problem
from inventory.program import INCOMPLETE
from inventory.server import wire


def received(path: Path, most: int, changes: ChangeSet) -> ChangeSet:
    """``changes``, which has the run's own sender, with the rows in the file; empty when there is none. Raises ChangeRefused.

    A link, a pipe or a device under that name is refused, so that nothing but what the program wrote itself is read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return changes
    except OSError as error:
        raise _refused(f"cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as stream:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            raise _refused("is no ordinary file of its own")
        if about.st_size > most:
            raise _refused(f"has {about.st_size} bytes; {most} are allowed (scheduler.program_changes)")
        if not about.st_size:
            return changes
        data = stream.read(most + 1)
    if data == INCOMPLETE:
        raise _refused("is not complete: the program ended without its exit functions, or could not write it")
    asked = wire.unpacked(data)
    for name, rows in asked.puts.items():
        changes.put(name, rows)
    for name, rows in asked.deletes.items():
        changes.delete(name, rows)
    return changes


def _refused(what: str) -> ChangeRefused:
    return ChangeRefused([Problem("change set", f"the file that the program left {what}")])
