"""Which version an answer is from: tags, versions that were, versions to wait for."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User

from inventory import client
from inventory.errors import InventoryUnavailable
from registry import tokens
from registry.api import versions
from tests.registry.api.reading.makers import DATASETS


def put(inventory, number: int) -> int:
    return inventory.put(datasets=[{"name": DATASETS[0], "num_access": number}]).version


def bearer() -> str:
    """Credentials of a known user."""
    return f"Bearer {tokens.create(User.objects.create_user('ann'))[1]}"


def accesses(answer) -> int:
    return answer.json()["num_access"]


ONE = f"datasets/{DATASETS[0].replace('/', '%2F')}"


@pytest.mark.parametrize(
    "path", ["datasets", ONE, "replicas?format=csv", "statistics/size", "history", "quotas", f"{ONE}/files"]
)
def test_what_the_caller_has_is_not_sent_again(reader, stocked, path):
    answer = reader.get(path)
    again = reader.get(path, if_none_match=answer["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"])
    assert again["Dynamo-Version"] == answer["Dynamo-Version"] == "1"
    assert reader.get(path, if_none_match=f'"other", {answer["ETag"]}').status_code == 304
    put(stocked, 5)
    changed = reader.get(path, if_none_match=answer["ETag"])
    assert (changed.status_code, changed["Dynamo-Version"]) == (200, "2")
    assert changed["ETag"] != answer["ETag"]


def test_another_format_has_another_tag(reader, stocked):
    tag = reader.get("datasets")["ETag"]
    assert reader.get("datasets", accept="text/csv", if_none_match=tag).status_code == 200


def test_a_wrong_call_is_no_answer_that_the_caller_has(reader, stocked):
    tag = reader.get("datasets")["ETag"]
    assert reader.get("datasets?wrong=1", if_none_match=tag).status_code == 400


def test_an_older_version(reader, stocked):
    first = put(stocked, 5)
    for number in range(6, 9):
        put(stocked, number)
    assert accesses(reader.get(ONE)) == 8
    past = reader.get(ONE, {"at_version": first})
    assert (accesses(past), past["Dynamo-Version"]) == (5, str(first))
    assert len(reader.all_rows("replicas", at_version=first, limit=20)) == 78


def test_pages_of_one_version_are_of_one_version(reader, stocked):
    version = put(stocked, 5)
    whole = reader.rows("replicas", limit=1000)
    remove = iter(DATASETS)

    def change() -> None:
        from inventory.changes import ChangeSet

        stocked.commit(ChangeSet("test", stocked.leader_token).delete("datasets", [{"name": next(remove)}]))

    assert reader.all_rows("replicas", between=change, limit=20, at_version=version) == whole
    assert len(reader.rows("replicas", limit=1000)) < len(whole)


def test_a_version_that_is_not_kept_any_more(reader, stocked, tmp_path, settings):
    from inventory.history.follower import DROPPED
    from inventory.log_models import FollowerPosition

    put(stocked, 5)
    put(stocked, 6)
    settings.INVENTORY_CHECKPOINT_DIR = settings.INVENTORY_HISTORY_DIR = tmp_path
    # As the log is after cleaning up, with neither checkpoint nor history.
    FollowerPosition.objects.update_or_create(pk=DROPPED, defaults={"sequence": 2})
    while len(stocked.leader._images) > 1:
        stocked.leader._images.popleft()
    status, problem = reader.problem("datasets", {"at_version": 1}, authorization=bearer())
    assert (status, problem["type"]) == (410, "/api/v1/problems/gone")


def test_a_version_is_made_for_known_users_only(reader, stocked, monkeypatch):
    """It is seconds of work and the memory of a whole inventory; what is made already is for everybody."""
    first = put(stocked, 5)
    past = client.snapshot(version=first)
    put(stocked, 6)
    while len(stocked.leader._images) > 1:
        stocked.leader._images.popleft()
    made = []
    monkeypatch.setattr(client, "as_of", lambda *, version: made.append(version) or past)
    monkeypatch.setattr(versions, "_made", {})
    status, problem = reader.problem(ONE, {"at_version": first})
    assert (status, problem["type"], made) == (401, "/api/v1/problems/not-authenticated", [])
    assert accesses(reader.get(ONE, {"at_version": first}, authorization=bearer())) == 5
    assert accesses(reader.get(ONE, {"at_version": first})) == 5
    assert made == [first]


def test_a_version_that_never_was(reader, stocked):
    status, problem = reader.problem("datasets", {"at_version": 99})
    assert status == 404
    assert "no version 99" in problem["detail"]


def test_nobody_waits_for_a_version_that_nobody_made(reader, stocked):
    status, problem = reader.problem("datasets", dynamo_version="99")
    assert (status, problem["errors"][0]["field"]) == (400, "Dynamo-Version")
    for text in ("x", "-1", "", "1e3", "9" * 30):
        assert reader.problem("datasets", dynamo_version=text)[0] == 400


def test_a_version_that_is_committed_is_waited_for(reader, stocked):
    """The backend shows the version a moment after it was committed; the answer comes then, and has it."""
    leader = stocked.leader
    version = put(stocked, 9)
    shown = threading.Event()

    class Late:
        def snapshot(self, at_least=None, version=None):
            if not shown.is_set() and at_least is None and version is None:
                return leader.snapshot(version=1)
            assert shown.wait(60)
            return leader.snapshot(at_least=at_least)

    timer = threading.Timer(0.2, shown.set)
    timer.start()
    with client.using(Late()):
        answer = reader.get(ONE, dynamo_version=str(version))
    assert (accesses(answer), answer["Dynamo-Version"]) == (9, str(version))


def test_a_version_that_does_not_come_in_time_is_asked_for_again(reader, stocked):
    leader, version = stocked.leader, put(stocked, 9)

    class Stuck:
        def snapshot(self, at_least=None, version=None):
            if at_least is not None:
                raise InventoryUnavailable(f"version {at_least} did not come: the newest is 1")
            return leader.snapshot(version=1)

    with client.using(Stuck()):
        answer = reader.get(ONE, dynamo_version=str(version))
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
