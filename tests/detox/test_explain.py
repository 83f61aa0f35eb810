"""Every decision can be explained: what is told agrees with what was decided, for every replica of whole cycles."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from detox import history
from detox.counterfactual import kept
from detox.cycle import run_cycle, try_cycle
from detox.explain import explain, of_cycle
from detox.given import CannotExplain, given_of
from tests.detox import store
from tests.detox.test_whole_inventory import GOLDEN, loaded  # noqa: F401 - a fixture

LESS = store.POLICY.replace("< 0.5", "< 0.7")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "history_dir")]


def test_every_line_tells_the_values_it_saw(inventory) -> None:
    store.full_site(inventory)
    story = of_cycle(run_cycle(store.parsed(), "alice"), "T2_A", "/Older/A/AOD")
    assert story["outcome"] == [{"decision": "deleted", "line": 0, "num_blocks": 2, "size": 2 * store.TB}]
    assert "stopped at" in story["site_reason"]
    look = story["looks"][0]
    assert look["others"] == [{"site": "T2_B", "num_blocks": 2, "full": True}]
    told = [(line["number"], line["taken"], [(test["text"], test["value"], test["holds"]) for test in line["tests"]])
            for line in look["lines"]]  # fmt: skip
    assert told == [
        (1, 0, [("dataset.name == /*/*/RAW", "/Older/A/AOD", False)]),
        (2, 0, [("blockreplica.is_locked", "false", False)]),
        (3, 0, [("dataset.status == INVALID", "VALID", False)]),
        (0, 2, []),
    ]
    assert look["agrees"]


def test_a_later_deletion_saw_that_the_earlier_one_had_gone(inventory) -> None:
    store.fill(
        inventory, store.dataset("/Two/A/AOD", 1000, sites=("T2_A", "T2_B"), blocks=4), quota=4 * store.TB
    )  # fmt: skip
    text = store.POLICY.replace("Dismiss\n", "Dismiss dataset.num_full_copy > 1\nProtect\n")
    cycle = run_cycle(store.parsed(text), "alice")
    gone, stays = of_cycle(cycle, "T2_A", "/Two/A/AOD"), of_cycle(cycle, "T2_B", "/Two/A/AOD")
    assert (gone["outcome"][0]["decision"], stays["outcome"][0]["decision"]) == ("deleted", "protected")
    value = [look["lines"][3]["tests"][0]["value"] for story in (gone, stays) for look in story["looks"]]
    assert value == ["2", "1"]
    assert [other["site"] for other in gone["looks"][0]["others"]] == ["T2_B"]
    assert stays["looks"][0]["others"] == []


def test_parts_that_went_at_different_times_are_told_apart(inventory) -> None:
    rows = store.dataset("/Mixed/A/AOD", 1000, sites=("T2_A",), blocks=3)
    for row in rows["block_replicas"][:2]:
        row["group"] = "DataOps"
    rows["dataset_replicas"][0]["group"] = "DataOps"
    rows["block_replicas"][2]["group"] = "DataOps"
    rows["block_replicas"][2]["last_update"] = 5
    store.fill(inventory, rows, quota=store.TB)
    text = store.POLICY.replace("Dismiss\n", "DeleteBlock blockreplica.last_update older_than 1970-01-02\nProtect\n")
    story = of_cycle(run_cycle(store.parsed(text), "alice"), "T2_A", "/Mixed/A/AOD")
    assert [look["decided"][0]["decision"] for look in story["looks"]] == ["deleted", "protected"]
    assert [line["left"] for line in story["looks"][0]["lines"]] == [3, 3, 3, 3, 2]
    assert [line["left"] for line in story["looks"][1]["lines"]] == [2, 2, 2, 2, 2]
    assert "2 blocks" in story["looks"][0]["lines"][3]["tests"][0]["value"]
    assert all(look["agrees"] for look in story["looks"])


def test_a_split_replica_is_told_to_be_no_full_copy_of_its_dataset(inventory) -> None:
    rows = store.dataset("/Split/A/AOD", 1000, sites=("T2_A",), blocks=3)
    rows["block_replicas"][0]["last_update"] = 5
    store.fill(inventory, rows, quota=store.TB)
    counted = "dataset.num_full_copy"
    text = store.POLICY.replace(
        "Dismiss\n", f"Ignore {counted} != 1\nProtectBlock blockreplica.last_update older_than 1970-01-02\nProtect {counted} < 1\nDismiss\n"
    )  # fmt: skip
    story = of_cycle(run_cycle(store.parsed(text), "alice"), "T2_A", "/Split/A/AOD")
    told = [
        (line["number"], line["tests"][0]["value"]) for line in story["looks"][0]["lines"] if counted in line["text"]
    ]
    assert told == [(4, "1"), (6, "0")]
    assert story["looks"][0]["agrees"]


def test_a_line_whose_date_is_past_is_told_as_such(inventory) -> None:
    store.full_site(inventory)
    text = store.POLICY.replace("RAW\n", "RAW until 2020-01-01\n")
    story = of_cycle(run_cycle(store.parsed(text), "alice"), "T2_A", "/Raw/A/RAW")
    assert next((line["in_force"], line["tests"]) for line in story["looks"][0]["lines"]) == (False, [])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["watermark", "blocks"])
def test_explanations_agree_with_all_decisions_of_a_whole_cycle(loaded, case: str) -> None:  # noqa: F811
    policy = store.parsed((GOLDEN / f"{case}.txt").read_text())
    cycle = try_cycle(policy, "alice")
    image = history.read(cycle.pk, "image")
    pairs = (
        image.filter(image["gone_at"].is_not_null() | image["decision"].is_not_null())
        .select("site", "dataset")
        .unique()
    )
    chosen = pairs.sort("site", "dataset").gather_every(max(1, len(pairs) // 60))
    assert len(chosen) >= 50
    stories = {(site, name): explain(given_of(cycle, name), site, name) for site, name in chosen.iter_rows()}
    assert [place for place, story in stories.items() if not all(look["agrees"] for look in story["looks"])] == []


def test_what_cannot_be_explained_is_told(inventory) -> None:
    store.full_site(inventory)
    cycle = run_cycle(store.parsed(), "alice")
    for site, dataset, text in (("T2_X", "/Old/A/AOD", "not a site"), ("T2_B", "/Old/A/AOD", "had nothing")):
        with pytest.raises(CannotExplain, match=text):
            of_cycle(cycle, site, dataset)
    history.drop_inputs([cycle.pk])
    story = of_cycle(cycle, "T2_A", "/Old/A/AOD")
    assert (story["values_kept"], story["looks"], story["outcome"][0]["decision"]) == (False, [], "deleted")
    with pytest.raises(CannotExplain, match="not kept"):
        of_cycle(cycle, "T2_A", "/Old/A/AOD#00000000-0000-0000-0000-000000000000")


def test_the_command_tells_the_story(inventory) -> None:
    store.full_site(inventory)
    run_cycle(store.parsed(), "alice")
    out = io.StringIO()
    call_command("detox", "explain", "latest", "T2_A", "/Raw/A/RAW", stdout=out)
    assert "=>   1 Protect dataset.name == /*/*/RAW: takes 2 of 2 blocks" in out.getvalue()
    assert "yes dataset.name == /*/*/RAW: /Raw/A/RAW" in out.getvalue()
    out = io.StringIO()
    call_command("detox", "explain", "latest", "T2_A", "/Raw/A/RAW", "--json", stdout=out)
    assert json.loads(out.getvalue())["looks"][0]["lines"][0]["taken"] == 2
    with pytest.raises(CommandError, match="not a site"):
        call_command("detox", "explain", "latest", "T2_X", "/Raw/A/RAW")


def test_a_block_is_told_with_its_own_values(inventory) -> None:
    rows = store.dataset("/Mixed/A/AOD", 1000, sites=("T2_A",), blocks=2)
    rows["block_replicas"][0]["last_update"] = 5
    store.fill(inventory, rows, quota=store.TB)
    text = store.POLICY.replace("Dismiss\n", "ProtectBlock blockreplica.last_update older_than 1970-01-02\nDismiss\n")
    cycle = try_cycle(store.parsed(text), "alice")
    old, new = (
        of_cycle(cycle, "T2_A", f"/Mixed/A/AOD#{number:08x}-0000-0000-0000-000000000000") for number in range(2)
    )
    assert [(story["outcome"][0]["decision"], story["outcome"][0]["num_blocks"]) for story in (old, new)] == [
        ("protected", 1), ("deleted", 1),
    ]  # fmt: skip
    values = [story["looks"][0]["lines"][3]["tests"][0] for story in (old, new)]
    assert [(test["value"] == "1970-01-01 00:00:05", test["holds"]) for test in values] == [
        (True, True),
        (False, False),
    ]
    with pytest.raises(CannotExplain, match="no block"):
        of_cycle(cycle, "T2_A", "/Mixed/A/AOD#nowhere")


def test_candidates_are_told_their_place_in_the_order(inventory) -> None:
    store.full_site(inventory)
    cycle = try_cycle(store.parsed(LESS), "alice")
    cycle.refresh_from_db()
    first, second, left = (
        of_cycle(cycle, "T2_A", name)["order"] for name in ("/Older/A/AOD", "/Old/A/AOD", "/New/A/AOD")
    )
    assert (first["deleted"], first["place"], first["of"], first["after"]) == (True, 1, 2, None)
    assert (second["place"], second["after"], second["before"]) == (2, "/Older/A/AOD", None)
    assert (left["deleted"], left["place"], left["after"], left["ahead"]) == (False, 1, "/Old/A/AOD", 0)
    assert of_cycle(cycle, "T2_A", "/Raw/A/RAW")["order"] is None


def test_the_story_tells_what_would_have_turned_it(inventory) -> None:
    store.full_site(inventory)
    cycle = try_cycle(store.parsed(LESS), "alice")
    cycle.refresh_from_db()
    found = kept.of_cycle(cycle, "T2_A", "/New/A/AOD")
    assert (found["fate"], found["complete"]) == ("stays", True)
    assert "It would have been deleted if its last update had been" in found["answers"][0]["text"]
    out = io.StringIO()
    call_command("detox", "explain", "latest", "T2_A", "/Old/A/AOD", stdout=out)
    assert "number 2 of 2 that were deleted here as candidates, after /Older/A/AOD" in out.getvalue()
    assert "It would have stayed if a lock had covered it." in out.getvalue()
    with pytest.raises(CannotExplain, match="had nothing"):
        kept.of_cycle(cycle, "T2_B", "/Old/A/AOD")
    history.drop_inputs([cycle.pk])
    with pytest.raises(CannotExplain, match="not kept"):
        kept.of_cycle(cycle, "T2_A", "/New/A/AOD")
    out = io.StringIO()
    call_command("detox", "explain", "latest", "T2_A", "/New/A/AOD", "--json", stdout=out)
    assert "changes" not in json.loads(out.getvalue())
