"""`inventory history | compact | status | verify`, and `export` and `query` of the past."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command

from inventory import checkpoint, client
from inventory.changes import ChangeSet
from inventory.history import compaction, follower
from inventory.history.past import directory
from tests.inventory.makers import D, file, small

pytestmark = pytest.mark.django_db


def command(*arguments):
    out = io.StringIO()
    call_command("inventory", *map(str, arguments), stdout=out)
    return out.getvalue().rstrip("\n")


def told(*arguments):
    return json.loads(command(*arguments, "--json"))


@pytest.fixture
def story(inventory):
    """Four records: all made, a site's status changed, a file added, the dataset deleted."""
    commits = [
        small(),
        ChangeSet("eve", 2, service="inventory set", run="17").put("sites", [{"name": "T2_A", "status": "MORGUE"}]),
        ChangeSet("carol", 3).put("files", [file(9)]),
        ChangeSet("dave", 4).delete("datasets", [{"name": D}]),
    ]
    for number, changes in enumerate(commits, 1):
        inventory.leader.clock = lambda number=number: 1_000_000 * number
        client.commit(changes)
    return inventory


@pytest.fixture(params=["log", "history", "both", "compacted"])
def kept(request, story, places):
    """The same story, kept in the log, in files, in both, and in files only as the log has dropped it."""
    until = {"log": 0, "both": 2}.get(request.param, 4)
    follower.Historian(directory()).follow(until)
    if request.param == "compacted":
        story.follow()
        checkpoint.Checkpoints(places / "checkpoint").write(story.leader.image)
        compaction.drop(4)
    return story


def test_who_changed_what_by_which_run(kept):
    entries = told("history")
    assert [(entry["version"], entry["author"], entry["run"]) for entry in entries] == [
        (4, "dave", ""), (3, "carol", ""), (2, "eve", "17"), (1, "tester", ""),
    ]  # fmt: skip
    assert entries[2]["counts"] == {"sites": {"put": 1, "deleted": 0}}
    assert (
        command("history", "--author", "eve").strip() == "2  1970-01-24 03:33:20  eve  inventory set run 17  sites +1"
    )
    assert [entry["version"] for entry in told("history", "--run", "17")] == [2]
    assert [e["version"] for e in told("history", "--since", "@2000000", "--until", "@3000000")] == [3, 2]
    assert [entry["version"] for entry in told("history", "--limit", "1")] == [4]


def test_a_sites_story_has_old_and_new_values(kept):
    new, old = [entry for entry in told("history", "--site", "T2_A") if entry["table"] == "sites"]
    assert (new["what"], new["values"]) == ("changed", {"status": {"old": "READY", "new": "MORGUE"}})
    assert old["what"] == "made" and old["values"]["status"] == {"old": None, "new": "READY"}
    assert "changed sites T2_A: status READY → MORGUE" in command("history", "--table", "sites", "--site", "T2_A")


def test_a_deleted_datasets_story_names_what_is_gone(kept):
    entries = told("history", "--dataset", D, "--limit", "0")
    assert {entry["version"] for entry in entries} == {1, 3, 4}
    gone = [entry for entry in entries if entry["version"] == 4]
    assert {entry["what"] for entry in gone} == {"deleted"}
    assert {"table": "dataset_replicas", "object": {"dataset": D, "site": "T2_A"}}.items() <= next(
        entry for entry in gone if entry["table"] == "dataset_replicas"
    ).items()
    (block,) = [e for e in entries if e["version"] == 3 and e["table"] == "blocks"]
    assert block["values"]["num_files"] == {"old": 3, "new": 4}
    assert block["object"] == {"dataset": D, "block": "b1"}


def test_a_files_story_and_a_globs(kept):
    entries = told("history", "--lfn", "/store/b1/f9")
    assert [(entry["version"], entry["what"]) for entry in entries if entry["table"] == "files"] == [
        (4, "deleted"), (3, "made"),
    ]  # fmt: skip
    assert {entry["object"]["site"] for entry in told("history", "--site", "T2_*", "--table", "sites")} == {
        "T2_A",
        "T2_B",
    }
    assert {entry["table"] for entry in told("history", "--block", "b2")} == {"blocks", "block_replicas"}
    rows = list(csv.DictReader(io.StringIO(command("history", "--version", "2", "--csv"))))
    assert [(row["author"], row["table"]) for row in rows] == [("eve", "sites")]


def test_a_name_that_never_was_is_told(kept):
    with pytest.raises(CommandError, match=r"dataset '/no/such/ONE' is nowhere in the history"):
        command("history", "--dataset", "/no/such/ONE")


def test_export_and_query_of_the_past(kept, tmp_path):
    count = "SELECT count(*) AS n FROM datasets"
    assert told("query", count) == [{"n": 0}]
    assert told("query", count, "--version", "3") == [{"n": 1}]
    assert told("query", "SELECT status FROM sites WHERE name = 'T2_A'", "--time", "@1500000") == [{"status": "READY"}]
    assert told("export", tmp_path / "old", "--version", "2")["rows"]["files"] == 3
    with pytest.raises(CommandError, match="version 99 is not retained: versions 0 to 4 are retained"):
        command("query", count, "--version", "99")
    with pytest.raises(CommandError, match="'tomorrow' is still to come"):
        command("query", count, "--time", "tomorrow")


def test_status_tells_what_is_retained_and_verify_that_all_is_equal(kept, places):
    status = told("status")
    assert (status["retained"]["oldest"], status["retained"]["newest"]) == (0, 4)
    verdict = told("verify")
    assert verdict["differences"] == [] and set(verdict["compared"]) >= {"image", "tables", "log"}
    segments = list(directory().glob("*/files.parquet"))
    if segments:
        assert "history" in verdict["compared"]
        content = bytearray(segments[0].read_bytes())
        content[len(content) // 2] ^= 255
        segments[0].write_bytes(content)
        out = io.StringIO()
        with pytest.raises((SystemExit, CommandError)) as end:
            call_command("inventory", "verify", stdout=out)
        assert "files.parquet has changed" in out.getvalue() or "cannot be read" in str(end.value)
