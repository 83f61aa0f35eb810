"""What asking would come to: the same placing as the cycle's, and nothing is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from dealer.cycle import Options, run_cycle
from dealer.models import Cycle
from inventory.models import TunedSetting
from registry import placing
from registry.asking import Asker, Wanted
from registry.errors import Refused
from registry.locks import Wish, set_locks
from registry.models import ApprovalRule, AuditRecord, Notice, Request
from registry.preview import Preview, preview
from registry.settings import RegistrySettings
from tests.dealer.makers import PARTITION, TB, World
from tests.inventory.fixtures import TestInventory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]

A, B = "/A/x-v1/RAW", "/B/x-v1/RAW"
ANN, SETTINGS = Asker("ann"), RegistrySettings(default_group="AnalysisOps")


@pytest.fixture(autouse=True)
def world(inventory: TestInventory) -> World:
    """A (two blocks of 1 TB) and B at T1_A; T2_B, T2_C empty; T2_Full has no room, T2_Away is not ready."""
    made = World().site("T1_A").site("T2_B").site("T2_C").site("T2_Full", quota=1.0).site("T2_Away", status="WAITROOM")
    made.dataset(A, blocks=2).dataset(B).replica(A, "T1_A").replica(B, "T1_A")
    inventory.commit(made.changes())
    TunedSetting.objects.create(component="dealer", name="max_site_pending_fraction", value=1.0)
    return made


def of_copy(inventory: TestInventory, items: list[str], sites: list[str], **values: object) -> Preview:
    return preview(inventory.snapshot(), "copy", ANN, Wanted(items, sites, **values), SETTINGS)  # type: ignore[arg-type]


def of_deletion(inventory: TestInventory, items: list[str], sites: list[str]) -> Preview:
    return preview(inventory.snapshot(), "deletion", ANN, Wanted(items, sites), SETTINGS)


def test_a_copy_tells_where_from_and_which_sites_have_room(inventory: TestInventory) -> None:
    told = of_copy(inventory, [A], ["T2_*"])
    assert (told.outlook.verdict, told.outlook.size, told.item_sizes) == ("accepted", 2 * TB, {A: 2 * TB})
    assert [(source.item, source.site, source.size) for source in told.outlook.sources] == [(A, "T1_A", 2 * TB)]
    rooms = {room.site: room.closed for room in told.outlook.rooms}
    assert rooms == {"T2_B": "", "T2_C": "", "T2_Full": "", "T2_Away": "status WAITROOM"}
    chances = {part.site: part.chance for part in told.outlook.parts}
    assert chances["T2_B"] == pytest.approx(0.5)
    assert chances["T2_Full"] is None
    verdicts = {part.site: part.verdict for part in told.outlook.parts}
    assert verdicts["T2_Full"] == "Destination is full"
    assert sorted([verdicts["T2_B"], verdicts["T2_C"]]) == ["chosen", "could have been chosen"]


def kept() -> list[int]:
    return [model.objects.count() for model in (Request, Cycle, Notice, AuditRecord)]


def test_nothing_is_kept_by_looking(inventory: TestInventory) -> None:
    ApprovalRule.objects.create(name="all", emails="olga@example.org")
    version, before = inventory.snapshot().version, kept()
    assert of_copy(inventory, [A], ["T2_B"]).approval == "all"
    of_deletion(inventory, [A], ["T1_A"])
    assert inventory.snapshot().version == version
    assert kept() == before


def test_it_comes_as_it_was_told(inventory: TestInventory) -> None:
    told = of_copy(inventory, [A, f"{B}#b1"], ["T2_B", "T2_C"], num_copies=0)
    asked = placing.ask_copy(
        inventory.snapshot(), ANN, Wanted([A, f"{B}#b1"], ["T2_B", "T2_C"], num_copies=0), SETTINGS
    )
    cycle = run_cycle(PARTITION, Options("dealer", wait=0))
    assert cycle.volume == told.outlook.size
    chosen = {(part.item, part.site) for part in told.outlook.parts if part.verdict == "chosen"}
    asked.refresh_from_db()
    assert asked.status == "activated"
    assert {(action.item, action.site) for action in asked.actions.all()} == chosen


def test_what_is_asked_already_would_be_counted(inventory: TestInventory) -> None:
    first = placing.ask_copy(inventory.snapshot(), ANN, Wanted([A], ["T2_B", "T2_C"]), SETTINGS)
    assert of_copy(inventory, [A], ["T2_C"]).counted == first.pk
    assert of_copy(inventory, [B], ["T2_C"]).counted is None


def test_what_would_be_refused_says_why(inventory: TestInventory) -> None:
    TunedSetting.objects.create(component="dealer", name="max_size", value=1.5)
    told = of_copy(inventory, [A], ["T2_B"])
    assert (told.outlook.verdict, told.outlook.size) == ("refused", 0)
    assert "larger than max_size" in told.outlook.refusal
    assert of_copy(inventory, [B], ["T2_Full"]).outlook.verdict == "accepted"
    with pytest.raises(Refused, match="unknown dataset or block: /no"):
        of_copy(inventory, ["/no"], ["T2_B"])


def test_what_is_there_already_leaves_nothing_to_do(inventory: TestInventory) -> None:
    told = of_copy(inventory, [A], ["T1_A"])
    assert (told.outlook.verdict, told.outlook.size) == ("nothing left to do", 0)
    assert [(part.item, part.site, part.verdict) for part in told.outlook.parts] == [
        (A, "T1_A", "is there or on its way")
    ]


def test_without_a_source_it_would_wait(inventory: TestInventory) -> None:
    inventory.put(sites=[{"name": "T1_A", "status": "MORGUE"}])
    told = of_copy(inventory, [A], ["T2_B"])
    assert told.outlook.verdict == "would wait"
    assert "No source replica available" in told.outlook.refusal
    assert told.outlook.sources == []


def test_a_partition_that_is_not_there_is_told(inventory: TestInventory) -> None:
    TunedSetting.objects.create(component="dealer", name="request_partition", value="Nowhere")
    told = of_copy(inventory, [A], ["T2_B"])
    assert "no partition 'Nowhere'" in told.outlook.refusal
    assert told.outlook.sources[0].site == "T1_A"


def test_a_deletion_tells_what_goes_what_is_locked_and_what_is_last(inventory: TestInventory) -> None:
    inventory.put(
        dataset_replicas=[{"dataset": A, "site": "T2_B", "group": "AnalysisOps"}],
        block_replicas=[{"dataset": A, "block": "b1", "site": "T2_B", "complete": True}],
    )
    set_locks([Wish(B, timezone.now() + timedelta(days=9))], "olga")
    told = of_deletion(inventory, [A, B], ["T1_A", "T2_C"])
    parts = {(part.item, part.site): part for part in told.outlook.parts}
    going = parts[A, "T1_A"]
    assert (going.verdict, going.size, going.detail) == ("deleted", 2 * TB, "1 blocks are complete nowhere else")
    assert (parts[B, "T1_A"].verdict, parts[A, "T2_C"].verdict) == ("a lock protects it", "not there")
    assert (told.outlook.verdict, told.outlook.size) == ("accepted", 2 * TB)
    both = of_deletion(inventory, [A], ["T1_A", "T2_B"])
    assert "2 blocks" in next(part for part in both.outlook.parts if part.site == "T1_A").detail
    none = of_deletion(inventory, [B], ["T1_A"])
    assert (none.outlook.verdict, none.outlook.size) == ("refused", 0)


def test_it_is_plain_json(inventory: TestInventory) -> None:
    import json

    for told in (of_copy(inventory, [A], ["T2_*"]), of_deletion(inventory, [A], ["T1_A"])):
        assert json.loads(json.dumps(told.as_dict()))["kind"] == told.kind


def test_a_copy_without_a_group_is_refused_as_asking_would_be(inventory: TestInventory) -> None:
    with pytest.raises(Refused, match="missing parameter group"):
        preview(inventory.snapshot(), "copy", ANN, Wanted([A], ["T2_B"]), RegistrySettings())
