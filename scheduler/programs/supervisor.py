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

from scheduler.programs import confinement, usage
from scheduler.programs.memory import MemoryGroup

_LOOK_SECONDS, _DISK_LOOKS = 0.2, 5
_NOT_STARTED = 127

_REFUSED = "this machine lets a program neither run as another account nor without sight of Dynamo's files"

Order = dict[str, Any]


def main() -> int:
    """Do one order to its end."""
    order: Order = json.loads(_first_line())
    tell = os.fdopen(order["tell"], "w", buffering=1)
    os.set_inheritable(tell.fileno(), False)
    confinement.adopt_orphans()
    own = confinement.unshare()
    covered = own and confinement.hide(order["hidden"], order["needed"])
    apart = os.getuid() == 0 and (covered or all(map(confinement.readable_by_others, order["needed"])))
    first = _First(order, own=own, apart=apart)
    # The worker's environment is a file, too, in the machine's /proc.
    hidden, landlock = covered and first.alone, confinement.landlock_version() > 0
    group = MemoryGroup(os.getpid(), order["memory"])
    measures = {
        "namespaces": own, "hidden": hidden, "account": apart, "landlock": landlock, "memory group": group.add(first.number),
    }  # fmt: skip
    tell.write(json.dumps({"measures": measures}) + "\n")
    if not (apart or (hidden and landlock)) and not order["unconfined"]:
        tell.write(json.dumps({"refused": _REFUSED}) + "\n")
        _end_all()
        group.remove()
        return 1
    if apart:
        os.chown(order["work"], order["account"], order["account"])
    status, reason = _supervised(order, first, own=own)
    if group.exceeded():
        reason = reason or f"its processes used more than {order['memory']} bytes of memory"
    group.remove()
    tell.write(json.dumps({"status": status, "reason": reason}) + "\n")
    return 0


def _first_line() -> bytes:
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return bytes(line)


class _First:
    """The first process of the namespace, which waits until it is let go; ``alone``: whether it sees its own processes only.

    ``ended`` has the program's status when it has ended.
    """

    def __init__(self, order: Order, *, own: bool, apart: bool) -> None:
        self.ended, tell = os.pipe()
        wait, self._go = os.pipe()
        parent = os.getpid()
        self.number = os.fork()
        if self.number == 0:
            os.close(self.ended)
            os.close(self._go)
            _first_process(order, tell, wait, parent, own=own, apart=apart)
        os.close(tell)
        os.close(wait)
        self.alone = os.read(self.ended, 1) == _ALONE

    def go(self) -> None:
        """Have it start the program."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, b"\n")
        os.close(self._go)


_ALONE, _NOT_ALONE = b"+", b"-"


def _supervised(order: Order, first: _First, *, own: bool) -> tuple[int | None, str]:
    """Start the program and look after it; its wait status (None: it was killed with all others) and why it was made to end."""
    try:
        first.go()
        reason = _watched(order, first, own=own)
    finally:
        _end_all()
    answer = os.read(first.ended, 64)
    return (int(answer) if answer else None), reason


def _watched(order: Order, first: _First, *, own: bool) -> str:
    """Until the program ends, or has to; the reason in that case."""
    deadline, looks = time.monotonic() + order["limit"], 0
    while True:
        ready, _, _ = select.select([first.ended, 0], [], [], _LOOK_SECONDS)
        if first.ended in ready:
            return ""
        reason = _asked_to_end() if 0 in ready else ""
        if time.monotonic() > deadline:
            reason = f"it took longer than its limit of {order['limit']:g} s"
        reason = reason or usage.memory_trouble(_descendants(), order["memory"], own=own)
        if looks % _DISK_LOOKS == 0:
            reason = reason or usage.disk_trouble(_descendants(), order["work"], order["disk"])
        looks += 1
        if reason:
            _let_end(first.number, first.ended, order["grace"], gone=reason == _GONE)
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


def _first_process(order: Order, tell: int, wait: int, parent: int, *, own: bool, apart: bool) -> NoReturn:
    """In a namespace the process 1, with which all others end; passes SIGTERM on, and the program's status."""
    confinement.die_with_parent()
    if os.getppid() not in (0, parent):
        os._exit(_NOT_STARTED)
    os.write(tell, _ALONE if own and confinement.own_processes_only() else _NOT_ALONE)
    if not os.read(wait, 1):
        os._exit(_NOT_STARTED)
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
        # What the machine, or the worker's service, lacks memory for ends first.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        if apart:
            confinement.become(order["account"])
        confinement.limit(
            order["limits"] | ({} if apart else {"NPROC": order["limits"]["NPROC"] + _processes_of_account()})
        )
        confinement.no_new_privileges()
        if not confinement.landlock(order["read"], order["listed"], [order["work"]]) and not (
            apart or order["unconfined"]
        ):
            raise PermissionError("Landlock failed, and without it Dynamo's files could be written")
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
            # A process whose first thread has ended looks like one that has.
            if fields[0] != b"Z" or len(usage.threads(int(name))) > 1:
                children.setdefault(int(fields[1]), []).append(int(name))
    found, look = [], [os.getpid()]
    while look:
        below = children.get(look.pop(), [])
        found += below
        look += below
    return found


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
