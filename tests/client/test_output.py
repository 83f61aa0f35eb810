"""What commands show: at terminals wide and narrow, in pipes, as JSON and CSV; and what ends them."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynamo_client.command import text
from dynamo_client.command.text import Volume
from tests.client.conftest import Answer

slow = pytest.mark.slow
NAMES = ("/Some/Dataset-v1/AOD", "=cmd|' /C calc'!A0", "\x1b[31mred\x1b[0m", "@SUM(1)", "-1+2", "größe")
ROWS = [{"name": name, "status": "VALID", "size": 1_500_000_000_000, "num_files": 12, "last_update": "2026-11-24T20:45:00Z"} for name in NAMES]  # fmt: skip
PAGE = Answer(200, {"results": ROWS, "next": None})
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def started(*arguments: str, url: str, **options) -> subprocess.Popen[str]:
    """The command in a process of its own, as users start it."""
    environment = {"DYNAMO_URL": url, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    environment |= options.pop("environment", {})
    return subprocess.Popen(
        [sys.executable, "-m", "dynamo_client.command", *arguments], env=environment, cwd=Path(__file__).parents[2], text=True, **options
    )  # fmt: skip


class Terminal:
    """A terminal of so many columns with the command in it."""

    def __init__(self, *arguments: str, url: str, columns: int, environment: dict[str, str] | None = None) -> None:
        self._here, there = pty.openpty()
        termios.tcsetwinsize(there, (40, columns))
        known = {"TERM": "xterm", **(environment or {})}
        self.process = started(
            *arguments, url=url, stdin=there, stdout=there, stderr=there, start_new_session=True, environment=known
        )
        os.close(there)
        self.shown = ""

    def read(self, until: str = "", seconds: float = 60.0) -> str:
        """What was shown until it ended, or ``until`` is in it."""
        end = time.monotonic() + seconds
        while not (until and until in self.shown):
            assert time.monotonic() < end, self.shown
            if not select.select([self._here], [], [], 0.1)[0]:
                continue
            try:
                more = os.read(self._here, 65536)
            except OSError:  # it has ended: Linux says so
                break
            if not more:
                break
            self.shown += more.decode()
        return self.shown

    def ended(self) -> int:
        self.read()
        os.close(self._here)
        return self.process.wait(60)


@slow
@pytest.mark.parametrize("columns", [200, 80, 40, 12])
def test_a_table_fits_the_terminal(played, columns: int) -> None:
    terminal = Terminal("datasets", url=played(PAGE).url, columns=columns)
    assert terminal.ended() == 0
    assert "\x1b[1m" in terminal.shown, "headings are bold"
    assert "\x1b[31mred" not in terminal.shown
    lines = ANSI.sub("", terminal.shown).replace("\r", "").splitlines()
    assert max(map(len, lines)) <= columns
    if columns == 200:
        assert [line.split()[0] for line in lines if "1.5 TB" in line][:2] == ["/Some/Dataset-v1/AOD", "=cmd|'"]
        assert r"\x1b[31mred" in "\n".join(lines)


@slow
def test_colours_can_be_forbidden(played) -> None:
    terminal = Terminal("datasets", url=played(PAGE).url, columns=80, environment={"NO_COLOR": "1", "TERM": "dumb"})
    assert terminal.ended() == 0
    assert not ANSI.search(terminal.shown)


@slow
def test_a_pipe_gets_plain_lines(played) -> None:
    process = started("datasets", url=played(PAGE).url, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == len(NAMES)
    assert lines[0].split("\t") == [NAMES[0], "VALID", "", "1500000000000", "12", "0", "2026-11-24T20:45:00Z"]
    assert "\x1b" not in out


def test_csv_is_safe_and_says_what_there_is(command, played) -> None:
    code, out, _ = command("datasets", "--csv", "--url", played(PAGE).url)
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0
    assert [row["dataset"] for row in rows] == [f"'{name}" if name[0] in "=-@" else name for name in NAMES]
    assert rows[0]["size"] == "1500000000000"


def test_json_is_what_the_server_said(command, played) -> None:
    code, out, _ = command("datasets", "--json", "--url", played(PAGE).url)
    assert (code, json.loads(out)) == (0, ROWS)
    assert json.loads(command("datasets", "--json", "--limit", "2", "--url", played(PAGE).url)[1]) == ROWS[:2]


@slow
def test_a_terminal_that_knows_few_characters_gets_others(played) -> None:
    known = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for form in ([], ["--csv"], ["--json"]):
        process = started(
            "datasets", *form, url=played(PAGE).url, stdout=subprocess.PIPE, stderr=subprocess.PIPE, environment=known
        )
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, ""), form
        assert "gr" in out


@slow
def test_a_reader_that_goes_away_is_no_error(played) -> None:
    page = Answer(200, {"results": ROWS * 5000, "next": "?cursor=c"})
    process = started("datasets", url=played(page).url, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert (process.wait(60), err) == (0, "")


REQUEST = {"id": 17, "status": "new", "items": ["/A"], "sites": ["T2_A"], "reason": ""}
NO_ACTIONS = Answer(200, {"results": [], "next": None})
ONE_ACTION = {"results": [{"id": 1, "item": "/A", "site": "T2_A", "status": "queued"}], "next": None}


@slow
def test_ctrl_c_ends_watching_and_not_the_request(played) -> None:
    server = played(Answer(200, REQUEST), NO_ACTIONS, Answer(200, REQUEST), NO_ACTIONS)
    terminal = Terminal("request", "watch", "17", "--interval", "60", url=server.url, columns=80)
    terminal.read(until="request 17: new")
    os.killpg(terminal.process.pid, signal.SIGINT)
    assert terminal.ended() == 130
    assert "goes on" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert {one.method for one in server.asked} == {"GET"}


@slow
def test_ctrl_c_while_waiting_for_an_answer(played) -> None:
    server = played(Answer(503, {"detail": "detox has the turn"}, {"Retry-After": "30"}))
    process = started("sites", url=server.url, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert "trying again in" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


@slow
@pytest.mark.parametrize(("status", "code", "said"), [
    ("completed", 0, ""), ("rejected", 6, "request 17 was rejected: no room"), ("cancelled", 6, "was cancelled"),
])  # fmt: skip
def test_watching_tells_changes_and_the_end(command, played, status: str, code: int, said: str) -> None:
    last = Answer(200, REQUEST | {"status": status, "reason": "no room" if status == "rejected" else ""})
    server = played(
        Answer(200, REQUEST), NO_ACTIONS, Answer(200, REQUEST | {"status": "activated"}), Answer(200, ONE_ACTION), last, Answer(200, ONE_ACTION)
    )  # fmt: skip
    found, out, err = command("request", "watch", "17", "--interval", "0.1", "--url", server.url)
    assert out.splitlines() == ["17\tnew\t0/0", "17\tactivated\t0/1", f"17\t{status}\t0/1"]
    assert (found, said in err) == (code, True)


def test_failed_actions_are_a_bad_end(command, played) -> None:
    failed = {"results": [{"item": "/A", "site": "T2_A", "status": "failed", "reason": "no source"}], "next": None}
    server = played(Answer(200, REQUEST | {"status": "completed"}), Answer(200, failed))
    code, _, err = command("request", "watch", "17", "--url", server.url)
    assert (code, "/A at T2_A no source" in err) == (6, True)


@slow
def test_an_upload_shows_how_far_it_is_at_a_terminal_only(played, tmp_path) -> None:
    document = tmp_path / "document.json"
    document.write_text(json.dumps({"dataset": [{"name": f"/{os.urandom(40).hex()}/a/B"} for _ in range(30_000)]}))
    server = played(Answer(202, {"id": 1, "state": "queued"}))
    terminal = Terminal("inject", str(document), url=server.url, columns=100)
    assert terminal.ended() == 0
    assert f"sending {document}"[:30] in ANSI.sub("", terminal.shown)
    process = started("inject", str(document), url=server.url, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert (err, "state\tqueued" in out) == ("", True)


@pytest.mark.parametrize(("value", "person", "program"), [
    (Volume(1_500_000_000), "1.5 GB", "1500000000"), (Volume(0), "0 B", "0"), (Volume(999), "999 B", "999"),
    (Volume(999_999), "1.0 MB", "999999"), (Volume(10**21), "1000.0 EB", str(10**21)), (True, "yes", "true"), (None, "", ""),
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02 03:04:05", "2026-01-02T03:04:05Z"), (0.123456, "0.1235", "0.123456"),
    (("a", "b"), "a,b", "a,b"), ({"a": 1}, "a=1", "a=1"), ("a\nb\x07", r"a\nb\x07", "a\nb\x07"), ("‮evil", r"\u202eevil", "‮evil"),
])  # fmt: skip
def test_values_for_people_and_for_programs(value: object, person: str, program: str) -> None:
    assert (text.shown(value), text.told(value)) == (person, program)


@slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    known = {"_DYNAMO_COMPLETE": f"source_{shell}", "SHELL": f"/bin/{shell}"}
    process = started(url="", stdout=subprocess.PIPE, environment=known)
    assert "dynamo" in process.communicate(timeout=60)[0]


@slow
@pytest.mark.parametrize(("line", "words"), [
    ("dynamo req", ["request"]), ("dynamo request c", ["copy", "cancel"]), ("dynamo stats us", ["usage"]),
    ("dynamo request list --status comp", ["completed"]), ("dynamo sites --quo", ["--quotas"]),
])  # fmt: skip
def test_completion_of_a_word(line: str, words: list[str]) -> None:
    known = {"_DYNAMO_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    process = started(url="", stdout=subprocess.PIPE, environment=known)
    assert process.communicate(timeout=60)[0].split() == words
