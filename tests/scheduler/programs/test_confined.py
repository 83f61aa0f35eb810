"""What a program can and cannot do: real processes, real limits."""

from __future__ import annotations

import os
import sys
import textwrap

import pytest
from django.conf import settings

from scheduler.models import Run, State
from tests.scheduler.programs.conftest import processes_with

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


def program(text: str) -> str:
    return textwrap.dedent(text)


def test_a_program_gets_its_arguments_as_they_are_and_a_clean_environment(run, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_WORKER", "hidden")
    ran = run(
        program("""
            import os, sys
            print(sys.argv[1:])
            print(sorted(name for name in os.environ if "SECRET" in name or "REDIS" in name or "DATABASE" in name))
            print(os.listdir("/proc/self/fd"), os.getcwd() == os.environ["HOME"], os.listdir())
        """),
        "; rm -rf /", "$(id)", "two words", "",
    )  # fmt: skip
    assert (ran.application.state, ran.application.exit_code, ran.application.error) == (State.DONE, 0, "")
    lines = ran.log.splitlines()
    assert lines[0] == "['; rm -rf /', '$(id)', 'two words', '']"
    assert lines[1] == "[]"
    # Standard streams, and the one that lists them.
    assert lines[2] == "['0', '1', '2', '3'] True []"
    assert Run.objects.get().state == State.DONE


def test_dynamos_files_other_processes_and_the_worker_are_out_of_reach(run):
    ran = run(
        program("""
            import os, sys
            def tried(what, call):
                try:
                    print(what, "yes", call())
                except OSError as error:
                    print(what, "no")
            home, worker = sys.argv[1:]
            tried("home", lambda: os.listdir(home) or 1 / 1 and open(home + "/secret_key").read())
            tried("environment", lambda: open(f"/proc/{worker}/environ").read())
            tried("kill", lambda: os.kill(int(worker), 0))
            tried("tmp", lambda: open("/tmp/left-behind", "w"))
            tried("root", lambda: open("/etc/shadow").read())
            tried("services", lambda: open("/etc/profile").read())
            tried("work", lambda: open("mine", "w").write("x"))
            print("uid", os.getuid())
        """),
        str(settings.DYNAMO_HOME), str(os.getpid()),
    )  # fmt: skip
    told = dict(line.split()[:2] for line in ran.log.splitlines() if not line.startswith("[dynamo]"))
    assert told.pop("uid") != "0"
    assert told == {
        "home": "no",
        "environment": "no",
        "kill": "no",
        "tmp": "no",
        "root": "no",
        "services": "no",
        "work": "yes",
    }, ran.log


def test_names_times_and_certificates_are_there(run):
    ran = run(
        program("""
            import pwd, socket, ssl, time
            print(bool(socket.getaddrinfo("localhost", 80)), pwd.getpwuid(0).pw_name, time.tzname[0])
            print(ssl.create_default_context().cert_store_stats()["x509"] > 0)
        """)
    )
    assert ran.log.splitlines()[:2] == ["True root UTC", "True"]


def test_a_program_that_fails_tells_how(run):
    assert run("import sys; sys.exit(1)").application.error == "ended with status 1"
    assert "terminated" in run("import sys; sys.exit(2)").application.error
    ran = run("import os; os.kill(os.getpid(), 11)")
    assert (ran.application.state, ran.application.exit_code) == (State.FAILED, -11)
    assert "SIGSEGV" in ran.application.error
    assert "No such file" in run("#!/no/such/interpreter\n").log


def test_a_script_of_the_shell_runs_by_its_first_line(run):
    ran = run('#!/bin/sh\necho "it is $1"\n', "me")
    assert "it is me" in ran.log
    assert ran.application.state == State.DONE


def test_a_fork_bomb_goes_off_inside_and_nothing_of_it_is_left(run, tune):
    tune(program_processes=40)
    mark = f"bomb-{os.getpid()}"
    ran = run(
        program("""
            import os, time
            made = 0
            while True:
                try:
                    if os.fork() == 0:
                        os.setsid()
                        time.sleep(600)
                except BlockingIOError:
                    break
                made += 1
            print("made", made, flush=True)
        """),
        mark,
    )  # fmt: skip
    made = int(ran.log.split("made ")[1].split()[0])
    assert 10 < made < 45
    assert ran.application.state == State.DONE
    assert processes_with(mark) == []


def test_memory_is_bounded_for_all_processes_together(run, tune):
    tune(program_memory=200 * 1024**2)
    ran = run(
        program("""
            import os, time
            for _ in range(4):
                if os.fork() == 0:
                    hog = bytearray(os.urandom(1 << 20)) * 100
                    time.sleep(600)
            time.sleep(600)
        """)
    )
    assert ran.application.state == State.FAILED
    assert "bytes of memory" in ran.application.error


def test_endless_output_is_kept_in_part_and_ends_the_program(run, tune):
    tune(program_log=100_000, program_output=20_000_000)
    ran = run("while True: print('x' * 99)")
    assert ran.application.state == State.FAILED
    assert "wrote more than 20000000 bytes" in ran.application.error
    assert 100_000 < len(ran.log) < 200_000
    assert "left out here" in ran.log


def test_endless_files_end_the_program_and_are_removed(run, tune, settings, tmp_path):
    settings.APPLICATION_WORK_DIR = str(tmp_path / "runs")
    (tmp_path / "runs").mkdir()
    tune(program_disk=5_000_000)
    ran = run(
        program("""
            import os, time
            for depth in range(200):
                os.mkdir("d"); os.chdir("d")
            os.chdir(os.environ["HOME"])
            number = 0
            while True:
                number += 1
                open(f"file{number}", "wb").write(b"x" * 1_000_000)
                time.sleep(0.01)
        """)
    )
    assert ran.application.state == State.FAILED
    assert "its files took" in ran.application.error or "deeper" in ran.application.error
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_single_file_has_a_size_limit_too(run, tune):
    tune(program_disk=1_000_000)
    ran = run("import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); open('f', 'wb').write(b'x' * 2_000_000)")
    assert "File too large" in ran.log


def test_cpu_time_is_bounded(run, tune):
    tune(program_cpu_seconds=1)
    ran = run("while True: pass")
    assert ran.application.state == State.FAILED
    assert "SIGXCPU" in ran.application.error


def test_ignoring_sigterm_helps_nobody(run):
    mark = f"deaf-{os.getpid()}"
    ran = run(
        program("""
            import os, signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.fork()
            while True:
                time.sleep(1)
        """),
        mark, limit=1,
    )  # fmt: skip
    assert ran.application.error == "it took longer than its limit of 1 s"
    assert processes_with(mark) == []


def test_a_program_told_to_end_can_clean_up(run):
    ran = run(
        program("""
            import signal, sys, time
            def end(*_):
                print("cleaned up", flush=True)
                sys.exit(0)
            signal.signal(signal.SIGTERM, end)
            time.sleep(600)
        """),
        limit=1,
    )
    assert "cleaned up" in ran.log
    assert ran.application.state == State.FAILED


def test_without_shutting_in_nothing_runs(run, monkeypatch):
    # As on a machine that gives nothing: an account that is not root's, and no namespaces.
    monkeypatch.setattr(
        "scheduler.programs.child.supervisor_command",
        lambda: [sys.executable, "-S", "-P", "-c", "import os\n"
                 "from scheduler.programs import confinement, supervisor\nconfinement.unshare = lambda: False\n"
                 "os.setuid(61000)\n"
                 "raise SystemExit(supervisor.main())"],
    )  # fmt: skip
    ran = run("print('ran')")
    assert ran.application.state == State.FAILED
    assert "not started" in ran.application.error
    assert "DYNAMO_APPLICATION_UNCONFINED" in ran.application.error
    assert "ran\n" not in ran.log
