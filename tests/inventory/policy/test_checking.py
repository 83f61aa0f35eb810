"""``manage.py policy check`` as an operator uses it, and the documentation that is made from the same tables."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from dynamo_site.management.commands.write_docs import PAGES
from inventory.policy.checking import kind_of
from inventory.policy.lint.findings import CODES
from inventory.policy.reference import filled, tables
from inventory.policy.variables import VARIABLES
from tests.inventory.policy.samples import PARTITIONS, POLICY, policy


def check(*arguments: str) -> str:
    out = io.StringIO()
    call_command("policy", "check", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "Physics.txt").write_text(POLICY)
    (tmp_path / "partitions.txt").write_text(PARTITIONS)
    (tmp_path / "bad.txt").write_text(policy("Protct dataset.size > 1", "Protect dataset.size > x"))
    return tmp_path


def test_good_files_of_both_kinds(files: Path) -> None:
    text = check(
        str(files / "Physics.txt"), str(files / "partitions.txt"), "--partitions", str(files / "partitions.txt")
    )
    assert "Physics.txt (policy): good, 0 finding(s)" in text
    assert "partitions.txt (partitions): good, 1 finding(s)" in text
    assert "partitions.txt:9:1: note DL502: AllDisk overlaps with AnalysisOps: a block replica can be in both;" in text


def test_a_bad_file_fails_and_shows_each_mistake(files: Path) -> None:
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 2") as error:
        call_command("policy", "check", str(files / "bad.txt"), str(files / "Physics.txt"), stdout=out)
    assert error.value.returncode == 1
    assert f"{files / 'bad.txt'}:5:1: 'Protct' is no action" in out.getvalue()
    assert f"{files / 'bad.txt'}:6:24: a number is expected" in out.getvalue()


def test_json_tells_the_same(files: Path) -> None:
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("policy", "check", str(files / "bad.txt"), "--json", stdout=out)
    report = json.loads(out.getvalue())[0]
    assert (report["usable"], report["kind"]) == (False, "policy")
    assert [(one["code"], one["line"], one["column"]) for one in report["findings"]] == [
        ("DL001", 5, 1),
        ("DL001", 6, 24),
    ]


def told(*arguments: str) -> tuple[list[dict], int]:
    """The reports in JSON, and the status."""
    out = io.StringIO()
    try:
        call_command("policy", "check", *arguments, "--json", stdout=out)
    except CommandError as error:
        return json.loads(out.getvalue() or "[]"), error.returncode
    return json.loads(out.getvalue()), 0


def codes(report: dict) -> list[str]:
    return [finding["code"] for finding in report["findings"]]


def test_a_policy_for_an_unknown_partition_is_an_error(files: Path) -> None:
    (files / "other.txt").write_text(policy())
    reports, status = told(str(files / "other.txt"), "--partitions", str(files / "partitions.txt"))
    assert [finding["what"] for finding in reports[0]["findings"]] == ["no partition 'P' exists"]
    assert status == 1


def test_what_counts_as_wrong(files: Path) -> None:
    (files / "odd.txt").write_text(policy("Protect dataset.size > 1", "Protect dataset.size > 2"))
    assert told(str(files / "odd.txt"))[1] == 0
    assert told(str(files / "odd.txt"), "--strict")[1] == 1
    assert told(str(files / "absent.txt"))[1] == 2
    assert told(str(files / "Physics.txt"), "--export", str(files / "absent"))[1] == 2
    (files / "empty").mkdir()
    assert told(str(files / "empty"))[1] == 2
    with pytest.raises(CommandError):
        call_command("policy", "check", str(files / "odd.txt"), "--export", "x", "--inventory")


def test_a_directory_is_checked_as_a_whole(files: Path) -> None:
    reports, status = told(str(files))
    assert [Path(report["file"]).name for report in reports] == ["Physics.txt", "bad.txt", "partitions.txt"]
    assert status == 1


def test_forms_for_programs(files: Path) -> None:
    (files / "odd.txt").write_text(policy("Protect dataset.size > 1", "Protect dataset.size > 2"))
    annotation = check(str(files / "odd.txt"), "--format", "github")
    assert annotation.startswith(f"::warning file={files / 'odd.txt'},line=6,col=1,title=DL101::never matches")
    document = json.loads(check(str(files / "odd.txt"), "--format", "sarif"))
    (result,) = document["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("DL101", "warning")
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 6, "startColumn": 1}
    assert {rule["id"] for rule in document["runs"][0]["tool"]["driver"]["rules"]} == set(CODES)


def test_the_command_needs_nothing_but_the_package(files: Path) -> None:
    """As a pre-commit hook runs it: no database, no server, no setting, any directory."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(files)}
    command = [sys.executable, "-c", "from dynamo_site.policy_command import main; main()", "check", "Physics.txt"]
    environment["PYTHONPATH"] = str(settings.BASE_DIR)
    done = subprocess.run(command, cwd=files, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Physics.txt (policy): good, 0 finding(s)\n"), done.stderr
    assert sorted(path.name for path in files.iterdir()) == ["Physics.txt", "bad.txt", "partitions.txt"]


def test_enforcer_rules_are_checked_too(files: Path) -> None:
    rule = {"replicas": ["blockreplica.owner == RelVal"], "num_copies": 1, "destinations": ["site.name == T2_*"],
            "sources": ["site.storage_type == DISK"]}  # fmt: skip
    document = {"partition": "RelVal", "default_destination_group": "RelVal", "rules": {"one": rule}}
    (files / "rules.json").write_text(json.dumps(document))
    assert "(rules): good" in check(str(files / "rules.json"))
    rule["replicas"] = ["blockreplica.ownr == RelVal"]
    (files / "rules.json").write_text(json.dumps(document))
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("policy", "check", str(files / "rules.json"), stdout=out)
    assert "did you mean blockreplica.owner?" in out.getvalue()


def test_unreadable_files_are_mistakes(files: Path) -> None:
    (files / "latin").write_bytes(b"Partition \xe9\n")
    for name in ("latin", "absent", "no\0name"):
        out = io.StringIO()
        with pytest.raises(CommandError):
            call_command("policy", "check", str(files / name), stdout=out)
        assert "cannot be read" in out.getvalue()


@pytest.mark.parametrize(("text", "name", "kind"), [
    (POLICY, "x.txt", "policy"), (PARTITIONS, "x.txt", "partitions"), (POLICY, "partitions_like.txt", "policy"),
    ("", "partitions.txt", "partitions"), ("", "x", "policy"), ("# a: b\nOn always", "x", "policy"), ("A B: [C]", "x", "partitions"), (' {"a": 1}', "partitions", "rules"),
])  # fmt: skip
def test_kinds_of_files(text: str, name: str, kind: str) -> None:
    assert kind_of(text, name) == kind


def test_the_documentation_is_up_to_date() -> None:
    for name, fill in PAGES.items():
        page = (settings.BASE_DIR / "docs" / name).read_text()
        assert fill(page) == page, f"docs/{name} is stale: run `manage.py write_docs`"


def test_every_variable_is_documented() -> None:
    text = "\n".join(tables().values())
    assert [name for name in VARIABLES if f"| `{name}` |" not in text] == []


def test_filling_is_stable_and_refuses_a_page_without_marks() -> None:
    page = (settings.BASE_DIR / "docs" / "policy-language.md").read_text()
    assert filled(filled(page)) == page
    with pytest.raises(ValueError, match="substring"):
        filled("no marks")


@pytest.mark.django_db
def test_names_are_held_against_the_inventory(files: Path, inventory, tmp_path_factory) -> None:
    site = {"name": "T2_A", "storage_type": "DISK", "status": "READY"}
    dataset = {"name": "/a/b/RAW"}
    inventory.put(sites=[site], groups=[{"name": "AnalysisOps", "level": "Dataset"}], datasets=[dataset])
    lines = (
        "Protect site.name == T2_B",
        "Protect blockreplica.owner == AnalysisOp",
        "Protect dataset.name == /a/*/RAW",
        "Ignore dataset.name == /*/AOD",
        "Ignore dataset.name =~ /[b-z]",
    )
    (files / "other.txt").write_text(policy(*lines))
    expected = [
        ("DL303", 1, "no partition 'P' exists"), ("DL301", 5, "no site is called 'T2_B' (did you mean T2_A?)"),
        ("DL302", 6, "no group is called 'AnalysisOp' (did you mean AnalysisOps?)"),
        ("DL304", 8, "none of 1 datasets matches '/*/AOD'"), ("DL304", 9, "none of 1 datasets matches '/[b-z]'"),
    ]  # fmt: skip
    export = tmp_path_factory.mktemp("export") / "here"
    call_command("inventory", "export", str(export), "--format", "parquet", stdout=io.StringIO())
    for given in (["--inventory"], ["--export", str(export)]):
        reports, status = told(str(files / "other.txt"), *given)
        assert [(one["code"], one["line"], one["what"]) for one in reports[0]["findings"]] == expected
        assert status == 1
