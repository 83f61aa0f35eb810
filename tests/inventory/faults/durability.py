"""What of the files is on the disk, and what goes when the power fails: contents and names that were not synchronised."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

# The real ones: those of ``os`` are watched.
_rename, _unlink = os.rename, os.unlink


class Durability:
    """Told of each effect; :meth:`cut` makes of the directory what a power cut would leave."""

    def __init__(self) -> None:
        self._contents: dict[int, str] = {}
        """Paths by inode: a file can have several names, and is synchronised under any of them."""
        self._names: list[tuple[str, str | None, str]] = []

    def note(self, operation: str, arguments: tuple[Any, ...]) -> None:
        """``operation`` was done with ``arguments``."""
        if operation == "write":
            self._contents[_inode(arguments[0])] = str(arguments[0])
        elif operation == "rename":
            source, target = str(arguments[0]), str(arguments[1])
            self._contents = {inode: _moved(path, source, target) for inode, path in self._contents.items()}
            self._names = [
                (name, past and _moved(past, source, target), _moved(now, source, target))
                for name, past, now in self._names
            ]
            self._names.append(("rename", source, target))
        elif operation == "link":
            self._names.append(("link", None, str(arguments[1])))
        elif operation == "sync":
            path = Path(f"/proc/self/fd/{arguments[0]}")
            self._contents.pop(_inode(path), None)
            self._names = [change for change in self._names if Path(change[2]).parent != path.readlink()]

    def cut(self) -> None:
        """Take back what is not on the disk."""
        for inode, path in self._contents.items():
            if Path(path).is_file() and _inode(path) == inode:
                os.truncate(path, Path(path).stat().st_size // 2)
        for name, source, target in reversed(self._names):
            if not Path(target).exists():
                continue
            if name == "link":
                _unlink(target)
            elif source is not None and not Path(source).exists() and Path(source).parent.exists():
                _rename(target, source)


def _inode(path: Any) -> int:
    return Path(path).stat().st_ino


def _moved(path: str, source: str, target: str) -> str:
    return target + path[len(source) :] if path == source or path.startswith(source + "/") else path
