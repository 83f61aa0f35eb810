"""The ``dynamo`` command, against a real server."""

from __future__ import annotations

import io
import json

import pytest
from django.contrib.auth.models import User

from dynamo_client.command.app import EXIT_CODES
from dynamo_client.command.reference import leaves, manual
from registry import rights
from testbed.processes import free_ports
from tests.client.conftest import Answer
from tests.registry.makers import BIG, SMALL

slow = pytest.mark.slow
VERBS = (
    "whoami", "inject", "invalidate", "datasets", "replicas", "request copy", "request delete", "request list", "request show",
    "request cancel", "request watch", "lock", "unlock", "locks", "detox cycles", "detox show", "detox lines", "detox explain", "detox simulate",
    "transfers", "rates", "held", "sites", "stats", "query", "run", "runs", "servers", "lfn2pfn", "token list", "token create",
    "token revoke", "token login", "token logout",
)  # fmt: skip


@slow
def test_requests_from_the_command_line(dynamo) -> None:
    code, out, _ = dynamo("request", "copy", BIG, "--site", "T2_B", "--group", "AnalysisOps", "-n", "0", "--json")
    made = json.loads(out)
    assert (code, made["status"], made["num_copies"]) == (0, "new", 0)
    number = str(made["id"])
    code, out, _ = dynamo("request", "show", number)
    assert (code, f"items\t{BIG}" in out.splitlines()) == (0, True)
    assert dynamo("request", "list", "--status", "new")[1].split("\t")[:3] == [number, "new", "ann"]
    assert dynamo("request", "list", "--user", "bob")[1:] == ("", "no such request\n")
    assert "cancelled" in dynamo("request", "cancel", number)[1]
    code, _, err = dynamo("request", "copy", "/No", "--site", "T2_B")
    assert (code, err) == (1, "dynamo: item: unknown dataset or block: /No\n")
    code, out, _ = dynamo("request", "delete", BIG, "--site", "T2_A", "--csv")
    assert (code, out.splitlines()[0].split(",")[:2]) == (0, ["number", "status"])
    assert dynamo("request", "list", "--deletion")[1].count("\n") == 1


@slow
def test_a_preview_says_what_would_be_done(dynamo) -> None:
    code, out, _ = dynamo("request", "copy", BIG, "--site", "T2_B", "--group", "AnalysisOps", "--preview", "--json")
    assert (code, json.loads(out)["items"]) == (0, [BIG])
    code, _, err = dynamo("request", "delete", BIG, "--site", "T2_A", "--preview")
    assert (code, bool(err)) == (0, True)
    assert dynamo("request", "list")[1] == dynamo("request", "list", "-D")[1] == ""


@slow
def test_datasets_are_named_on_standard_input(dynamo, monkeypatch) -> None:
    names = f"{BIG}\n\n{SMALL}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(names))
    code, out, _ = dynamo("request", "copy", "-", "--site", "T2_B", "--group", "AnalysisOps", "--json")
    assert (code, json.loads(out)["items"]) == (0, [BIG, SMALL])
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert dynamo("request", "copy", "-")[2] == "dynamo: no dataset is named\n"


@slow
def test_locks_from_the_command_line(dynamo) -> None:
    code, out, _ = dynamo("lock", BIG, "--expires", "30 days", "--site", "T2_A", "--comment", "paper", "--json")
    number = str(json.loads(out)["id"])
    assert code == 0
    assert dynamo("locks")[1].split("\t")[:3] == [number, BIG, "T2_A"]
    assert dynamo("unlock", number)[0] == 0
    assert dynamo("locks") == (0, "", "no locks\n")
    assert dynamo("locks", "--all")[1].startswith(number)
    code, _, err = dynamo("lock", BIG, "--expires", "whenever")
    assert (code, "write 2027-01-31" in err) == (1, True)
    assert dynamo("lock", BIG)[0] == 2
    many = dynamo("lock", BIG, SMALL, "-s", "T2_A", "-s", "T2_B", "--expires", "30 days")[1]
    assert len(many.splitlines()) == len(dynamo("locks")[1].splitlines()) == 4


@slow
def test_applications_are_stopped_from_the_command_line(dynamo) -> None:
    rights.grant(User.objects.get(username="ann"), "operator", "application")
    number, *row = dynamo("lock", "--application", "dealer", "--comment", "disks")[1].rstrip("\n").split("\t")
    assert row[:3] == ["dealer", "holds", "ann"]
    assert dynamo("locks", "-A", "--item", "dealer")[1].split("\t")[0] == number
    assert dynamo("unlock", "-A", number) == (0, "", "")
    assert dynamo("locks", "-A") == (0, "", "no application is stopped\n")


@slow
def test_what_there_is_from_the_command_line(dynamo) -> None:
    assert [line.split("\t")[0] for line in dynamo("datasets", "--order", "name")[1].splitlines()] == [BIG, SMALL]
    assert dynamo("datasets", "--csv", BIG)[1].splitlines()[1].split(",")[:4] == [BIG, "VALID", "unknown", "300"]
    assert len(json.loads(dynamo("replicas", BIG, "--json")[1])) == 2
    assert [line.split("\t")[0] for line in dynamo("replicas", BIG)[1].splitlines()] == [BIG] * 2
    assert dynamo("replicas", "--incomplete", "--blocks")[:2] == (0, "")
    assert dynamo("replicas", "--blocks", "--site", "T2_B")[1].split("\t")[1] == "b1"
    assert dynamo("sites", "T2_*", "--status", "READY")[1].count("\n") == 2
    assert dynamo("sites", "--quotas")[0] == 0
    assert dynamo("stats", "size", "--by", "site", "--where", "site=T2_.*")[1] == "T2_A\t300\nT2_B\t100\n"
    assert dynamo("stats", "usage", "--by", "group")[1].startswith("T1_Tape\tAnalysisOps\t300")
    assert dynamo("stats", "replication", "--by", "dataset")[0] == 0
    assert dynamo("query", "SELECT count(*) AS n FROM datasets", "--csv")[1] == "n\n2\n"
    assert dynamo("query", "SELECT name FROM sites ORDER BY name", "--rows", "1")[2].startswith("there are more rows")
    assert dynamo("lfn2pfn", "/store/big/1.root", "--site", "T2_A")[1].strip().endswith("/store/big/1.root")
    assert dynamo("datasets", "--limit", "1")[2] == "only the first 1 are shown; --limit 0 shows all\n"
    assert dynamo("datasets", "/No*")[1:] == ("", "no such dataset\n")
    assert json.loads(dynamo("datasets", "/No*", "--json")[1]) == []


@slow
def test_injecting_from_the_command_line(dynamo, tmp_path) -> None:
    document = tmp_path / "document.json"
    document.write_text(json.dumps({"dataset": [{"name": "/N/a/B"}]}))
    code, out, _ = dynamo("inject", str(document), "--wait")
    assert (code, "counts\tdatasets=1" in out) == (0, True)
    assert "datasets=1" in dynamo("invalidate", "--wait", str(document))[1]
    assert json.loads(dynamo("inject", str(document), "--json")[1])["state"] == "queued"
    document.write_text('{"dataset": ')
    code, _, err = dynamo("inject", str(document))
    assert (code, "line 1" in err) == (1, True)
    document.write_text("[]")
    assert "has to be a JSON object" in dynamo("inject", str(document))[2]
    assert dynamo("inject", str(tmp_path / "none.json"))[0] == 1


@slow
def test_who_one_is(dynamo, monkeypatch) -> None:
    assert "user\tann\n" in dynamo("whoami")[1]
    code, secret, err = dynamo("token", "create", "--days", "1", "--service", "production")
    assert (code, "nobody can show it again" in err) == (0, True)
    number = dynamo("token", "list")[1].split("\t")[0]
    monkeypatch.setenv("DYNAMO_TOKEN", secret.strip())
    assert "service\tproduction\n" in dynamo("whoami")[1]
    assert dynamo("token", "revoke", number)[0] == 0
    assert dynamo("whoami")[0] == 3
    monkeypatch.delenv("DYNAMO_TOKEN")
    code, _, err = dynamo("request", "copy", BIG, "--site", "T2_B")
    assert (code, "bearer token" in err) == (3, True)


@slow
def test_a_login_keeps_the_token_and_a_logout_forgets_it(command, played, configuration) -> None:
    (configuration / "token").write_text("dynamo_old")
    begun = {"device_code": "secret", "user_code": "BCDF-GHJK", "verification_uri": "https://d.example.org/device", "expires_in": 600, "interval": 0}  # fmt: skip
    pending = Answer(400, {"type": "/api/v1/problems/login-pending", "detail": "ask again"})
    made = Answer(200, {"id": 1, "secret": "dynamo_new", "expires": "2030-01-31T12:00:00Z"})
    server = played(Answer(200, begun), pending, pending, made)
    code, out, err = command("token", "login", "--service", "mine", "--url", server.url)
    assert (code, out) == (0, "")
    assert "Open https://d.example.org/device in a browser, and within 10 minutes enter the code BCDF-GHJK" in err
    assert "dynamo_new" not in err
    assert (configuration / "token").read_text() == "dynamo_new\n"
    assert [one.headers.get("authorization") for one in server.asked] == [None] * 4
    assert server.asked[-1].document == {"device_code": "secret", "service": "mine"}
    assert command("token", "logout")[2] == f"{configuration / 'token'} is removed\n"
    assert command("token", "logout")[2] == "there was no token\n"


@slow
def test_a_login_that_is_rejected_keeps_the_token_there_was(command, played, configuration) -> None:
    (configuration / "token").write_text("dynamo_old")
    rejected = Answer(403, {"type": "/api/v1/problems/login-rejected", "detail": "the login was rejected"})
    server = played(Answer(200, {"device_code": "secret", "user_code": "B", "interval": 0}), rejected)
    assert command("token", "login", "--url", server.url)[0] == 3
    assert (configuration / "token").read_text() == "dynamo_old"


def test_no_connection_is_told_in_one_line(command) -> None:
    code, _, err = command("locks", "--url", f"http://127.0.0.1:{free_ports(1)[0]}")
    assert code == 4
    assert err.startswith("dynamo: http://127.0.0.1:")
    assert err.count("\n") == 1


def test_waits_are_told(command, played) -> None:
    server = played(Answer(503, {"detail": "detox has the turn"}, {"Retry-After": "0"}), Answer(200, {"user": "ann"}))
    code, out, err = command("whoami", "--url", server.url)
    assert (code, out.splitlines()[0]) == (0, "user\tann")
    assert err == "detox has the turn; trying again in 1 s\n"


@pytest.mark.parametrize(("status", "expected"), [(400, 1), (401, 3), (403, 3), (404, 1), (409, 1), (500, 5), (503, 5)])
def test_exit_codes(command, played, status: int, expected: int) -> None:
    server = played(Answer(status, {"detail": "no"}))
    assert command("whoami", "--url", server.url, "--patience", "0") == (expected, "", "dynamo: no\n")
    assert expected in EXIT_CODES


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["request", "copy"], ["unlock", "x"], ["inject"], ["sites", "--json", "--csv"], ["stats", "colour"],
    ["stats", "--where", "x"], ["runs", "--log"], ["datasets", "--limit", "-1"], ["sites", "--patience", "never"],
    ["detox", "simulate"],
])  # fmt: skip
def test_wrong_usage_ends_with_two(arguments: list[str], command) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: dynamo" in err


def test_every_verb_has_help_with_an_example() -> None:
    known = dict(leaves())
    assert {f"dynamo {verb}" for verb in VERBS} == set(known)
    for path, one in known.items():
        assert f"\n{path} " in one.help or f"\n{path}\n" in one.help or f"| {path} " in one.help, path
        assert all(parameter.help for parameter in one.params if parameter.name != "help"), path


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_shown(verb: str, command) -> None:
    code, out, err = command(*verb.split(), "--help")
    assert (code, err) == (0, "")
    assert f"Usage: dynamo {verb}" in out


def test_the_reference_names_every_command_option_and_exit_code() -> None:
    page = manual()
    for path, one in leaves():
        assert f"## `{path}`" in page
        assert all(
            f"`{name}" in page
            for parameter in one.params
            for name in parameter.opts
            if name.startswith("--") and name != "--help"
        )
    assert all(f"- `{code}`: " in page for code in EXIT_CODES)


def test_the_version_is_shown(command) -> None:
    code, out, _ = command("--version")
    assert (code, out.split()[0]) == (0, "dynamo")
