"""Injection and invalidation through the REST interface: queued, at once, refused, interrupted."""

from __future__ import annotations

import pytest

from inventory.errors import InventoryUnavailable
from registry import injections, wanted
from registry.models import Injection, WantedCopy
from scheduler.runs import WriterRun, writer
from tests.registry.makers import BIG, SMALL

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _with_data(filled, empty_redis) -> None:
    pass


NEW = {
    "dataset": [{"name": "/New/Run-v1/AOD", "status": "valid", "blocks": [
        {"name": "n1", "files": [{"name": "/store/new/1.root", "size": 10, "adler32": "0000000a", "site": "T2_A"}]}
    ]}],
    "datasetreplica": [{"dataset": "/New/Run-v1/AOD", "site": "T2_A", "growing": False, "group": "AnalysisOps"}],
}  # fmt: skip
ANOTHER_FILE = {"dataset": [{"name": BIG, "blocks": [
    {"name": "b1", "files": [{"name": "/store/big/new.root", "size": 7, "adler32": "00000007", "site": "T2_A"}]}
]}]}  # fmt: skip


def names(inventory) -> list[str]:
    return inventory.snapshot().frame("datasets")["name"].sort().to_list()


def test_what_is_injected_at_once_is_there(admin, filled) -> None:
    status, answer = admin.post("inventory/injectsync", NEW)
    assert (status, answer["data"]["datasets"], answer["data"]["files"]) == (200, 1, 1)
    assert "/New/Run-v1/AOD" in names(filled)
    row = Injection.objects.get()
    assert (row.state, row.user, row.version) == ("applied", "adam", filled.snapshot().version)


def test_the_record_names_who_injected(admin, filled) -> None:
    from inventory.models import UpdateRecord

    admin.data("inventory/injectsync", NEW)
    record = UpdateRecord.objects.get(transaction=Injection.objects.get().batch)
    assert (record.author, record.service) == ("adam", "injection")


def test_what_is_queued_is_applied_in_order_by_the_next_run(admin, anyone, filled) -> None:
    assert admin.data("inventory/inject", NEW)["datasets"] == 1
    replica = {
        "datasetreplica": [{"dataset": "/New/Run-v1/AOD", "site": "T2_B", "group": "AnalysisOps", "growing": True}]
    }
    assert admin.post("inventory/inject", replica)[0] == 200
    assert "/New/Run-v1/AOD" not in names(filled)
    assert injections.apply_waiting() == 2
    assert "/New/Run-v1/AOD" in names(filled)
    first, second = Injection.objects.order_by("id")
    assert anyone.get("inventory/injection", id=second.pk)[1]["data"]["state"] == "applied"
    assert first.version < second.version
    assert injections.apply_waiting() == 0


def test_a_file_that_others_lack_is_wanted_there(admin, filled) -> None:
    admin.data("inventory/injectsync", ANOTHER_FILE)
    rows = wanted.waiting().select("dataset", "block", "lfn", "site", "size", "adler32", "author", "cause").rows()
    assert rows == [(BIG, "b1", "/store/big/new.root", "T2_B", 7, 7, "adam", f"injection {Injection.objects.get().pk}")]
    wanted.taken(wanted.waiting()["id"].to_list())
    assert wanted.waiting().is_empty()


def test_the_same_again_changes_nothing(admin, filled) -> None:
    admin.data("inventory/injectsync", NEW)
    version = filled.snapshot().version
    assert admin.data("inventory/injectsync", NEW)["datasets"] == 0
    assert filled.snapshot().version == version


@pytest.mark.parametrize(
    "document", [{"dataset": [{"name": SMALL}]}, {"dataset": [{"name": SMALL, "blocks": [{"name": "s1"}]}]}]
)
def test_invalidation_takes_metadata_away(admin, filled, document) -> None:
    admin.data("inventory/delete", document)
    assert injections.apply_waiting() == 1
    blocks = filled.snapshot().named("blocks").collect()
    assert blocks.filter(dataset=SMALL).is_empty()
    assert BIG in names(filled)


def test_invalidation_at_once(admin, filled) -> None:
    assert admin.data("inventory/deletesync", {"dataset": [{"name": SMALL}]})["datasets"] == 1
    assert names(filled) == [BIG]


@pytest.mark.parametrize("path", ["inject", "injectsync", "delete", "deletesync"])
@pytest.mark.parametrize(("document", "text"), [
    ([1], "body"), ({"datasets": []}, "datasets"), ({"dataset": [{"name": 5}]}, "dataset"), ({"dataset": "x"}, "dataset"),
])  # fmt: skip
def test_a_wrong_document_is_refused_with_its_place_and_nothing_is_kept(admin, filled, path, document, text) -> None:
    before = filled.snapshot().version
    status, answer = admin.post(f"inventory/{path}", document)
    assert (status, answer["result"]) == (400, "Bad Request")
    assert text in answer["message"]
    assert filled.snapshot().version == before
    assert not Injection.objects.exists()


def test_a_queued_document_that_turns_out_wrong_says_why_and_does_not_stop_the_next(admin, filled) -> None:
    admin.data("inventory/inject", {"dataset": [{"name": "/First/a/B"}]})
    unknown = {"datasetreplica": [{"dataset": "/Never/a/B", "site": "T2_A", "group": "AnalysisOps"}]}
    counts = admin.data("inventory/inject", unknown)
    assert (counts["datasetreplicas"], counts["datasets"]) == (1, 0)
    assert admin.post("inventory/inject", {"dataset": [{"name": 5}]})[0] == 400
    admin.data("inventory/inject", NEW)
    assert injections.apply_waiting() == 3
    states = list(Injection.objects.order_by("id").values_list("state", flat=True))
    assert states == ["applied", "refused", "applied"]
    assert "/Never/a/B" in Injection.objects.get(state="refused").reason


@pytest.mark.parametrize("path", ["inject", "injectsync", "delete", "deletesync"])
def test_only_an_admin_of_the_inventory_injects(ann, anyone, filled, path) -> None:
    assert anyone.post(f"inventory/{path}", NEW)[0] == 401
    status, answer = ann.post(f"inventory/{path}", NEW)
    assert (status, "role admin on inventory" in answer["message"]) == (403, True)
    assert not Injection.objects.exists()


def test_a_run_that_dies_before_its_commit_is_finished_by_the_next(admin, filled, monkeypatch) -> None:
    admin.data("inventory/inject", ANOTHER_FILE)

    def unavailable(run, changes):
        raise InventoryUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(WriterRun, "commit", unavailable)
        with pytest.raises(InventoryUnavailable):
            injections.apply_waiting()
    assert Injection.objects.get().state == "recorded"
    assert wanted.waiting().is_empty()
    assert injections.apply_waiting() == 1
    assert Injection.objects.get().state == "applied"
    assert wanted.waiting().height == 1


def test_what_was_to_be_applied_at_once_and_is_kept_is_named(admin, filled, monkeypatch) -> None:
    def unavailable(run, changes):
        raise InventoryUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(WriterRun, "commit", unavailable)
        status, answer = admin.post("inventory/injectsync", NEW)
    row = Injection.objects.get()
    assert (status, row.state) == (503, "recorded")
    assert f"{row} is kept" in answer["message"] and "do not send it again" in answer["message"]
    assert injections.apply_waiting() == 1
    assert "/New/Run-v1/AOD" in names(filled)


def test_a_run_that_dies_after_its_commit_is_finished_without_another(admin, filled, monkeypatch) -> None:
    admin.data("inventory/inject", ANOTHER_FILE)
    commit = WriterRun.commit

    def answer_is_lost(run, changes):
        commit(run, changes)
        raise InventoryUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(WriterRun, "commit", answer_is_lost)
        with pytest.raises(InventoryUnavailable):
            injections.apply_waiting()
    version = filled.snapshot().version
    assert injections.apply_waiting() == 1
    assert filled.snapshot().version == version == Injection.objects.get().version
    assert (wanted.waiting().height, WantedCopy.objects.count()) == (1, 1)


@pytest.mark.slow
def test_when_a_cycle_has_the_turn_the_caller_is_told_to_come_back(admin, filled) -> None:
    from inventory.models import TunedSetting

    TunedSetting.objects.create(component="registry", name="sync_wait", value=0.3)
    with writer("detox", {}, "olga"):
        status, answer = admin.post("inventory/injectsync", NEW)
    assert (status, answer["result"]) == (503, "Service Unavailable")
    assert "detox" in answer["message"]
    assert not Injection.objects.exists()


@pytest.mark.slow
def test_a_document_that_is_too_large_for_the_database_is_refused(admin, filled) -> None:
    import random

    noise = random.Random(1).randbytes(9 * 1024 * 1024).hex()
    groups = [{"name": noise[start : start + 100]} for start in range(0, len(noise), 100)]
    status, answer = admin.post("inventory/inject", {"group": groups})
    assert (status, "send it in parts" in answer["message"]) == (400, True)
    assert not Injection.objects.exists()
