"""Detox, file operations, runs and servers from the command line, against a real server."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.db import connection

from detox import comparing
from detox.cycle import run_cycle
from detox.models import Comparison, Cycle
from fileops.models import Subscription
from registry import rights, tokens
from scheduler.models import Application, Run
from scheduler.programs import files
from tests.api.makers import a_little_of_everything
from tests.client.test_verbs import until
from tests.detox import store
from tests.registry.makers import BIG, inventory_of_the_tests

pytestmark = pytest.mark.slow
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def olga(transactional_db, inventory, empty_redis, live_server, command, monkeypatch, settings, tmp_path) -> Command:
    """The command as an operator of everything, against a server that has its files here."""
    settings.HISTORY_DIR = tmp_path / "history"
    settings.POLICY_DIR = tmp_path / "policies"
    settings.DETOX_ENFORCER_PROTECTED = ""
    settings.POLICY_DIR.mkdir()
    (settings.POLICY_DIR / "Physics.txt").write_text(store.POLICY)
    user = User.objects.create_user("olga")
    for target in ("detox", "fileops", "application", "registry"):
        rights.grant(user, "operator", target)
    monkeypatch.setenv("DYNAMO_URL", live_server.url)
    monkeypatch.setenv("DYNAMO_TOKEN", tokens.create(user)[1])
    return command


@pytest.fixture
def cycle(olga: Command, inventory) -> Cycle:
    """A cycle of Detox that has deleted something."""
    store.full_site(inventory)
    return run_cycle(store.parsed(), "olga")


@pytest.fixture
def everything(olga: Command, inventory) -> None:
    inventory.commit(inventory_of_the_tests())
    a_little_of_everything()


def test_cycles_and_what_they_did(olga: Command, cycle: Cycle) -> None:
    assert olga("detox", "cycles", "--partition", "Physics")[1].split("\t")[:3] == [str(cycle.pk), "Physics", "done"]
    assert olga("detox", "cycles", "--partition", "Express")[1:] == ("", "no cycles\n")
    rows = {row.split("\t")[0]: row.split("\t") for row in olga("detox", "show")[1].splitlines()}
    assert (rows["T2_A"][1], int(rows["T2_A"][7])) == ("committed", 6 * store.TB)
    assert len(json.loads(olga("detox", "show", str(cycle.pk), "--json")[1])) == 2
    lines = json.loads(olga("detox", "lines", "Physics", "--by", "site", "--json")[1])
    assert sum(row["deleted"] for row in lines if row["site"] == "T2_A") == 6 * store.TB
    assert olga("rates", "--deletions") == (0, "", "nothing ended in that time\n")
    assert olga("detox", "show", "999")[0] == 1
    assert olga("detox", "show", "--partition", "Express")[2] == "dynamo: there is no cycle of Express\n"


def test_why_it_did_that(olga: Command, cycle: Cycle) -> None:
    code, out, _ = olga("detox", "explain", "/Older/A/AOD", "--site", "T2_A")
    assert code == 0
    assert "deleted: 2 blocks, 2.0 TB, by line 0" in out
    assert "line 1: Protect dataset.name == /*/*/RAW\n  does not match" in out
    assert "    dataset.status == INVALID: VALID - no" in out
    assert "takes 2 of 2 blocks" in out
    assert json.loads(olga("detox", "explain", "/Older/A/AOD", "--site", "T2_A", "--json")[1])["cycle"] == cycle.pk
    assert "It would have stayed if" in olga("detox", "explain", "/Older/A/AOD", "--site", "T2_A", "--changes")[1]
    sites = {row.split("\t")[0] for row in olga("detox", "explain", "/Older/A/AOD")[1].splitlines()}
    assert sites == {"T2_A", "T2_B"}
    assert olga("detox", "explain", "/No/A/AOD", "--site", "T2_A")[0] == 1


@contextmanager
def a_worker() -> Iterator[None]:
    """Answers the next what-if question."""

    def work() -> None:
        until(lambda: Comparison.objects.filter(state="waiting").exists())
        comparing.compute(Comparison.objects.get(state="waiting").pk)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def test_what_another_policy_would_do(olga: Command, cycle: Cycle, tmp_path) -> None:
    policy = tmp_path / "Mine.txt"
    policy.write_text(store.POLICY.replace("Protect dataset.name == /*/*/RAW", "Delete dataset.name == /*/*/RAW"))
    with a_worker():
        code, out, err = olga("detox", "simulate", str(policy), "--by", "dataset")
    assert code == 0, err
    assert out.split("\t")[:2] == ["/Raw/A/RAW", str(2 * store.TB)]
    assert "2.0 TB more" in err
    with a_worker():
        code, out, _ = olga("detox", "simulate", "--partition", "Physics", "--quota", "T2_A=100", "--cycle", str(cycle.pk), "--json")  # fmt: skip
    assert (code, json.loads(out)["partition"]) == (0, "Physics")


def test_what_cannot_be_compared_is_told(olga: Command, cycle: Cycle, tmp_path) -> None:
    broken = tmp_path / "Broken.txt"
    broken.write_text("Partition Physics\nDismis\n")
    code, _, err = olga("detox", "simulate", str(broken))
    assert (code, "line 2" in err or ":2:" in err) == (1, True), err
    assert olga("detox", "simulate", str(tmp_path / "None.txt"))[0] == 1
    with a_worker():
        code, _, err = olga("detox", "simulate", "--partition", "Express", "--quota", "T2_A=1")
    assert code == 6, err


def test_file_operations(olga: Command, everything: None) -> None:
    assert (
        olga("transfers", "--site", "T2_B", "--csv")[1].splitlines()[1].startswith("1,held,,T2_B,100,/store/big/1.root")
    )
    assert olga("transfers", "--state", "new")[1:] == ("", "no transfers\n")
    assert olga("transfers", "--deletions")[1].split("\t")[:3] == ["2", "held", "T2_A"]
    assert olga("held", "--reason", "no_source", "--site", "T2_A")[1].split("\t")[:3] == ["2", "held", "no_source"]
    Subscription.objects.update(state="done")
    assert olga("transfers")[1:] == ("", "no transfers\n")
    assert olga("transfers", "--all")[1].startswith("1\tdone\t")
    assert olga("held")[1:] == ("", "nothing is held\n")


def test_runs(olga: Command, everything: None) -> None:
    assert olga("runs", "--application", "detox")[1].split("\t")[:3] == ["1", "detox", "done"]
    assert olga("runs", "1")[1].splitlines()[1] == "application\tdetox"
    assert olga("runs", "1", "--log")[1].strip().endswith("decided")
    assert olga("runs", "--state", "run")[1:] == ("", "no runs\n")
    Run.objects.filter(pk=1).update(state="run")
    assert olga("runs", "1", "--kill")[0] == 0
    assert Run.objects.get(pk=1).killed_by == "olga"
    assert olga("runs", "999")[0] == 1


def test_servers(olga: Command, everything: None) -> None:
    code, out, _ = olga("servers")
    assert (code, "inventory" in {line.split("\t")[0] for line in out.splitlines()}) == (0, True)


def test_a_request_with_its_actions(olga: Command, everything: None) -> None:
    code, out, _ = olga("request", "show", "1")
    assert (code, f"new\t{BIG}\tT2_A" in out) == (0, True)


class TestPrograms:
    """What users submit; a worker is played here."""

    @pytest.fixture
    def program(self, olga: Command, tmp_path, settings) -> Application:
        """One that is submitted."""
        settings.APPLICATION_DIR = tmp_path / "applications"
        (tmp_path / "count.py").write_text("print('hello')\n")
        code, out, err = olga("run", "--title", "count", "--json", str(tmp_path / "count.py"), "--deep", "-n", "3")
        assert code == 0, err
        return Application.objects.get(pk=json.loads(out)["id"])

    def write(self, program: Application, text: str, **state: object) -> None:
        place = files.directory(program.pk)
        place.mkdir(parents=True, exist_ok=True)
        with (place / "log").open("a") as log:
            log.write(text)
        Application.objects.filter(pk=program.pk).update(**state)

    def test_it_is_submitted_with_its_arguments(self, olga: Command, program: Application) -> None:
        assert (program.title, program.author, program.arguments) == ("count", "olga", ["--deep", "-n", "3"])
        assert program.sha256 == hashlib.sha256(b"print('hello')\n").hexdigest()
        assert olga("runs", "--programs")[1].split("\t")[:2] == [str(program.pk), "count"]
        assert olga("runs", "-p", "--application", "other")[1:] == ("", "no programs\n")
        assert "title\tcount\n" in olga("runs", "-p", str(program.pk))[1]
        assert olga("run", "/nonexistent.py")[0] == 1

    def test_its_log_is_shown(self, olga: Command, program: Application) -> None:
        self.write(program, "one\ntwo\n", state="run")
        assert olga("runs", "--programs", str(program.pk), "--log")[1] == "one\ntwo\n"

    @pytest.mark.parametrize(("state", "exit_code", "code"), [("done", 0, 0), ("failed", 3, 6)])
    def test_it_is_followed_to_its_end(self, olga: Command, program: Application, state, exit_code, code) -> None:
        def work() -> None:
            self.write(program, "one\n", state="run")
            self.write(program, "two\n", state=state, exit_code=exit_code)
            connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        found, out, err = olga("runs", "--programs", str(program.pk), "--follow")
        thread.join()
        assert (found, out) == (code, "one\ntwo\n")
        assert ("count ended as failed with exit code 3" in err) == (code == 6)

    def test_it_is_ended(self, olga: Command, program: Application) -> None:
        code, out, _ = olga("runs", "--programs", str(program.pk), "--kill")
        assert (code, "state\tkilled\n" in out) == (0, True)
        assert Application.objects.get(pk=program.pk).killed_by == "olga"

    def test_what_is_not_allowed_is_told(self, olga: Command, program: Application, tmp_path) -> None:
        code, _, err = olga("run", "--level", "write", str(tmp_path / "count.py"))
        assert (code, "authorised" in err) == (3, True)
        assert olga("run", "--registered", "/etc/passwd")[0] == 1
