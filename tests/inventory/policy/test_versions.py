"""Which text is in force: of the policy directory, of `policy load`, of the admin; a wrong one never replaces a good one."""

from __future__ import annotations

import io
import json
import subprocess
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from inventory.models import PolicyVersion
from inventory.policy import versions
from inventory.policy.errors import PolicyError
from inventory.policy.versions import PolicyChanged, PolicyRetired, PolicyUnknown
from tests.inventory.policy.samples import PARTITIONS, policy

pytestmark = pytest.mark.django_db
GOOD, BETTER, BAD = (
    policy("Protect dataset.size > 1"),
    policy("Protect dataset.size > 2"),
    policy("Protct dataset.size > 3"),
)


@pytest.fixture
def directory(settings, tmp_path: Path) -> Path:
    """The policy directory, with one good file."""
    settings.POLICY_DIR = tmp_path / "policies"
    settings.POLICY_DIR.mkdir()
    (settings.POLICY_DIR / "P.txt").write_text(GOOD)
    return settings.POLICY_DIR


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("policy", *arguments, stdout=out)
    return out.getvalue()


def test_files_are_the_default_and_each_text_is_kept(directory: Path) -> None:
    assert (versions.in_force("P.txt").number, PolicyVersion.objects.count()) == (0, 0)
    assert versions.in_force("P.txt", record=True).number == 1
    assert versions.in_force("P.txt", record=True).number == 1
    (directory / "P.txt").write_text(BETTER)
    found = versions.in_force("P.txt", record=True)
    assert (found.number, found.text, found.alarm) == (2, BETTER, "")
    assert [(row.number, row.text, row.source) for row in PolicyVersion.objects.all()] == [
        (2, BETTER, "directory"),
        (1, GOOD, "directory"),
    ]


@pytest.mark.parametrize(
    "text", [BAD, "", "\0", '{"partition": ', PARTITIONS, "x" * 3_000_000, None, b"\xff\xfe"], ids=repr
)
def test_a_file_of_no_use_leaves_the_last_good_text_in_force(directory: Path, text: str | bytes | None) -> None:
    versions.in_force("P.txt", record=True)
    (directory / "P.txt").unlink()
    if text is not None:
        (directory / "P.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    for record in (False, True):
        found = versions.in_force("P.txt", record=record)
        assert (found.text, found.number) == (GOOD, 1)
        assert "is not followed" in found.alarm
        assert "version 1" in found.alarm
    assert versions.alarms() == [found.alarm]
    assert PolicyVersion.objects.count() == 1
    (directory / "P.txt").write_text(BETTER)
    assert versions.in_force("P.txt", record=True).text == BETTER
    assert versions.alarms() == []


def test_a_directory_that_is_not_mounted_takes_nothing_away(directory: Path, settings) -> None:
    versions.in_force("P.txt", record=True)
    settings.POLICY_DIR = directory / "elsewhere"
    assert versions.in_force("P.txt").text == GOOD
    assert versions.names() == ["P.txt"]


def test_without_a_good_text_the_trouble_is_told(directory: Path) -> None:
    (directory / "P.txt").write_text(BAD)
    with pytest.raises(PolicyError, match=r"P\.txt:5:1"):
        versions.in_force("P.txt", record=True)
    with pytest.raises(PolicyUnknown, match=r"there is no policy 'Q.txt'; .* has P.txt"):
        versions.in_force("Q.txt")


def test_the_last_text_that_came_in_is_in_force(directory: Path) -> None:
    row = versions.save("P.txt", BETTER, "ann", "admin")
    # What the directory had came before, and does not come back by itself.
    assert (row.number, versions.in_force("P.txt", record=True).text) == (2, BETTER)
    newer = policy("Protect dataset.size > 4")
    (directory / "P.txt").write_text(newer)
    assert versions.in_force("P.txt", record=True).text == newer
    assert [row.author for row in PolicyVersion.objects.all()] == ["dynamo", "ann", "dynamo"]


def test_an_edit_that_was_committed_can_be_undone_by_a_commit(directory: Path) -> None:
    versions.save("P.txt", BETTER, "ann", "admin")
    (directory / "P.txt").write_text(BETTER)
    assert versions.in_force("P.txt").number == 2
    assert versions.in_force("P.txt", record=True).number == 3
    assert versions.in_force("P.txt", record=True).number == 3
    (directory / "P.txt").write_text(GOOD)
    assert versions.in_force("P.txt", record=True).text == GOOD


def test_a_wrong_text_is_refused(directory: Path) -> None:
    for text in (BAD, "", PARTITIONS, '{"partition": "P"}'):
        with pytest.raises(PolicyError):
            versions.save("P.txt", text, "ann", "admin")
    for name in ("../P.txt", ".P", "", "a\0b", "x" * 256, "a/b"):
        with pytest.raises(PolicyError, match="the name of a file"):
            versions.save(name, GOOD, "ann", "admin")
    assert versions.in_force("P.txt").text == GOOD


def test_of_two_editors_the_second_is_told(directory: Path) -> None:
    versions.in_force("P.txt", record=True)
    versions.save("P.txt", BETTER, "ann", "admin", based_on=1)
    with pytest.raises(PolicyChanged, match="version 2 was saved by ann"):
        versions.save("P.txt", policy("Protect dataset.size > 9"), "bob", "admin", based_on=1)
    (directory / "P.txt").write_text(policy("Protect dataset.size > 8"))
    with pytest.raises(PolicyChanged, match="version 3 was saved by dynamo"):
        versions.save("P.txt", GOOD, "ann", "admin", based_on=2)


@pytest.mark.django_db(transaction=True)
def test_of_two_editors_at_the_same_moment_one_gets_it(directory: Path) -> None:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("threads cannot share this database")
    versions.in_force("P.txt", record=True)
    outcomes: list[str] = []
    barrier = threading.Barrier(2)

    def edit(author: str, size: int) -> None:
        barrier.wait()
        try:
            versions.save("P.txt", policy(f"Protect dataset.size > {size}"), author, "admin", based_on=1)
            outcomes.append("saved")
        except PolicyChanged:
            outcomes.append("told")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=edit, args=one) for one in (("ann", 7), ("bob", 8))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["saved", "told"]
    assert PolicyVersion.objects.count() == 2


def test_retired_and_restored(directory: Path) -> None:
    assert "version 1 was the last" in command("retire", "P.txt", "--author", "ann")
    with pytest.raises(PolicyRetired, match="retired by ann"):
        versions.in_force("P.txt", record=True)
    with pytest.raises(CommandError, match="retired"):
        command("show", "P.txt")
    assert "version 3" in command("restore", "P.txt", "1")
    assert command("show", "P.txt") == GOOD


def test_load_takes_all_or_nothing(directory: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    for name, text in {"P.txt": BETTER, "Q.txt": BAD, "partitions.txt": PARTITIONS + "P: site.name == *\n"}.items():
        (repository / name).write_text(text)
    with pytest.raises(CommandError, match=r"1 of 3 file.* stays in force"):
        command("load", str(repository))
    assert PolicyVersion.objects.count() == 0
    (repository / "Q.txt").write_text(GOOD)
    assert "this was a dry run" in command("load", str(repository), "--dry-run")
    told = command("load", str(repository), "--author", "ann", "--comment", "less")
    assert "-Protect dataset.size > 1\n+Protect dataset.size > 2" in told
    assert "2 of 3 file(s) change; put in force: P.txt version 2, Q.txt version 1" in told
    assert "nothing: all is in force already" in command("load", str(repository))
    rows = json.loads(command("history", "P.txt", "--json"))
    assert [(row["number"], row["author"], row["source"], row["comment"]) for row in rows] == [
        (2, "ann", "load", "less"), (1, "dynamo", "directory", ""),
    ]  # fmt: skip
    assert "-Protect dataset.size > 1\n+Protect dataset.size > 2" in command("diff", "P.txt")
    assert "+Protect dataset.size > 1" in command("diff", "P.txt", "--file", str(directory / "P.txt"))


def test_the_commit_of_a_checkout_is_kept(directory: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "R.txt").write_text(GOOD)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(checkout)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    command("load", str(checkout / "R.txt"))
    assert versions.version("R.txt", 1).revision == head
    subprocess.run([*git, "pack-refs", "--all"], check=True)
    (checkout / "R.txt").write_text(BETTER)
    command("load", str(checkout / "R.txt"))
    assert (versions.version("R.txt", 2).revision, head[:12] in command("history", "R.txt")) == (head, True)


def test_what_is_not_there(directory: Path) -> None:
    for arguments in (
        ("show", "X"),
        ("history", "X"),
        ("diff", "X"),
        ("restore", "P.txt", "7"),
        ("show", "P.txt", "--version", "9"),
        ("retire", "X"),
    ):
        with pytest.raises(CommandError):
            command(*arguments)
