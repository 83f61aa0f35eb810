"""The verbs of the client, blocking and awaited, against a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from dynamo_client import AsyncDynamo, Denied, Dynamo, NotThere, Refused
from dynamo_client.calls import Call, answered
from registry import rights
from registry.callers import Caller
from registry.identity import devices
from registry.models import DeviceLogin, Injection, Request
from scheduler import applock
from tests.registry.makers import BIG, SITES, SMALL

slow = pytest.mark.slow


@slow
def test_asking_looking_and_withdrawing(ann: Dynamo) -> None:
    made = ann.request_copy(BIG, ["T2_B"], group="AnalysisOps", copies=0)
    assert (made.status, made.num_copies, made.user, made.items, made.sites) == ("new", 0, "ann", (BIG,), ("T2_B",))
    assert ann.request(made.id) == made
    assert [row.id for row in ann.requests(status=["new"], item=BIG)] == [made.id]
    assert list(ann.requests(user="bob")) == []
    assert ann.cancel(made.id).status == "cancelled"
    deletion = ann.request_deletion([SMALL], "T1_*")
    assert [row.sites for row in ann.requests("deletion")] == [("T1_Tape",)]
    assert ann.cancel(deletion.id, "deletion").is_over


@slow
def test_asked_again_an_open_request_is_found(ann: Dynamo) -> None:
    first = ann.request_copy(BIG, "T2_B", group="AnalysisOps")
    again = ann.request_copy(BIG, "T2_B", group="AnalysisOps")
    assert (again.id, again.count) == (first.id, 2)
    assert Request.objects.count() == 1


@slow
def test_a_preview_asks_nothing(ann: Dynamo) -> None:
    outlook = ann.preview_copy(BIG, "T2_B", group="AnalysisOps")
    assert outlook["items"] == [BIG]
    assert not Request.objects.exists()


@slow
def test_injecting_and_invalidating(ann: Dynamo) -> None:
    sent: list[tuple[int, int]] = []
    done = ann.inject({"dataset": [{"name": "/N/a/B"}]}, wait=True, told=lambda *far: sent.append(far))
    assert (done.state, done.counts["datasets"]) == ("applied", 1)
    assert sent[-1][0] == sent[-1][1] > 0
    assert ann.session.version == done.version
    assert [row.name for row in ann.datasets("/N/*")] == ["/N/a/B"]
    assert ann.invalidate({"dataset": [{"name": "/N/a/B"}]}, wait=True).counts["datasets"] == 1
    queued = ann.inject({"dataset": [{"name": "/M/a/B"}]})
    assert ann.injection(queued.id).state == "queued"
    assert Injection.objects.filter(state="queued").count() == 1
    with pytest.raises(Refused, match="T2_Nowhere"):
        ann.inject({"datasetreplica": [{"dataset": BIG, "site": "T2_Nowhere"}]}, wait=True)


@slow
def test_a_call_sent_again_with_its_key_is_done_once(ann: Dynamo) -> None:
    """The answer is lost on the way, the client sends again what it sent."""
    steps = answered(ann.session, Call("POST", "injections", json={"group": [{"name": "Once"}]}))
    send = next(steps)
    numbers = {ann._outcome(send).json()["id"] for _ in range(3)}
    assert len(numbers) == 1
    assert Injection.objects.count() == 1


@slow
def test_what_there_is(ann: Dynamo) -> None:
    assert {row.name for row in ann.datasets()} == {BIG, SMALL}
    [big] = ann.datasets(BIG)
    assert (big.size, big.num_files, big.num_blocks, big.status) == (300, 2, 2, "VALID")
    assert [row.name for row in ann.datasets(order="-size", size__ge=300)] == [BIG, SMALL]
    assert {(row.site, row.complete) for row in ann.dataset_replicas(BIG)} == {("T2_A", True), ("T2_B", False)}
    assert [row.block for row in ann.block_replicas(BIG, site="T2_B")] == ["b1"]
    assert sorted(row.lfn for row in ann.files("/Big/*")) == ["/store/big/1.root", "/store/big/2.root"]
    assert tuple(row.name for row in ann.sites()) == SITES
    assert [row.size for row in ann.statistics("size", list_by="group", site="T2_A")] == [300]
    assert ann.query("SELECT count(*) AS n FROM datasets").results == ({"n": 2},)
    [place] = ann.lfn2pfn("/store/big/1.root", "T2_A")
    assert place.pfn.endswith("/store/big/1.root")


@slow
def test_many_names_of_files_come_in_several_calls(ann: Dynamo) -> None:
    names = [f"/store/big/{number:04}{'x' * 200}.root" for number in range(40)]
    assert [row.lfn for row in ann.lfn2pfn(names, "T2_A")] == names


@slow
def test_pages_are_fetched_as_they_are_needed(ann: Dynamo) -> None:
    document = {"dataset": [{"name": f"/Page{number:04}/a/B"} for number in range(7)]}
    ann.inject(document, wait=True)
    names = [row.name for row in ann.datasets("/Page*", limit=3)]
    assert names == [one["name"] for one in document["dataset"]]


@slow
def test_locks(ann: Dynamo) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    lock = ann.lock(BIG, until, sites="T2_A", comment="paper")
    assert (lock.item, lock.expires) == (BIG, until)
    assert [row.id for row in ann.locks(user="ann")] == [lock.id]
    assert ann.unlock(lock.id).unlocked is not None
    assert list(ann.locks()) == []
    assert [row.id for row in ann.locks(in_force=False)] == [lock.id]


@slow
def test_many_locks_are_set_wholly_or_not_at_all(ann: Dynamo) -> None:
    made = ann.lock_many([BIG, SMALL], "30 days", sites=["T2_*", "T1_Tape"], comment="paper")
    assert {(row.item, row.sites) for row in made} == {
        (item, site) for item in (BIG, SMALL) for site in ("T2_*", "T1_Tape")
    }
    assert {row.id for row in ann.locks(user="ann")} == {row.id for row in made}
    with pytest.raises(Refused, match="in the past"):
        ann.lock_many([BIG, "/Other/*"], datetime(2020, 1, 1, tzinfo=UTC))
    assert len(list(ann.locks())) == len(made)


@slow
def test_applications_are_stopped_and_waited_for(ann: Dynamo) -> None:
    with pytest.raises(Denied):
        ann.lock_application("dealer")
    rights.grant(User.objects.get(username="ann"), "operator", "application")
    assert applock.lock("detox", "bob").user == "bob"
    held, waits = (
        ann.lock_application("dealer", note="disks are exchanged", expires="2 hours"),
        ann.lock_application("detox"),
    )
    assert (held.holds, waits.holds) == (True, False)
    rows = [(row.application, row.user, row.note, row.holds) for row in ann.application_locks()]
    assert rows == [
        ("dealer", "ann", "disks are exchanged", True), ("detox", "bob", "", True), ("detox", "ann", "", False),
    ]  # fmt: skip
    ann.unlock_application(held.id)
    assert list(ann.application_locks(application="dealer")) == []


@slow
def test_who_one_is_and_tokens(server: str, ann: Dynamo) -> None:
    me = ann.whoami()
    assert (me.user, "inventory:admin" in me.rights) == ("ann", True)
    made = ann.create_token(days=1, service="production")
    with Dynamo(server, token=made.secret) as other:
        assert other.whoami().service == "production"
        ann.revoke_token(made.id)
        with pytest.raises(Denied, match="revoked"):
            other.whoami()
    assert {row.service for row in ann.tokens()} == {"", "production"}


@slow
def test_the_servers_refusals_come_as_what_they_are(server: str, ann: Dynamo) -> None:
    with pytest.raises(Refused, match="unknown dataset or block: /No") as refused:
        ann.request_copy("/No", "T2_B", group="AnalysisOps")
    assert refused.value.status == 400
    with pytest.raises(NotThere, match="99"):
        ann.request(99)
    with pytest.raises(Refused, match="colour"):
        list(ann.datasets(colour="red"))
    with Dynamo(server, token="") as nobody, pytest.raises(Denied, match="bearer token"):
        nobody.request_copy(BIG, "T2_B")
    with Dynamo(server, token="dynamo_wrong") as wrong, pytest.raises(Denied, match="not known"):
        wrong.whoami()
    assert not Request.objects.exists()


@slow
def test_the_same_verbs_awaited(server: str, token: str) -> None:
    async def story() -> None:
        async with AsyncDynamo(server, token=token) as dynamo:
            me, made = await asyncio.gather(dynamo.whoami(), dynamo.request_copy(BIG, "T2_B", group="AnalysisOps"))
            assert (me.user, made.status) == ("ann", "new")
            assert [row.name async for row in dynamo.datasets(limit=1)] == [BIG, SMALL]
            assert (await dynamo.inject({"group": [{"name": "New"}]}, wait=True)).state == "applied"
            with pytest.raises(NotThere):
                await dynamo.request(99)
            seen = []
            async for request in dynamo.watch_request(made.id, interval=0.05):
                seen.append(request.status)
                if len(seen) == 1:
                    await dynamo.cancel(made.id)
            assert seen == ["new", "cancelled"]

    asyncio.run(story())


@slow
def test_a_login_that_is_approved_in_a_browser(server: str, ann: Dynamo) -> None:
    caller = Caller(User.objects.get(username="ann"), method="session")
    with Dynamo(server, token="") as nobody:
        begun = nobody.begin_login(client="dynamo on here", scopes=["registry"])
        assert begun.verification_uri.startswith(server)
        quick = replace(begun, interval=0)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(nobody.finish_login, quick, service="mine")
            until(lambda: DeviceLogin.objects.exclude(polled=None).exists())
            devices.decide(begun.user_code, caller, approve=True)
            token = waiting.result(60)
        with Dynamo(server, token=token.secret) as me:
            assert (me.whoami().user, me.whoami().scopes, me.whoami().service) == ("ann", ("registry",), "mine")
        with pytest.raises(Refused, match="used already"):
            nobody.finish_login(quick)
        rejected = replace(nobody.begin_login(), interval=0)
        devices.decide(rejected.user_code, caller, approve=False)
        with pytest.raises(Denied, match="rejected"):
            nobody.finish_login(rejected)


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
