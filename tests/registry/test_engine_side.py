"""What engines see of requests, and that their answers end requests."""

from __future__ import annotations

import pytest
from django.utils import timezone

from registry import requests
from registry.lifecycle import ImpossibleTransition
from registry.models import CopyRequest, DeletionRequest, Request, RequestItem, RequestSite
from tests.registry.frames import small_snapshot

pytestmark = pytest.mark.django_db


def request(items: list[str], sites: list[str], kind=CopyRequest, **values: object) -> Request:
    made = kind.objects.create(user="ann", first_asked=timezone.now(), last_asked=timezone.now(), **values)
    RequestItem.objects.bulk_create([RequestItem(request_id=made.pk, item=item) for item in items])
    RequestSite.objects.bulk_create([RequestSite(request_id=made.pk, site=site) for site in sites])
    return made


def test_waiting_requests_come_oldest_first_and_by_kind() -> None:
    first, second = request(["/A"], ["T2_B"]), request(["/B"], ["T2_B"])
    deletion = request(["/A#x"], ["T2_A"], kind=DeletionRequest)
    assert [waiting.pk for waiting in requests.waiting_copies()] == [first.pk, second.pk]
    assert [waiting.pk for waiting in requests.waiting_deletions()] == [deletion.pk]


def test_a_request_is_completed_when_its_last_action_ends() -> None:
    made = request(["/A"], ["T2_B", "T1_Tape"])
    requests.activate(made, [("/A", "T2_B"), ("/A", "T1_Tape")])
    assert requests.waiting_copies() == []
    requests.queue_action(made, "/A", "T2_B")
    requests.finish_action(made, "/A", "T2_B")
    assert Request.objects.get(pk=made.pk).status == "activated"
    requests.finish_action(made, "/A", "T1_Tape", failed=True, reason="no space")
    made.refresh_from_db()
    assert (made.status, made.ended is not None) == ("completed", True)
    assert sorted(made.actions.values_list("status", "reason")) == [("completed", ""), ("failed", "no space")]


def test_a_rejected_request_says_why_and_can_not_be_activated() -> None:
    made = request(["/A"], ["T2_B"])
    requests.reject(made, "no target site left")
    made.refresh_from_db()
    assert (made.status, made.reason) == ("rejected", "no target site left")
    with pytest.raises(ImpossibleTransition, match=f"copy request {made.pk} is rejected"):
        requests.activate(made, [("/A", "T2_B")])
    assert not made.actions.exists()


def test_an_engine_with_an_old_copy_of_the_request_can_not_activate_what_was_cancelled() -> None:
    made = request(["/A"], ["T2_B"])
    [seen] = requests.waiting_copies()
    Request.objects.filter(pk=made.pk).update(status="cancelled")
    with pytest.raises(ImpossibleTransition):
        requests.activate(seen, [("/A", "T2_B")])


def test_open_items_are_those_of_new_and_activated_requests() -> None:
    request(["/A#x", "/B"], ["T2_B"])
    requests.activate(request(["/A"], ["T2_A"], kind=DeletionRequest), [("/A", "T2_A")])
    requests.complete(request(["/C"], ["T2_A"]))
    assert sorted(requests.open_items().rows(), key=str) == [
        ("/A", "x", "T2_B", "copy"), ("/A", None, "T2_A", "deletion"), ("/B", None, "T2_B", "copy"),
    ]  # fmt: skip


def test_unhandled_copies_are_new_ones_by_dataset() -> None:
    request(["/A#x", "/A#y"], ["T2_B"])
    requests.activate(request(["/B"], ["T2_A"]), [("/B", "T2_A")])
    request(["/C"], ["T2_A"], kind=DeletionRequest)
    assert requests.unhandled_copy_datasets().to_list() == ["/A"]


def test_datasets_wanted_at_a_tape_site() -> None:
    request(["/A#x"], ["T1_Tape", "T2_B"])
    request(["/B"], ["T2_B"])
    assert requests.tape_requested_datasets(small_snapshot()).to_list() == ["/A"]


def test_no_requests_no_rows() -> None:
    assert requests.open_items().is_empty()
    assert requests.unhandled_copy_datasets().is_empty()
    assert requests.tape_requested_datasets(small_snapshot()).is_empty()
