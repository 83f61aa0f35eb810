"""Rules that have requests wait, and the people who decide over them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from registry import approval, placing, requests, rights
from registry.approval import Asking, deciding
from registry.asking import Asker, Wanted
from registry.cached import keep, make_requests
from registry.errors import Denied, NotThere, Refused
from registry.lifecycle import ImpossibleTransition
from registry.models import ApprovalRule, Notice, Request
from registry.settings import RegistrySettings
from tests.registry.frames import small_snapshot, table

pytestmark = pytest.mark.django_db

ANN, BOB, OPERATOR = Asker("ann", "workflow"), Asker("bob"), Asker("olga", operator=True)
SETTINGS = RegistrySettings(default_group="g1")
TB = 10**12


def snapshot():
    """The small one, with blocks of 1, 2 and 4 TB."""
    small = small_snapshot()
    frames = {name: small.frame(name) for name in ("sites", "groups", "datasets", "dataset_replicas", "block_replicas")}
    blocks = table(
        "blocks", dataset_id=[1, 1, 2], block_id=[11, 12, 21], name=["x", "y", "z"], size=[TB, 2 * TB, 4 * TB]
    )
    return type(small).from_frames({**frames, "blocks": blocks})


def rule(**values: object) -> ApprovalRule:
    found = ApprovalRule(**{"name": f"rule {ApprovalRule.objects.count()}", **values})
    found.full_clean()
    found.save()
    return found


def copy(items=("/A",), sites=("T2_B",), asker: Asker = ANN, **values: object) -> Request:
    return placing.ask_copy(snapshot(), asker, Wanted(items, sites, **values), SETTINGS)


def asking(**values: object) -> Asking:
    return Asking(**{"kind": "copy", "group": "g1", "sites": ["T2_A"], "size": TB, "roles": frozenset(), **values})


@pytest.mark.parametrize(("values", "fits"), [
    ({}, True), ({"kind": "copy"}, True), ({"kind": "deletion"}, False),
    ({"groups": "x, g*"}, True), ({"groups": "x"}, False),
    ({"sites": "T2_*"}, True), ({"sites": "T1_*,T3_*"}, False),
    ({"larger_than": 0.9}, True), ({"larger_than": 1.0}, False),
    ({"role": "registry:production"}, False),
])  # fmt: skip
def test_what_a_rule_fits(values, fits) -> None:
    assert (deciding([ApprovalRule(name="r", **values)], asking()) is not None) == fits


def test_an_accepting_rule_has_to_fit_all_sites_and_a_waiting_one_any() -> None:
    sites = ["T2_A", "T1_Tape"]
    accept = ApprovalRule(name="a", decision="accept", sites="T2_*")
    ask = ApprovalRule(name="b", decision="ask", sites="T1_*")
    assert deciding([accept, ask], asking(sites=sites)) is ask
    assert deciding([accept, ask], asking()) is accept


def test_without_rules_everything_is_accepted() -> None:
    assert copy().status == "new"


def test_a_large_request_waits_unseen_by_engines_until_it_is_approved() -> None:
    rule(name="large", larger_than=3.5)
    small, large = copy(["/A"]), copy(["/A"], ["T2_A", "T2_B"], num_copies=2, asker=BOB)
    assert (small.status, large.status) == ("new", "waiting")
    assert (large.approval_rule, large.reason) == ("large", "waits for approval: large")
    assert [request.pk for request in requests.waiting_copies()] == [small.pk]
    assert requests.open_items().filter(site="T2_A").is_empty()
    assert [request.pk for request in approval.waiting()] == [large.pk]
    approved = approval.approve("copy", large.pk, OPERATOR)
    assert (approved.status, approved.reason, approved.decided_by) == ("new", "", "olga")
    assert len(requests.waiting_copies()) == 2


def test_the_first_rule_in_order_decides() -> None:
    rule(name="production may", role="registry:production", decision="accept", order=1)
    rule(name="others wait", order=2)
    rights.grant(User.objects.create_user("ann"), "production", "registry")
    User.objects.create_user("bob")
    assert copy().status == "new"
    assert copy(["/B"], asker=BOB).status == "waiting"


def test_deletions_wait_too_and_rules_that_are_not_enabled_say_nothing() -> None:
    rule(kind="deletion", sites="T2_A")
    rule(enabled=False)
    made = placing.ask_deletion(snapshot(), ANN, Wanted(["/A"], ["T2_A"]), SETTINGS)
    assert (made.status, copy().status) == ("waiting", "new")
    assert requests.waiting_deletions() == []


def test_a_cached_request_waits_like_any_other() -> None:
    rule()
    keep(ANN, Wanted(["/A"], ["T2_B"]), SETTINGS)
    assert make_requests(snapshot(), SETTINGS) == 1
    assert Request.objects.get().status == "waiting"


def test_asking_again_finds_what_waits() -> None:
    rule()
    first = copy()
    again = copy()
    assert (again.pk, again.count, again.status) == (first.pk, 2, "waiting")


@pytest.mark.parametrize("operator_first", [False, True])
def test_what_is_accepted_at_once_does_not_wait_with_what_others_asked(operator_first: bool) -> None:
    rights.grant(User.objects.create_user("prod"), "production", "registry")
    rule(order=1, name="producers", role="registry:production", decision="accept")
    rule(order=2, name="all others")
    producer = Asker("prod")
    waits, taken = copy(["/A", "/B"]), copy(["/A", "/B"], asker=producer)
    assert (waits.status, taken.status, taken.user) == ("waiting", "new", "prod")
    assert taken.pk != waits.pk
    assert copy(["/A", "/B"], asker=producer).pk == copy(["/A"], asker=BOB).pk == taken.pk  # what goes on comes first
    removal = [placing.ask_deletion(snapshot(), by, Wanted(["/A"], ["T2_A"]), SETTINGS) for by in (ANN, producer, ANN)]
    assert [request.status for request in removal] == ["waiting", "new", "new"]
    assert removal[1].pk == removal[2].pk
    # Approved later, or ended first: each goes its own way.
    if operator_first:
        approval.approve("copy", waits.pk, OPERATOR)
    requests.complete(taken)
    if not operator_first:
        approval.approve("copy", waits.pk, OPERATOR)
    assert set(Request.objects.filter(kind="copy").values_list("user", "status")) == {
        ("ann", "new"),
        ("prod", "completed"),
    }


def test_ones_own_wish_goes_on_when_the_rules_have_changed() -> None:
    rule()
    first = copy()
    ApprovalRule.objects.update(enabled=False)
    again = copy()
    assert (first.status, again.pk, again.status) == ("waiting", first.pk, "new")


def test_what_is_accepted_waits_once_it_is_changed_to_what_would_not_have_been() -> None:
    rule(name="large", larger_than=3.5)
    first = copy(sites=["T2_A", "T2_B"])
    assert first.status == "new"
    changed = placing.change(snapshot(), "copy", first.pk, ANN, Wanted(num_copies=0))
    assert (changed.status, changed.approval_rule) == ("waiting", "large")
    back = copy(sites=["T2_A", "T2_B"], num_copies=1)
    assert (back.pk, back.status, back.reason) == (first.pk, "new", "")


def test_only_operators_decide_and_only_over_what_waits() -> None:
    rule()
    made = copy()
    with pytest.raises(Denied, match="has not the role operator"):
        approval.approve("copy", made.pk, BOB)
    with pytest.raises(NotThere):
        approval.approve("deletion", made.pk, OPERATOR)
    approval.approve("copy", made.pk, OPERATOR)
    with pytest.raises(ImpossibleTransition, match="is new and cannot be approved"):
        approval.approve("copy", made.pk, OPERATOR)


def test_a_rejected_request_says_why_and_may_be_asked_again() -> None:
    rule()
    made = copy()
    with pytest.raises(Refused, match="has to know why"):
        approval.reject("copy", made.pk, OPERATOR, "  ")
    rejected = approval.reject("copy", made.pk, OPERATOR, "too much")
    assert (rejected.status, rejected.reason, rejected.open_key) == ("rejected", "too much (olga)", None)
    assert copy().pk != made.pk


def test_its_user_withdraws_what_waits() -> None:
    rule()
    made = copy()
    assert placing.cancel("copy", made.pk, ANN).status == "cancelled"


def test_who_decides_and_who_asked_are_told(settings) -> None:
    settings.WEBHOOK_HOSTS = ["hooks.example.org"]
    rule(name="all", emails="olga@example.org, otto@example.org", webhook="https://hooks.example.org/dynamo")
    User.objects.create_user("ann", "ann@example.org")
    made = copy()
    told = {notice.address: notice for notice in Notice.objects.all()}
    assert set(told) == {"olga@example.org", "otto@example.org", "https://hooks.example.org/dynamo"}
    assert told["https://hooks.example.org/dynamo"].data["request"]["items"] == ["/A"]
    assert "/A" in told["olga@example.org"].text
    approval.approve("copy", made.pk, OPERATOR, "go on")
    answer = Notice.objects.get(address="ann@example.org")
    assert "approved by olga" in answer.subject
    assert "go on" in answer.text


@pytest.mark.parametrize(("values", "text"), [
    ({"emails": "nobody"}, "no e-mail address"), ({"role": "operator"}, "target:role"),
    ({"webhook": "https://evil.example.org/"}, "DYNAMO_WEBHOOK_HOSTS"),
    ({"webhook": "https://hooks.example.org@evil.example.org/"}, "user name"),
    ({"larger_than": -1.0}, "greater than"),
])  # fmt: skip
def test_a_rule_that_cannot_work_is_refused_when_it_is_entered(settings, values, text) -> None:
    settings.WEBHOOK_HOSTS = ["hooks.example.org"]
    with pytest.raises(ValidationError, match=text):
        rule(**values)
