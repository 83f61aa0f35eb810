"""How a process shuts itself in, with what this machine offers: namespaces, another account, Landlock, limits.

Only the standard library, so that the processes around a program are small. Each step tells whether the machine let it.
Constants are Linux's; the numbers of Landlock's system calls are the same on all machines.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from collections.abc import Sequence
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_USER, _NEW_MOUNTS, _NEW_PIDS, _NEW_IPC = 0x10000000, 0x00020000, 0x20000000, 0x08000000
_NO_SETUID, _NO_DEVICES, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 4096, 16384, 1 << 18
_DEATH_SIGNAL, _NO_NEW_PRIVILEGES, _SUBREAPER = 1, 38, 36
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH, _ASK_VERSION = 1, 1
_EXECUTE, _WRITE, _READ_FILE, _READ_DIRECTORY = 1, 2, 4, 8
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
_READ = _EXECUTE | _READ_FILE | _READ_DIRECTORY
_OF_A_FILE = _EXECUTE | _WRITE | _READ_FILE | 1 << 14
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/proc", "/sys", "/opt", "/nix/store")
# Of /etc what libraries and names of hosts need, and nothing of services: some keep passwords there that others can read.
_SETTINGS = (
    "alternatives", "ca-certificates", "crypto-policies", "gai.conf", "grid-security/certificates", "group", "host.conf", "hosts",
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "mime.types", "nsswitch.conf", "passwd",
    "pki/ca-trust/extracted", "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "protocols", "resolv.conf", "services",
    "ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf", "timezone",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def _control(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    _control(_DEATH_SIGNAL, 9)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own has ended."""
    _control(_SUBREAPER, 1)


def unshare() -> bool:
    """Own processes, mounts and message queues for the children from now on; False: the machine does not allow it."""
    spaces = _NEW_MOUNTS | _NEW_PIDS | _NEW_IPC
    user, group = os.getuid(), os.getgid()
    if user == 0:
        return bool(_LIBC.unshare(spaces) == 0) and _private_mounts()
    if _LIBC.unshare(spaces | _NEW_USER) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return _private_mounts()


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> bool:
    given = [text.encode() for text in (source, target, kind, data)]
    return bool(_LIBC.mount(given[0], given[1], given[2], ctypes.c_ulong(flags), given[3]) == 0)


def _private_mounts() -> bool:
    return _mount("none", "/", "none", _RECURSIVE | _PRIVATE)


def own_processes_only() -> bool:
    """Show only this namespace's processes under /proc; call it in the namespace's first process."""
    # In mounts of its own: its parent goes on to see all processes.
    return bool(_LIBC.unshare(_NEW_MOUNTS) == 0) and _mount("proc", "/proc", "proc", _NO_SETUID | _NO_DEVICES | 8)


def hide(places: Sequence[str], needed: Sequence[str]) -> bool:
    """Put an empty directory over each of ``places``, and over what keeps other accounts from ``needed`` directories; these stay.

    In the own mounts only. False: the machine does not allow it.
    """
    closed = {str(closing) for path in needed if (closing := _closing(Path(path))) is not None}
    covers = [place for place in dict.fromkeys([*closed, *places]) if os.path.isdir(place)]  # noqa: PTH112 - no error if closed
    # From above to below: what is below a covered one is gone already.
    for cover in sorted(covers, key=len):
        if not os.path.isdir(cover):  # noqa: PTH112 - as above
            continue
        kept = {path: os.open(path, os.O_PATH) for path in needed if Path(path).is_relative_to(cover)}
        if not _mount("tmpfs", cover, "tmpfs", _NO_SETUID | _NO_DEVICES, "mode=755,size=1m"):
            return False
        for path, descriptor in kept.items():
            Path(path).mkdir(parents=True, exist_ok=True)
            if not _mount(f"/proc/self/fd/{descriptor}", path, "none", _BIND | _RECURSIVE):
                return False
            os.close(descriptor)
    return True


def _closing(path: Path) -> Path | None:
    """The first directory on the way to ``path`` that other accounts cannot pass."""
    for place in [*reversed(path.parents), path]:
        if place.is_dir() and not place.stat().st_mode & 0o001:
            return place
    return None


def readable_by_others(path: str) -> bool:
    """Whether another account gets to ``path``."""
    return _closing(Path(path)) is None


def become(account: int) -> None:
    """Go on as ``account``, with no group but its own: what root can do, and nobody can undo."""
    os.setgroups([])
    os.setresgid(account, account, account)
    os.setresuid(account, account, account)


def limit(limits: dict[str, int]) -> None:
    """Set hard limits by their names without RLIMIT_, as {"AS": bytes}."""
    for name, most in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        ceiling = resource.getrlimit(kind)[1]
        value = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
        # A second more until SIGKILL: SIGXCPU tells the program why.
        resource.setrlimit(kind, (value, value + 1 if name == "CPU" and ceiling == resource.RLIM_INFINITY else value))


def no_new_privileges() -> None:
    """No program started from here on gains rights by its file."""
    _control(_NO_NEW_PRIVILEGES, 1)


def landlock_version() -> int:
    """Landlock's version here; 0: there is none."""
    return max(0, int(_LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)))


def landlock(read: Sequence[str], listed: Sequence[str], write: Sequence[str]) -> bool:
    """From now on only these directories (and the system's) can be read, or only listed, or written; False: no Landlock here."""
    version = landlock_version()
    if not version:
        return False
    every = (1 << _RIGHTS_BY_VERSION.get(version, 15)) - 1
    rules = struct.pack("Q", every)
    ruleset = int(_LIBC.syscall(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0))
    if ruleset < 0:
        return False
    system = (*SYSTEM, *(f"/etc/{name}" for name in _SETTINGS))
    for paths, rights in (((*system, *read), _READ), (listed, _READ_DIRECTORY), ((*_DEVICES, *write), every)):
        for path in paths:
            _allow(ruleset, path, rights & every)
    done = bool(_LIBC.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    os.close(ruleset)
    return done


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # This machine does not have it, so there is nothing to allow.
        return
    if not os.path.isdir(path):  # noqa: PTH112 - few imports
        rights &= _OF_A_FILE
    rule = struct.pack("=Qi", rights, descriptor)
    failed = _LIBC.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    error = ctypes.get_errno()
    os.close(descriptor)
    if failed:
        raise OSError(error, f"landlock rule for {path}")
