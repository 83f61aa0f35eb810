"""What-if questions as operators put them: on the present and on kept cycles, by command, with clear answers to mistakes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from detox.asking import Question, ask
from detox.cycle import run_cycle
from detox.models import Cycle
from detox.monitor import CycleUnknown
from detox.policies import PolicyUnreadable
from detox.whatif import CannotCompare
from fileops.models import Subscription
from inventory.changes import ChangeSet
from inventory.errors import VersionGone
from inventory.models import TunedSetting
from inventory.partitions import PartitionError
from inventory.policy.errors import TimeError
from tests.detox import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "history_dir")]
KEEP_OLD = store.POLICY.replace("Delete dataset.status", "Protect dataset.name == /Old/*\nDelete dataset.status")


@pytest.fixture
def filled(inventory: Any, settings: Any, tmp_path: Path) -> Any:
    settings.POLICY_DIR = tmp_path / "policies"
    settings.POLICY_DIR.mkdir()
    (settings.POLICY_DIR / "Physics.txt").write_text(store.POLICY)
    (settings.POLICY_DIR / "broken.txt").write_text("Partition")
    store.full_site(inventory)
    return inventory


def compared(*arguments: str) -> str:
    out = io.StringIO()
    call_command("detox", "compare", *arguments, stdout=out)
    return out.getvalue()


def test_a_changed_policy_against_the_one_in_force(filled) -> None:
    version = filled.snapshot().version
    answer = ask(Question("Physics", policy=KEEP_OLD)).as_dict()
    assert [(row["site"], row["dataset"], row["before"], row["after"]) for row in answer["replicas"]] == [
        ("T2_A", "/Old/A/AOD", "deleted", "protected")
    ]
    assert (answer["total"]["less"], answer["total"]["more"], answer["partition"]) == (2 * store.TB, 0, "Physics")
    assert f"version {version}" in answer["basis"]
    assert json.loads(json.dumps(answer)) == answer
    assert (filled.snapshot().version, Cycle.objects.count(), Subscription.objects.count()) == (version, 0, 0)


def test_quota_status_and_lock_in_one_question_by_policy_file(filled) -> None:
    question = Question(
        "Physics.txt", quotas=("T2_A=none",), statuses=("T2_B=morgue",), locks=("/Wrong/*@T2_*",)
    )  # fmt: skip
    sites = {row["site"]: row for row in ask(question).as_dict()["sites"]}
    assert (sites["T2_A"]["less"], sites["T2_A"]["quota_after"]) == (6 * store.TB, -store.TB // store.TB)
    assert sites["T2_B"]["less"] == 2 * store.TB


def test_the_answer_says_what_the_guard_would_say(filled) -> None:
    TunedSetting.objects.update(value=0.3)
    [first, second] = ask(Question("Physics", policy=KEEP_OLD.replace("/Old/*", "/Wrong/*"))).guard
    assert first.startswith("all sites together would lose 50%")
    assert second.startswith("T2_A would lose 75%")


def test_on_what_a_cycle_decided_from(filled) -> None:
    cycle = run_cycle(store.parsed(), "alice")
    filled.commit(ChangeSet("test", 1).delete("datasets", [{"name": "/Raw/A/RAW"}]))
    same = ask(Question("Physics", cycle=cycle.pk, policy=store.POLICY))
    assert (same.comparison.same(), same.comparison.total()["deleted_after"]) == (True, 8 * store.TB)
    assert same.comparison.total()["protected_before"] == 2 * store.TB
    assert ask(Question("Physics", cycle=cycle.pk, policy=KEEP_OLD)).comparison.total()["less"] == 2 * store.TB


def test_a_cycle_without_a_change_is_compared_with_the_policy_of_today(filled, settings) -> None:
    cycle = run_cycle(store.parsed(), "alice")
    (settings.POLICY_DIR / "Physics.txt").write_text(KEEP_OLD)
    assert ask(Question("Physics", cycle=cycle.pk)).comparison.total()["less"] == 2 * store.TB


def test_a_wider_policy_on_a_cycle_comes_with_a_warning(filled) -> None:
    cycle = run_cycle(store.parsed(), "alice")
    answer = ask(Question("Physics", cycle=cycle.pk, policy=store.POLICY.replace("T2_*", "T*")))
    assert ["kept only datasets that it looked at" in note for note in answer.notes] == [True]


@pytest.mark.parametrize(("question", "error", "text"), [
    (Question("Physics"), CannotCompare, "nothing is changed"),
    (Question("Nowhere", quotas=("T2_A=1",)), PolicyUnreadable, "no policy is called 'Nowhere'"),
    (Question("Physics", quotas=("T2_A", "=1", "T2_A=-3", "T2_A=lots")), CannotCompare, "'T2_A=lots'"),
    (Question("Physics", statuses=("T2_A=SLEEPING",)), CannotCompare, "one of READY, WAITROOM"),
    (Question("Physics", policy="Partition Physics\nOn nothing\nDo it"), CannotCompare, "<changed policy>:3:1"),
    (Question("Physics", quotas=("T3_X=1",)), CannotCompare, "there is no site 'T3_X'"),
    (Question("Physics", cycle=99, policy=KEEP_OLD), CycleUnknown, "no cycle 99"),
    (Question("Physics", time="the day it rained", quotas=("T2_A=1",)), TimeError, "the day it rained"),
    (Question("Physics", time="1970-01-02", quotas=("T2_A=1",)), PartitionError, "there is no partition 'Physics'"),
    (Question("Physics", version=10**9, quotas=("T2_A=1",)), VersionGone, ""),
    (Question("Physics", cycle=1, version=2, quotas=("T2_A=1",)), CannotCompare, "only one of them"),
])  # fmt: skip
def test_what_cannot_be_compared_is_said_clearly(filled, question: Question, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        ask(question)
    assert text in str(caught.value)


def test_an_empty_policy_and_cycle_0_are_mistakes(filled, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    with pytest.raises(CommandError, match="the policy lacks `Partition <name>`"):
        compared("Physics", "--policy", str(tmp_path / "empty.txt"), "--quota", "T2_A=1")
    with pytest.raises(CommandError, match="there is no cycle 0"):
        compared("Physics", "--cycle", "0", "--quota", "T2_A=1")


def test_all_mistakes_of_form_are_told_together(filled) -> None:
    with pytest.raises(CannotCompare) as caught:
        ask(Question("Physics", policy="Partition", cycle=0, quotas=("x", "T2_A=lots"), statuses=("T2_A=NO",)))
    assert len(caught.value.mistakes) > 4


def test_a_kept_version_of_the_inventory(filled) -> None:
    version = filled.snapshot().version
    filled.commit(ChangeSet("test", 1).delete("datasets", [{"name": "/Old/A/AOD"}]))
    then = ask(Question("Physics", policy=KEEP_OLD, version=version))
    assert then.comparison.total()["less"] == 2 * store.TB
    assert "locks, requests and rules are those of the present" in then.notes
    for question in (Question("Physics", policy=KEEP_OLD), Question("Physics", policy=KEEP_OLD, time="tomorrow")):
        assert ask(question).comparison.total()["less"] == 0


def test_the_command_shows_tables_json_and_csv(filled, tmp_path) -> None:
    changed = tmp_path / "changed.txt"
    changed.write_text(KEEP_OLD)
    asked = ("Physics", "--policy", str(changed))
    text = compared(*asked)
    assert "0 B more and 2 TB less go" in text
    assert [line.split()[0] for line in text.splitlines()[-2:]] == ["site", "T2_A"]
    assert "/Old/A/AOD" in compared(*asked, "--by", "dataset")
    assert "deleted by `Dismiss` → protected by `Protect dataset.name == /Old/*`" in compared(*asked, "--by", "replica")
    assert "Protect dataset.name == /Old/*" in compared(*asked, "--by", "line")
    assert json.loads(compared(*asked, "--json"))["total"]["less"] == 2 * store.TB
    table = pl.read_csv(io.StringIO(compared(*asked, "--by", "dataset", "--csv")))
    assert table.select("dataset", "less").rows() == [("/Old/A/AOD", 2 * store.TB)]


def test_the_command_tells_scripts_whether_something_differs(filled, tmp_path) -> None:
    changed = tmp_path / "changed.txt"
    changed.write_text(store.POLICY)
    assert "nothing differs" in compared("Physics", "--policy", str(changed), "--exit-code")
    changed.write_text(KEEP_OLD)
    with pytest.raises(SystemExit) as ended:
        compared("Physics", "--policy", str(changed), "--exit-code")
    assert ended.value.code == 3
    with pytest.raises(CommandError, match="cannot read the changed policy"):
        compared("Physics", "--policy", str(tmp_path / "none.txt"), "--exit-code")
