"""Asking for copies and deletions, changing and withdrawing what was asked, and what operators do by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry import placing, requests
from registry.cached import keep, make_requests
from registry.errors import Denied, Refused
from registry.lifecycle import ImpossibleTransition
from registry.models import CachedCopyRequest, Request
from registry.placing import Asker, Wanted
from registry.polling import Question, find, shown
from registry.settings import RegistrySettings
from tests.registry.frames import small_snapshot

OLGA = Asker("olga", operator=True)

pytestmark = pytest.mark.django_db

ANN, BOB, OPERATOR = Asker("ann", "workflow"), Asker("bob"), Asker("olga", operator=True)
SETTINGS = RegistrySettings(default_group="g1", max_items=3)


def copy(items=("/A",), sites=("T2_B",), group=None, n=None, asker: Asker = ANN, settings=SETTINGS) -> Request:
    return placing.ask_copy(small_snapshot(), asker, Wanted(items, sites, group, n), settings)


def delete(items=("/A",), sites=("T2_A",), asker: Asker = ANN) -> Request:
    return placing.ask_deletion(small_snapshot(), asker, Wanted(items, sites), SETTINGS)


def test_a_copy_request_keeps_who_asked_for_what() -> None:
    made = copy(["/A#x", "/B"], ["T2_*"])
    [row] = shown([made])
    assert row | {"first_request": "", "last_request": ""} == {
        "request_id": made.pk, "item": ["/A#x", "/B"], "site": ["T2_A", "T2_B"], "status": "new", "user": "ann", "dn": "",
        "group": "g1", "n": 1, "request_count": 1, "first_request": "", "last_request": "",
    }  # fmt: skip
    assert (made.service, made.site_patterns) == ("workflow", ["T2_*"])
    assert str(row["first_request"]).endswith(" UTC") and "T" in str(row["first_request"])


def test_the_same_again_is_found_and_counted_and_changes_what_is_new() -> None:
    first = copy(["/A", "/B"], ["T2_A", "T2_B"])
    again = copy(["/A"], ["T2_B"], group="None", n=0)
    assert (again.pk, again.count, again.group, again.num_copies) == (first.pk, 2, "None", 0)
    assert Request.objects.count() == 1


def test_what_an_engine_took_on_is_counted_but_not_changed() -> None:
    first = copy()
    requests.activate(first, [("/A", "T2_B")])
    again = copy(n=0, group="None")
    assert (again.pk, again.count, again.num_copies, again.group) == (first.pk, 2, 1, "g1")


def test_a_new_request_is_preferred_to_an_activated_one() -> None:
    activated = copy(["/A", "/B"])
    requests.activate(activated, [("/A", "T2_B")])
    new = copy(["/A"], ["T2_A", "T2_B"])
    assert copy(["/A"], ["T2_B"]).pk == new.pk


def test_more_than_was_asked_before_is_another_request() -> None:
    first = copy(["/A"])
    assert copy(["/A", "/B"]).pk != first.pk
    assert copy(["/A"], ["T2_A", "T2_B"]).pk != first.pk


@pytest.mark.parametrize("end", [requests.complete, lambda request: requests.reject(request, "no")])
def test_what_ended_is_not_used_again(end) -> None:
    first = copy()
    end(first)
    assert copy().pk != first.pk


def test_others_are_counted_but_do_not_change_it() -> None:
    first = copy(n=1)
    again = copy(n=0, asker=BOB)
    assert (again.pk, again.count, again.num_copies, again.user) == (first.pk, 2, 1, "ann")
    assert copy(n=2, asker=OPERATOR).num_copies == 2


@pytest.mark.parametrize(("values", "text"), [
    ({"items": ["/A", "/X"]}, "item: unknown dataset or block: /X"),
    ({"items": ["/A#nope"]}, "item: unknown dataset or block: /A#nope"),
    ({"sites": ["T2_A", "T7_*"]}, r"site: unknown: T7_\*"),
    ({"group": "nobody"}, "group: unknown: nobody"),
    ({"items": []}, "missing parameter item"),
    ({"sites": []}, "missing parameter site"),
    ({"items": ["/A", "/B", "/A#x", "/A#y"]}, "item: 4 in one request; at most 3"),
])  # fmt: skip
def test_what_is_wrong_is_named_and_nothing_is_made(values, text) -> None:
    with pytest.raises(Refused, match=text):
        copy(**values)
    assert not Request.objects.exists()


def test_defaults_of_the_installation() -> None:
    made = copy(sites=(), settings=replace(SETTINGS, default_sites=("T2_*",)))
    assert sorted(site.site for site in made.sites.all()) == ["T2_A", "T2_B"]
    with pytest.raises(Refused, match="missing parameter group"):
        copy(["/B"], settings=RegistrySettings())


def test_duplicates_count_once() -> None:
    made = copy(["/A", "/A"], ["T2_A", "T2_*"])
    assert (made.items.count(), made.sites.count()) == (1, 2)


def test_an_open_deletion_request_is_returned_instead_of_a_new_one() -> None:
    first = delete()
    assert delete().pk == first.pk
    assert delete(["/B"]).pk != first.pk
    both = delete(["/A", "/B"])
    assert both.pk != first.pk
    assert (delete().pk, delete(["/B", "/A"]).pk) == (first.pk, both.pk)
    assert copy(["/A"], ["T2_A"]).pk != first.pk


def test_changing_by_number() -> None:
    made = copy()
    changed = placing.change(small_snapshot(), "copy", made.pk, ANN, Wanted(group="None", num_copies=0))
    assert (changed.group, changed.num_copies, changed.count) == ("None", 0, 2)
    with pytest.raises(Refused, match="item: /B is not part"):
        placing.change(small_snapshot(), "copy", made.pk, ANN, Wanted(items=["/B"]))
    with pytest.raises(Denied, match="belongs to ann"):
        placing.change(small_snapshot(), "copy", made.pk, BOB, Wanted(num_copies=1))
    with pytest.raises(Refused, match="there is no deletion request"):
        placing.change(small_snapshot(), "deletion", made.pk, ANN, Wanted())
    requests.activate(made, [("/A", "T2_B")])
    with pytest.raises(Refused, match="cannot be updated any more"):
        placing.change(small_snapshot(), "copy", made.pk, ANN, Wanted(num_copies=1))


def test_the_owner_or_an_operator_cancels_while_it_is_new() -> None:
    made = copy()
    with pytest.raises(Denied, match="belongs to ann"):
        placing.cancel("copy", made.pk, BOB)
    assert placing.cancel("copy", made.pk, ANN).status == "cancelled"
    assert placing.cancel("copy", made.pk, OPERATOR).status == "cancelled"
    activated = copy()
    requests.activate(activated, [("/A", "T2_B")])
    with pytest.raises(ImpossibleTransition, match="is activated and cannot be cancelled;"):
        placing.cancel("copy", activated.pk, ANN)


def test_an_operator_releases_what_is_stuck() -> None:
    made = copy(["/A", "/B"])
    requests.activate(made, [("/A", "T2_B"), ("/B", "T2_B")])
    requests.finish_action(made, "/A", "T2_B")
    placing.release(made, OLGA)
    assert [waiting.pk for waiting in requests.waiting_copies()] == [made.pk]
    requests.activate(made, [("/B", "T2_B")])
    assert sorted(made.actions.values_list("item", "status")) == [("/A", "completed"), ("/B", "new")]


def test_an_operator_ends_requests_by_hand() -> None:
    new, activated = copy(), copy(["/B"])
    requests.activate(activated, [("/B", "T2_B")])
    placing.fail(new, OLGA, "not wanted")
    placing.fail(activated, OLGA, "site is gone")
    statuses = dict(Request.objects.values_list("pk", "status"))
    assert statuses == {new.pk: "rejected", activated.pk: "completed"}
    assert list(activated.actions.values_list("status", "reason")) == [("failed", "site is gone (olga)")]
    with pytest.raises(ImpossibleTransition):
        placing.fail(activated, OLGA, "again")


def ids(**question) -> list[int]:
    return [request.pk for request in find(Question("copy", **question), most=10)]


def test_polling() -> None:
    old = copy()
    requests.reject(old, "no room")
    late = copy(asker=BOB)
    both = copy(["/A", "/B"], ["T2_A"])
    assert ids() == [old.pk, late.pk, both.pk]
    assert ids(request_id=late.pk) == [late.pk]
    assert ids(items=["/A", "/B"]) == [both.pk]
    assert ids(items=["/A"], sites=["T2_B"]) == [late.pk]
    assert ids(items=["/A"], sites=["T2_B"], all_matching=True) == [old.pk, late.pk]
    assert ids(statuses=["rejected"]) == [old.pk]
    assert ids(users=["bob"]) == [late.pk]
    assert ids(items=["/C"]) == ids(statuses=[]) == ids(users=[]) == ids(items=[]) == []
    assert [request.pk for request in find(Question("copy"), most=2)] == [late.pk, both.pk]


def test_answers_tell_where_it_stands_and_why() -> None:
    rejected, activated = copy(), copy(["/B"])
    requests.reject(rejected, "no room")
    requests.activate(activated, [("/B", "T2_B")])
    requests.queue_action(activated, "/B", "T2_B")
    rows = {row["request_id"]: row for row in shown(find(Question("copy"), most=10))}
    assert rows[rejected.pk]["reason"] == "no room"
    [action] = rows[activated.pk]["active"]
    assert (action["item"], action["site"], action["status"]) == ("/B", "T2_B", "queued")
    assert "request_time" in shown([delete()])[0]


def test_cached_requests_become_requests_in_order_and_bad_ones_say_why() -> None:
    keep(ANN, Wanted(["/A"], ["T2_B"]), SETTINGS)
    keep(BOB, Wanted(["/X"], ["T2_B"]), SETTINGS)
    assert not Request.objects.exists()
    assert make_requests(small_snapshot(), SETTINGS) == 2
    assert not CachedCopyRequest.objects.exists()
    rows = Request.objects.order_by("id").values_list("user", "status", "reason")
    assert list(rows) == [("ann", "new", ""), ("bob", "rejected", "item: unknown dataset or block: /X")]
    assert make_requests(small_snapshot(), SETTINGS) == 0
    with pytest.raises(Refused, match="missing parameter item"):
        keep(ANN, Wanted([], ["T2_B"]), SETTINGS)


def test_names_are_kept_without_outer_spaces_and_only_what_can_be_names() -> None:
    row = keep(ANN, Wanted(["/A", " /A "], ["T2_B", "T2_B "]), SETTINGS)
    assert (row.items, row.sites) == (["/A"], ["T2_B"])
    for item in ("/A\ud800", " ", "x" * 601):
        with pytest.raises(Refused, match="is no name of at most 600"):
            keep(ANN, Wanted([item], ["T2_B"]), SETTINGS)


def test_a_cached_request_that_the_database_does_not_take_stops_no_other() -> None:
    kept = keep(ANN, Wanted(["/A"], ["T2_B"]), SETTINGS)
    for items in (["/X", "/X "], ["/" + "x" * 700]):
        kept.pk, kept.items = None, items
        kept.save()
    keep(BOB, Wanted(["/B"], ["T2_B"]), SETTINGS)
    assert make_requests(small_snapshot(), SETTINGS) == 4
    found = [(row.status, [part.item for part in row.items.all()]) for row in Request.objects.order_by("id")]
    assert found == [("new", ["/A"]), ("rejected", ["/X"]), ("rejected", ["/" + "x" * 599]), ("new", ["/B"])]
