"""Requests that ended long ago leave the database and are found as before."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from inventory.errors import InventoryError
from registry import archive, placing, polling, requests, tokens
from registry.asking import Asker, Wanted
from registry.models import Request, RequestArchive
from registry.polling import Question
from registry.settings import RegistrySettings
from tests.registry.frames import small_snapshot

pytestmark = pytest.mark.django_db
SETTINGS = RegistrySettings(default_group="g1")
YEARS = timedelta(days=1000)


@pytest.fixture(autouse=True)
def _directory(tmp_path, settings) -> None:
    settings.HISTORY_DIR = tmp_path


def copy(items=("/A",), sites=("T2_B",), user: str = "ann") -> Request:
    return placing.ask_copy(small_snapshot(), Asker(user, "workflow"), Wanted(items, sites), SETTINGS)


def ended(*arguments: object) -> Request:
    made = copy(*arguments)
    requests.activate(made, [(made.items.first().item, made.sites.first().site)])
    requests.finish_action(made, made.items.first().item, made.sites.first().site)
    return made


def ids(**question: object) -> list[int]:
    return [request.pk for request in polling.find(Question("copy", **question), 10)]


def everything() -> list[dict[str, object]]:
    return polling.shown(polling.find(Question("copy"), 100))


def test_what_ended_long_ago_moves_and_reads_the_same() -> None:
    done, rejected, still = ended(), copy(["/B"], ["T2_A"], "bob"), copy(["/A#x", "/B"], ["T2_A", "T2_B"])
    requests.reject(rejected, "no room")
    before = everything()
    done.refresh_from_db()
    assert archive.move_old(timezone.now()) == 0
    assert archive.move_old(timezone.now() + YEARS) == 2
    assert list(Request.objects.values_list("pk", flat=True)) == [still.pk]
    assert everything() == before
    [found] = polling.find(Question("copy", done.pk), 1)
    assert (found.user, found.service, found.site_patterns) == ("ann", "workflow", ["T2_B"])
    assert (found.ended, found.first_asked) == (done.ended, done.first_asked)
    assert [action.status for action in found.actions.all()] == ["completed"]


def test_the_api_and_the_page_show_it(client, inventory) -> None:
    done = ended(["/A", "/B"], ["T2_B"])
    before = client.get(f"/api/v1/copy-requests/{done.pk}").json()
    archive.move_old(timezone.now() + YEARS)
    assert client.get(f"/api/v1/copy-requests/{done.pk}").json() == before
    assert before["items"] == ["/A", "/B"]
    page = client.get(f"/requests/{done.pk}/").content.decode()
    assert "/B" in page
    assert "T2_B" in page
    assert client.get(f"/api/v1/deletion-requests/{done.pk}").status_code == 404


def test_lists_of_the_api_have_what_is_archived(client, inventory) -> None:
    made = [ended(["/A"], ["T2_B"]), copy(["/B"], ["T2_A"], "bob"), ended(["/A", "/B"], ["T2_A", "T2_B"], "carl")]
    numbers = [row.pk for row in made]
    questions = {
        "": numbers[::-1], "order=first_asked": numbers, "order=-user": numbers[::-1], "order=-ended,id": [numbers[2], *numbers[:2]],
        "user=c*": [numbers[2]], "item=/B&site=T2_A": numbers[:0:-1], "status=completed&item=/A": [numbers[2], numbers[0]],
        "status=new": [numbers[1]], "ended__gt=1999-01-01": [numbers[2], numbers[0]], "ended__null=true": [numbers[1]],
        f"id={numbers[0]}": [numbers[0]], "ended__gt=2999-01-01": [], "service__not=workflow": [],
    }  # fmt: skip

    def rows(question: str) -> list[dict[str, object]]:
        address, found = f"/api/v1/copy-requests?limit=1&{question}", []
        while address:
            answer = client.get(address)
            assert answer.status_code == 200, answer.content
            found += answer.json()["results"]
            address = answer.json()["next"]
        return found

    before = {question: rows(question) for question in questions}
    assert {question: [row["id"] for row in found] for question, found in before.items()} == questions
    assert archive.move_old(timezone.now() + YEARS) == 2
    assert {question: rows(question) for question in questions} == before
    whole = b"".join(client.get("/api/v1/copy-requests?format=csv&fields=id,items").streaming_content)
    assert len(whole.splitlines()) == 4
    assert client.get("/api/v1/deletion-requests").json()["results"] == []


def test_actions_of_an_archived_request_are_shown_and_nothing_about_it_changes(client, inventory) -> None:
    done = ended(["/A", "/B"], ["T2_B"])
    address = f"/api/v1/copy-requests/{done.pk}/actions"
    [before] = client.get(address).json()["results"]
    archive.move_old(timezone.now() + YEARS)
    assert client.get(address).json()["results"] == [{**before, "id": 1}]
    assert client.get(f"{address}?status=failed").json()["results"] == []
    user = User.objects.create_user("ann")
    headers = {"authorization": f"Bearer {tokens.create(user)[1]}"}
    refused = client.post(f"/api/v1/copy-requests/{done.pk}/cancel", headers=headers)
    assert (refused.status_code, "archived" in refused.json()["detail"]) == (409, True)


def test_all_filters_find_what_is_archived() -> None:
    a, b = ended(["/A"], ["T2_B"]), ended(["/A", "/B"], ["T2_A", "T2_B"], "bob")
    archive.move_old(timezone.now() + YEARS)
    new = copy(["/A"], ["T2_B"], "carl")
    assert ids() == [a.pk, b.pk, new.pk]
    assert ids(request_id=a.pk) == [a.pk]
    assert ids(users=["bob", "carl"]) == [b.pk, new.pk]
    assert ids(statuses=["completed"]) == [a.pk, b.pk]
    assert ids(statuses=["new"]) == [new.pk]
    assert ids(items=["/A", "/B"]) == [b.pk]
    assert ids(sites=["T2_A"]) == [b.pk]
    assert ids(items=["/A"], sites=["T2_B"]) == [new.pk]
    assert ids(items=["/A"], sites=["T2_B"], all_matching=True) == [a.pk, b.pk, new.pk]
    assert ids(items=[]) == ids(statuses=[]) == ids(users=[]) == ids(sites=[]) == []
    assert [row.pk for row in polling.find(Question("deletion"), 10)] == []
    assert polling.known_items(["/A", "/B", "/C"]) == {"/A", "/B"}


def test_the_newest_are_shown_wherever_they_are() -> None:
    old, gone, new = copy(["/A"]), ended(["/B"]), copy(["/A#x"], ["T2_A"])
    archive.move_old(timezone.now() + YEARS)
    pages = [
        [row.pk for row in polling.find(Question("copy"), 2)],
        [row.pk for row in polling.find(Question("copy"), 2, below=gone.pk)],
    ]
    assert pages == [[gone.pk, new.pk], [old.pk]]


def test_files_are_filled_one_after_the_other_and_old_ones_removed(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(archive, "_IN_A_FILE", 2)
    for number in range(5):
        ended([["/A"], ["/B"], ["/A#x"], ["/A#y"], ["/B#z"]][number])
        archive.move_old(timezone.now() + YEARS)
    assert list(RequestArchive.objects.order_by("first").values_list("requests", flat=True)) == [2, 2, 1]
    assert len(everything()) == 5
    for path in archive.directory().iterdir():
        os.utime(path, (time.time() - 10_000,) * 2)
    archive.move_old(timezone.now())
    assert len(list(archive.directory().iterdir())) == 3
    assert len(everything()) == 5


def test_memory_bounds_how_many_move_together_and_how_large_a_file_grows(monkeypatch) -> None:
    for items in (["/A", "/B"], ["/A#x"], ["/B"], ["/A#y"]):
        ended(items)
    monkeypatch.setattr(archive, "_PARTS_AT_ONCE", 6)  # an item, a site and an action each; one item more of the first
    monkeypatch.setattr(archive, "_LARGEST_FILE", 0)
    before = everything()
    assert archive.move_old(timezone.now() + YEARS) == 4
    assert list(RequestArchive.objects.order_by("first").values_list("requests", flat=True)) == [1, 2, 1]
    assert everything() == before
    monkeypatch.setattr(archive, "_PARTS_AT_ONCE", 1)
    ended(["/A"])
    assert archive.move_old(timezone.now() + YEARS) == 1


def test_a_move_that_dies_leaves_them_where_they_were(monkeypatch) -> None:
    ended()
    before = everything()

    class Killed(BaseException):
        pass

    def dies(**_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RequestArchive.objects, "create", dies)
        with pytest.raises(Killed):
            archive.move_old(timezone.now() + YEARS)
    assert everything() == before
    assert archive.move_old(timezone.now() + YEARS) == 1
    assert everything() == before


def test_a_full_disk_keeps_them_in_the_database(settings) -> None:
    ended()
    settings.HISTORY_DIR = "/proc/nowhere"
    with pytest.raises(InventoryError, match="cannot be written"):
        archive.move_old(timezone.now() + YEARS)
    assert Request.objects.count() == 1


def test_never_is_a_setting() -> None:
    from inventory.models import TunedSetting

    ended()
    TunedSetting.objects.create(component="registry", name="archive_days", value=0.0)
    assert archive.move_old(timezone.now() + YEARS) == 0
