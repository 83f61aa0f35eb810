"""A worker that is not root: its programs have its account, and see and use no more for that. Real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from scheduler.programs.workplace import hidden_places
from tests.scheduler.programs.conftest import processes_with

pytestmark = pytest.mark.slow
ACCOUNT = 61000 if os.getuid() == 0 else os.getuid()


@pytest.fixture
def place():
    """A directory that the other account reaches; below it, what ``mine`` makes is that account's."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def mine(path: Path) -> Path:
    path.mkdir()
    (path / "token").write_text("told")
    for name in (path, path / "token"):
        os.chown(name, ACCOUNT, ACCOUNT)
    return path


def supervised(place, script, settings, *, changed="", **order):
    """What the program wrote, and what its supervisor answered; by the system's Python: ours may lie where the account cannot go."""
    program = place / "program"
    program.write_text(script)
    program.chmod(0o755)
    work = mine(place / "work")
    told, tell = os.pipe()
    order = {
        "command": [str(program)], "environment": {"PATH": "/usr/bin:/bin"}, "work": str(work), "tell": tell,
        "needed": [str(work)], "read": [str(program)], "listed": [], "hidden": [], "account": 0,
        "unconfined": False, "limit": 60, "grace": 1, "nice": 0, "memory": 10**9, "disk": 10**8,
        "limits": {"AS": 4 * 10**9, "FSIZE": 10**8, "NOFILE": 64, "NPROC": 32, "CPU": 60, "CORE": 0}, **order,
    }  # fmt: skip
    other = {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": []} if os.getuid() == 0 else {}
    process = subprocess.Popen(
        ["/usr/bin/python3", "-S", "-c", "from scheduler.programs import confinement, supervisor\n"
         f"{changed}\nraise SystemExit(supervisor.main())"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[tell],
        env={"PYTHONPATH": str(settings.BASE_DIR), "WORKERS_SECRET": "told"}, cwd="/", **other,
    )  # fmt: skip
    os.close(tell)
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    output = process.stdout.read().decode()
    process.wait(60)
    with os.fdopen(told) as stream:
        answers = {name: value for line in stream for name, value in json.loads(line).items()}
    return output, answers


def test_namespaces_shut_its_programs_in(place, settings):
    secret = mine(place / "secret")
    output, answers = supervised(
        place,
        f"#!/bin/sh\nid -u; cat {secret}/token; kill -0 {os.getpid()} && echo reached; ls /tmp; echo mine > file; cat file\n"
        f"setsid sleep 600.{os.getpid()} &\n",
        settings, hidden=[str(secret)],
    )  # fmt: skip
    lines = output.splitlines()
    assert answers["measures"]["namespaces"] and answers["measures"]["hidden"], lines
    assert (answers["status"], answers["reason"]) == (0, "")
    assert (lines[0], lines[-1]) == (str(ACCOUNT), "mine")
    assert not {"told", "reached"} & set(lines)
    assert processes_with(f"600.{os.getpid()}") == []


def test_nothing_of_dynamo_is_seen_even_without_landlock(place, settings):
    """All directories of the installation, the one of its environment, and that of the socket of Redis."""
    homes = [mine(place / name) for name in ("policies", "image", "history", "uploads", "etc", "redis")]
    settings.POLICY_DIR, settings.INVENTORY_IMAGE_DIR, settings.HISTORY_DIR, settings.APPLICATION_DIR = homes[:4]
    settings.APPLICATION_HIDDEN, settings.REDIS_URL = [str(homes[4])], f"unix://{homes[5]}/redis.sock"
    script = "#!/bin/sh\ncat /proc/*/environ | tr '\\0' '\\n' | grep WORKERS\n" + "".join(
        f"cat {home}/token && echo; echo written > {home}/token\n" for home in homes
    )
    _, answers = supervised(
        place, script, settings, hidden=hidden_places(), unconfined=True,
        changed="confinement.landlock_version = lambda: 0; confinement.landlock = lambda *_: False",
    )  # fmt: skip
    # Whether there is a memory group is up to the machine.
    assert isinstance(answers["measures"].pop("memory group"), bool)
    assert answers["measures"] == {"namespaces": True, "hidden": True, "account": False, "landlock": False}
    assert [(home / "token").read_text() for home in homes] == ["told"] * 6


def test_what_is_hidden_is_never_the_systems(settings):
    settings.APPLICATION_HIDDEN = ["/etc", "/run", "/", "relative"]
    settings.REDIS_URL = "unix:///run/redis.sock"
    assert not {"/etc", "/run", "/", "relative"} & set(hidden_places())


@pytest.mark.parametrize(
    "changed",
    ["confinement.own_processes_only = lambda: False", "confinement.landlock_version = lambda: 0",
     "confinement.landlock = lambda *_: False"],
)  # fmt: skip
def test_less_than_all_of_it_is_not_enough(place, settings, changed):
    """The worker's environment in the machine's /proc; the files of its account that could be written."""
    output, answers = supervised(place, "#!/bin/sh\necho ran\n", settings, changed=changed)
    assert "refused" in answers or answers["status"] == 127, output
    assert "ran\n" not in output


HOLDING = "import os, time\nfiles = []\nfor number in range(40):\n"
MEMORY = {
    "nameless memory": HOLDING + "    files.append(os.memfd_create('x')); os.write(files[-1], b'x' * 3_000_000)\n",
    "segments": "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.shmat.restype = ctypes.c_void_p\n" + HOLDING
    + "    place = libc.shmat(libc.shmget(0, 3_000_000, 0o1600), None, 0)\n"
    "    ctypes.memset(place, 1, 3_000_000); libc.shmdt(ctypes.c_void_p(place))\n",
    "first thread gone": "import ctypes, os, threading, time\ndef hog():\n    time.sleep(0.5)\n"
    "    held = [os.urandom(3_000_000) for _ in range(40)]\n    time.sleep(30)\nthreading.Thread(target=hog).start()\n"
    "ctypes.CDLL(None).syscall({'x86_64': 60}.get(os.uname().machine, 93), 0)\n",
}  # fmt: skip
DISK = {
    "removed": HOLDING + "    files.append(open('f', 'wb')); os.remove('f'); files[-1].write(b'x' * 3_000_000)\n",
    "closed": HOLDING + "    os.makedirs('d', exist_ok=True); open(f'd/{number}', 'wb').write(b'x' * 1_000_000)\nos.chmod('d', 0)\n",
}  # fmt: skip


@pytest.mark.parametrize("hiding", MEMORY)
def test_memory_without_a_process_that_shows_it_counts(place, settings, hiding):
    script = f"#!/usr/bin/python3\n{MEMORY[hiding]}time.sleep(30)\n"
    output, answers = supervised(place, script, settings, memory=8 * 10**7)
    assert "bytes of memory" in answers["reason"], output


@pytest.mark.parametrize("hiding", DISK)
def test_files_that_no_directory_shows_count(place, settings, hiding):
    output, answers = supervised(place, f"#!/usr/bin/python3\n{DISK[hiding]}time.sleep(30)\n", settings, disk=2 * 10**7)
    assert "its files" in answers["reason"], output


def test_a_program_that_lets_nobody_look_at_it_is_ended(place, settings):
    script = "#!/usr/bin/python3\nimport ctypes, time\nctypes.CDLL(None).prctl(4, 0)\ntime.sleep(30)\n"
    output, answers = supervised(place, script, settings)
    assert "cannot be looked at" in answers["reason"], output


def test_processes_that_end_while_they_are_looked_at_are_no_trouble(place, settings):
    script = "#!/bin/sh\nuntil [ $((n += 1)) -gt 2000 ]; do /bin/true; done; echo all\n"
    output, answers = supervised(
        place, script, settings, changed="supervisor._LOOK_SECONDS, supervisor._DISK_LOOKS = 0.001, 1"
    )
    assert (output, answers["reason"]) == ("all\n", "")
