"""The processes around a program: ``python -m scheduler.programs.supervisor``, started by its keeper, standard library only.

    keeper ──▶ supervisor (limits of all processes together) ──▶ first process of the namespace ──▶ program

The keeper's order is the first line of standard input (JSON); after it a line means "end", and the pipe's end means that
the keeper is gone. What happens is told as JSON lines to the descriptor that the order names. Nothing the program
started outlives the supervisor.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from scheduler.programs import confinement

_LOOK_SECONDS, _DISK_LOOKS = 0.2, 5
_MEMORY = ("RssAnon:", "RssShmem:", "VmSwap:")
_NOT_STARTED = 127
_MOST_ENTRIES, _DEEPEST = 100_000, 64

Order = dict[str, Any]


def main() -> int:
    """Do one order to its end."""
    order: Order = json.loads(_first_line())
    tell = os.fdopen(order["tell"], "w", buffering=1)
    os.set_inheritable(tell.fileno(), False)
    confinement.adopt_orphans()
    own = confinement.unshare()
    hidden = own and confinement.hide(order["hidden"], order["needed"])
    apart = os.getuid() == 0 and (hidden or all(map(confinement.readable_by_others, order["needed"])))
    measures = {"namespaces": own, "hidden": hidden, "account": apart, "landlock": confinement.landlock_version() > 0}
    tell.write(json.dumps({"measures": measures}) + "\n")
    if not (apart or hidden) and not order["unconfined"]:
        tell.write(
            json.dumps(
                {
                    "refused": "this machine lets a program neither run as another account nor without sight of Dynamo's files"
                }
            )
            + "\n"
        )
        return 1
    if apart:
        os.chown(order["work"], order["account"], order["account"])
    status, reason = _supervised(order, own=own, apart=apart)
    tell.write(json.dumps({"status": status, "reason": reason}) + "\n")
    return 0


def _first_line() -> bytes:
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return bytes(line)


def _supervised(order: Order, *, own: bool, apart: bool) -> tuple[int | None, str]:
    """Start the program and look after it; its wait status (None: it was killed with all others) and why it was made to end."""
    reading, writing = os.pipe()
    parent = os.getpid()
    first = os.fork()
    if first == 0:
        os.close(reading)
        _first_process(order, writing, parent, own=own, apart=apart)
    os.close(writing)
    try:
        reason = _watched(order, reading, first)
    finally:
        _end_all()
    answer = os.read(reading, 64)
    return (int(answer) if answer else None), reason


def _watched(order: Order, ended: int, first: int) -> str:
    """Until the program ends, or has to; the reason in that case."""
    deadline, looks = time.monotonic() + order["limit"], 0
    while True:
        ready, _, _ = select.select([ended, 0], [], [], _LOOK_SECONDS)
        if ended in ready:
            return ""
        reason = _asked_to_end() if 0 in ready else ""
        if time.monotonic() > deadline:
            reason = f"it took longer than its limit of {order['limit']:g} s"
        reason = reason or _memory_trouble(order["memory"])
        if looks % _DISK_LOOKS == 0:
            reason = reason or _disk_trouble(order["work"], order["disk"])
        looks += 1
        if reason:
            _let_end(first, ended, order["grace"], gone=reason == _GONE)
            return reason


_GONE = "its keeper is gone"


def _asked_to_end() -> str:
    return "told to end" if os.read(0, 4096) else _GONE


def _let_end(first: int, ended: int, grace: float, *, gone: bool) -> None:
    """Time to end by itself; none when nobody waits for it."""
    if gone:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(first, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline:
        ready, _, _ = select.select([ended, 0], [], [], max(0.0, deadline - time.monotonic()))
        if ended in ready or (0 in ready and not os.read(0, 4096)):
            return


def _first_process(order: Order, tell: int, parent: int, *, own: bool, apart: bool) -> NoReturn:
    """In a namespace the process 1, with which all others end; passes SIGTERM on, and the program's status."""
    confinement.die_with_parent()
    if os.getppid() not in (0, parent):
        os._exit(_NOT_STARTED)
    if own:
        confinement.own_processes_only()
    program = os.fork()
    if program == 0:
        os.close(tell)
        _become_program(order, apart=apart)

    def pass_on(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program, signal.SIGTERM)

    signal.signal(signal.SIGTERM, pass_on)
    while True:
        number, status = os.wait()
        if number == program:
            os.write(tell, str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)


def _become_program(order: Order, *, apart: bool) -> NoReturn:
    try:
        os.setsid()
        os.umask(0o077)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.closerange(3, 65536)
        os.chdir(order["work"])
        os.nice(order["nice"])
        if apart:
            confinement.become(order["account"])
        confinement.limit(
            order["limits"] | ({} if apart else {"NPROC": order["limits"]["NPROC"] + _processes_of_account()})
        )
        confinement.no_new_privileges()
        confinement.landlock(order["read"], order["listed"], [order["work"]])
        os.execve(order["command"][0], order["command"], order["environment"])  # noqa: S606 - no shell is what is wanted
    except (OSError, ValueError, IndexError) as error:
        os.write(2, f"the program could not be started: {error}\n".encode())
    os._exit(_NOT_STARTED)


def _processes_of_account() -> int:
    """Threads that this account has already: the system counts them all."""
    user, found = os.getuid(), 0
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only
        with contextlib.suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == user:  # noqa: PTH116 - few imports
                found += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
    return found


def _descendants() -> list[int]:
    """All processes below this one."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # The name of the program, in parentheses, may have anything in it.
            fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] != b"Z":
                children.setdefault(int(fields[1]), []).append(int(name))
    found, look = [], [os.getpid()]
    while look:
        below = children.get(look.pop(), [])
        found += below
        look += below
    return found


def _memory_trouble(most: int) -> str:
    used = sum(_memory_of(number) for number in _descendants())
    return f"its processes used more than {most} bytes of memory" if used > most else ""


def _memory_of(process: int) -> int:
    """Bytes that are the process's own, or shared memory; not what it maps of programs and libraries."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(_MEMORY))


def _disk_trouble(work: str, most: int) -> str:
    used = entries = 0
    look = [(work, 0)]
    while look:
        place, depth = look.pop()
        if depth > _DEEPEST:
            return f"its directories lie deeper than {_DEEPEST} in each other"
        with contextlib.suppress(OSError), os.scandir(place) as found:
            for entry in found:
                entries += 1
                used += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    look.append((entry.path, depth + 1))
                if entries > _MOST_ENTRIES:
                    return f"it made more than {_MOST_ENTRIES} files"
    return f"its files took more than {most} bytes" if used > most else ""


def _end_all() -> None:
    """Kill every descendant: stopped first, so that none starts another in between."""
    while found := _descendants():
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, number)
        _reap()
        time.sleep(0.01)
    _reap()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


if __name__ == "__main__":
    sys.exit(main())
