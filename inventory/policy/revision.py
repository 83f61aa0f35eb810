"""The commit that a checkout is at, read from its files: no program is run for it."""

from __future__ import annotations

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40,64}")


def revision_of(path: Path) -> str:
    """The commit of the git checkout that the file is in; empty when it is in none, or that cannot be told."""
    for directory in path.resolve().parents:
        if (directory / ".git").exists():
            return _head(directory / ".git")
    return ""


def _head(git: Path) -> str:
    try:
        if git.is_file():  # a worktree or a submodule: the file says where its directory is
            git = git.parent / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
        name = head.removeprefix("ref:").strip()
        return head if name == head and _COMMIT.fullmatch(head) else _commit(git, name)
    except (OSError, ValueError):
        return ""


def _commit(git: Path, name: str) -> str:
    common = git / "commondir"
    places = [git, git / common.read_text().strip()] if common.exists() else [git]
    for place in places:
        if (place / name).is_file():
            found = (place / name).read_text().strip()
            return found if _COMMIT.fullmatch(found) else ""
        packed = place / "packed-refs"
        for line in packed.read_text().splitlines() if packed.is_file() else ():
            commit, _, reference = line.partition(" ")
            if reference == name and _COMMIT.fullmatch(commit):
                return commit
    return ""
