"""A real XRootD server over one directory: configuration, command line, and whose account it runs under."""

from __future__ import annotations

import grp
import importlib.util
import os
import pwd
import re
import shutil
from pathlib import Path

_CONFIGURATION = """\
all.export /
oss.localroot {root}
xrd.port {port}
xrd.network nodnr
all.adminpath {state}
all.pidpath {state}
xrootd.chksum max 2 adler32
xrootd.async off
ofs.tpc ttl 60 60 xfr 10 autorm pgm {copy_program} --server
"""
_ACCOUNT = "xrootd"


def is_installed() -> bool:
    return shutil.which("xrootd") is not None and shutil.which("xrdcp") is not None


def account() -> tuple[int, int] | None:
    """(uid, gid) of the account a server started by root changes to; None when we are not root.

    XRootD refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_ACCOUNT)
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid
    return entry.pw_uid, entry.pw_gid


def prepare(root: Path, state: Path, port: int) -> list[str]:
    """Write the server's configuration under ``state`` and return its command line; gives both trees to its account."""
    for directory in (root, state):
        directory.mkdir(parents=True, exist_ok=True)
    configuration = state / "xrootd.cfg"
    copy_program = shutil.which("xrdcp")
    configuration.write_text(_CONFIGURATION.format(root=root, port=port, state=state, copy_program=copy_program))
    # Without a file for its number, the server leaves a description of itself in /tmp.
    command = ["xrootd", "-c", str(configuration), "-n", f"site{port}", "-s", str(state / "xrootd.pid")]
    owner = account()
    if owner is not None:
        give(root, owner)
        give(state, owner)
        command += ["-R", pwd.getpwuid(owner[0]).pw_name]
    return command


def give(tree: Path, owner: tuple[int, int]) -> None:
    """Make everything under ``tree`` belong to ``owner``."""
    os.chown(tree, *owner)
    for directory, names, files in os.walk(tree):
        for name in names + files:
            os.chown(Path(directory, name), *owner, follow_symlinks=False)


def obstacle(path: Path) -> str:
    """Why no server can be started over directories below ``path``; "" when nothing is in the way."""
    if not is_installed():
        return "XRootD is not installed"
    if importlib.util.find_spec("XRootD") is None:
        return "there is no wheel of XRootD's Python client for this machine"
    if not re.fullmatch(r"[^\s#$\\\"']+", str(path)):
        return f"XRootD takes no blanks or quotes in paths: {path}"
    if not _can_reach(path):
        return f"XRootD's account {_ACCOUNT} cannot get at {path}"
    return ""


def _can_reach(path: Path) -> bool:
    """Whether the server's account can get at ``path``: every directory above it must let it through."""
    if account() is None:
        return True
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)
