"""The ``dynamo`` command, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from detox.models import Cycle
from dynamo_client import show
from dynamo_client.command import main
from dynamo_client.place import server_url, user_token
from testbed.processes import free_ports
from tests.registry.makers import BIG

slow = pytest.mark.slow


@slow
def test_requests_from_the_command_line(dynamo) -> None:
    code, out, _ = dynamo("request", "copy", BIG, "--site", "T2_B", "--group", "AnalysisOps", "-n", "0")
    assert (code, "new, by ann, everywhere, for AnalysisOps" in out) == (0, True)
    number = out.split()[1].rstrip(":")
    code, out, _ = dynamo("request", "poll", number, "--json")
    assert (code, json.loads(out)[0]["item"]) == (0, [BIG])
    assert dynamo("request", "cancel", number)[0] == 0
    code, _, err = dynamo("request", "copy", "/No", "--site", "T2_B")
    assert (code, err) == (1, "dynamo: item: unknown dataset or block: /No\n")
    code, out, _ = dynamo("request", "delete", BIG, "--site", "T2_A")
    assert (code, "deletion" in out) == (0, True)
    code, out, _ = dynamo("request", "poll", "--deletion", "--status", "new")
    assert f"item {BIG}" in out
    assert dynamo("request", "poll", "--user", "bob")[1] == "no such request\n"


@slow
def test_locks_from_the_command_line(dynamo) -> None:
    code, out, _ = dynamo("locks", "add", BIG, "--expires", "30 days", "--site", "T2_A", "--comment", "paper")
    assert (code, f"{BIG} at T2_A until" in out, "by ann (paper)" in out) == (0, True, True)
    number = out.split(":")[0]
    assert dynamo("locks", "list")[1] == out
    assert "released" in dynamo("locks", "remove", number)[1]
    assert dynamo("locks", "list")[1] == "no locks\n"
    assert dynamo("locks", "add", BIG, "--expires", "whenever")[0] == 1


@slow
def test_cycles_from_the_command_line(dynamo) -> None:
    assert dynamo("cycles")[:2] == (0, "no cycles\n")
    times = {"started": datetime(2026, 3, 1, 12, tzinfo=UTC), "ended": datetime(2026, 3, 1, 13, tzinfo=UTC)}
    cycle = Cycle.objects.create(partition="Physics", state="done", author="olga", comment="weekly", policy="", **times)
    cycle.sites.create(site="T2_A", status="READY", quota=2 * 10**12, protected=10**12, kept=5 * 10**11, deleted=10**11)
    assert dynamo("cycles")[1] == f"{cycle.pk}: 2026-03-01 12:00 UTC, Physics weekly\n"
    assert dynamo("cycles", "--partition", "Express")[1] == "no cycles\n"
    code, out, _ = dynamo("cycles", "--cycle", "0")
    assert (code, out.splitlines()[-1].split()) == (0, ["T2_A", "2.000", "1.000", "0.500", "0.100"])
    assert json.loads(dynamo("cycles", "--json")[1])[0]["partition"] == "Physics"
    assert dynamo("cycles", "--cycle", "99")[0] == 1


@slow
@pytest.mark.parametrize(
    ("quota", "head", "shown"), [(1500.0, "TB", "1500.000"), (0.25, "GB", "250.000"), (0.0, "TB", "0.000")]
)
def test_a_cycles_volumes_are_in_a_unit_that_can_be_read(quota: float, head: str, shown: str) -> None:
    row = {"name": "Total", "quota": quota, "protect": 0.0, "keep": 0.0, "delete": 0.0}
    cycle = {"cycle": 1, "cycle_timestamp": 0, "partition": "P", "comment": "", "site_data": [row]}
    _, heading, total = show.cycles(cycle).splitlines()
    assert heading.split()[0] == head
    assert total.split()[:2] == ["Total", shown]


def test_injecting_from_the_command_line(dynamo, tmp_path) -> None:
    document = tmp_path / "document.json"
    document.write_text(json.dumps({"dataset": [{"name": "/N/a/B"}]}))
    code, out, _ = dynamo("inject", str(document), "--sync")
    assert (code, "datasets: 1" in out) == (0, True)
    assert "datasets: 1" in dynamo("inject", "--delete", "--sync", str(document))[1]
    document.write_text('{"dataset": ')
    code, _, err = dynamo("inject", str(document))
    assert (code, "line 1" in err) == (1, True)
    assert dynamo("inject", str(tmp_path / "none.json"))[0] == 1


@slow
def test_the_installed_program_reads_standard_input(server, token, tmp_path) -> None:
    environment = {"DYNAMO_URL": server, "DYNAMO_TOKEN": token, "PATH": "/usr/bin", "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-m", "dynamo_client.command", "inject", "-", "--sync", "--json"],
        input='{"group": [{"name": "NewGroup"}]}', env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["groups"] == 1


@slow
def test_who_is_not_known_gets_another_exit_code(dynamo, monkeypatch) -> None:
    monkeypatch.delenv("DYNAMO_TOKEN")
    code, _, err = dynamo("request", "copy", BIG, "--site", "T2_B")
    assert (code, "bearer token" in err) == (3, True)


def test_no_connection_is_told_in_one_line(capsys) -> None:
    assert main(["locks", "list", "--url", f"http://127.0.0.1:{free_ports(1)[0]}"]) == 4
    err = capsys.readouterr().err
    assert err.startswith("dynamo: http://127.0.0.1:") and err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["request"], ["request", "copy"], ["locks", "remove", "x"], ["inject"]])
def test_wrong_usage_ends_with_two(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: dynamo" in capsys.readouterr().err


def test_address_and_token_come_from_options_environment_and_files(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("DYNAMO_URL", "DYNAMO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert (server_url(), user_token()) == ("http://127.0.0.1:8000", "")
    (tmp_path / "dynamo").mkdir()
    (tmp_path / "dynamo" / "token").write_text("dynamo_file\n")
    (tmp_path / "dynamo" / "url").write_text("https://file.example.org\n")
    assert (server_url(), user_token()) == ("https://file.example.org", "dynamo_file")
    monkeypatch.setenv("DYNAMO_URL", "https://environment.example.org")
    monkeypatch.setenv("DYNAMO_TOKEN", "dynamo_environment")
    assert (server_url(), user_token()) == ("https://environment.example.org", "dynamo_environment")
    assert server_url("https://option.example.org") == "https://option.example.org"
