"""``manage.py policy check`` as an operator uses it, and the documentation that is made from the same tables."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from dynamo_site.management.commands.write_docs import PAGES
from inventory.policy.checking import kind_of
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
    assert "Physics.txt (policy): good, 0 warning(s)" in text
    assert "partitions.txt (partitions): good, 0 warning(s)" in text


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
    assert [(mistake["line"], mistake["column"]) for mistake in report["mistakes"]] == [(5, 1), (6, 24)]


def test_a_policy_for_an_unknown_partition_is_warned_about(files: Path) -> None:
    (files / "other.txt").write_text(policy())
    report = json.loads(check(str(files / "other.txt"), "--partitions", str(files / "partitions.txt"), "--json"))[0]
    assert [warning["what"] for warning in report["warnings"]] == ["no partition 'P' exists"]


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
    for name in ("latin", "absent", "."):
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
def test_names_are_held_against_the_inventory(files: Path, inventory) -> None:
    site = {"name": "T2_A", "storage_type": "DISK", "status": "READY"}
    inventory.put(sites=[site], groups=[{"name": "AnalysisOps", "level": "Dataset"}])
    (files / "other.txt").write_text(policy("Protect site.name == T2_B", "Protect blockreplica.owner == AnalysisOp"))
    report = json.loads(check(str(files / "other.txt"), "--inventory", "--json"))[0]
    assert [(warning["line"], warning["what"]) for warning in report["warnings"]] == [
        (1, "no partition 'P' exists"), (5, "no site 'T2_B' exists (did you mean T2_A?)"),
        (6, "no group 'AnalysisOp' exists (did you mean AnalysisOps?)"),
    ]  # fmt: skip
