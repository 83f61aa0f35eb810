"""Detox, file operations, runs and servers from the command line, against a real server."""

from __future__ import annotations

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
from scheduler.models import Run
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
