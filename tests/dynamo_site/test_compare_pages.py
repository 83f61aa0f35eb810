"""What-if, accounts of lines, and cycles that the guard refused, as people see and use them on pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from detox import comparing, ordering, tasks
from detox.confirming import CycleRefused
from detox.cycle import run_cycle
from detox.models import Comparison, Cycle
from dynamo_site.pages import compare as compare_pages
from dynamo_site.pages import quotas as quota_pages
from inventory.models import TunedSetting
from registry import rights
from tests.detox import store
from tests.dynamo_site.conftest import EVIL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
KEEP_OLD = store.POLICY.replace("Delete dataset.status", "Protect dataset.name == /Old/*\nDelete dataset.status")


@pytest.fixture
def small(inventory: Any, directories: Any) -> Any:
    (directories / "Physics.txt").write_text(store.POLICY)
    store.full_site(inventory)
    return inventory


@pytest.fixture
def operator(django_user_model: Any) -> Client:
    user = django_user_model.objects.create_user("olga", password="o")
    rights.grant(user, "operator", "detox")
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What pages hand to workers."""
    messages: list[tuple] = []

    def queue(task: Any, *arguments: Any, **named: Any) -> None:
        messages.append((task.name, arguments, named))

    monkeypatch.setattr(compare_pages, "queue", queue)
    monkeypatch.setattr(quota_pages, "queue", queue)
    monkeypatch.setattr(tasks, "queue", queue)
    monkeypatch.setattr(ordering, "queue_after_commit", queue)
    return messages


def text_of(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.content[:300]
    return answer.content.decode()


def refused() -> Cycle:
    TunedSetting.objects.update(value=0.3)
    with pytest.raises(CycleRefused):
        run_cycle(store.parsed(), "alice")
    return Cycle.objects.first()


@pytest.mark.slow
def test_an_operator_asks_and_everybody_sees_the_answer(small, operator, sent, client) -> None:
    form = text_of(operator, reverse("detox-compare"))
    assert "Protect dataset.name == /*/*/RAW" in form and "<button>Compare</button>" in form
    given = {"subject": "Physics", "policy": KEEP_OLD, "quotas": "T2_B=1\n\n", "locks": ""}
    answer = operator.post(reverse("detox-compare"), given)
    number = Comparison.objects.get().pk
    assert answer["Location"] == reverse("detox-comparison", args=[number])
    assert sent == [("detox.compare", (number,), {})]
    waiting = text_of(client, answer["Location"])
    assert 'hx-trigger="every 2s"' in waiting
    tasks.compare(number)
    page = text_of(client, answer["Location"])
    assert "http-equiv" not in page and "style=" not in page
    assert "Protect dataset.name == /Old/*" in page and "/Older/A/AOD" in page
    assert client.get(answer["Location"] + "?format=json").json()["answer"]["total"]["less"] == 2 * store.TB
    assert f">{number}</a>" in text_of(client, reverse("detox-compare"))


def test_only_operators_ask(small, client, sent) -> None:
    assert "<button>Compare</button>" not in text_of(client, reverse("detox-compare"))
    nobody = client.post(reverse("detox-compare"), {"subject": "Physics", "quotas": "T2_A=1"})
    assert nobody.url.startswith("/login/")
    assert not Comparison.objects.exists() and not sent


def test_mistakes_come_back_with_what_was_typed(small, operator, sent) -> None:
    answer = operator.post(
        reverse("detox-compare"), {"subject": "Physics", "policy": f"Partition {EVIL}", "quotas": "T2_A=lots"}
    )
    page = answer.content.decode()
    assert answer.status_code == 400 and not sent
    assert "&#x27;T2_A=lots&#x27;" in page and "&lt;changed policy&gt;:1:1" in page and EVIL not in page
    assert ">T2_A=lots</textarea>" in page


def test_one_comparison_at_a_time_and_none_for_ever(small, operator, sent) -> None:
    given = {"subject": "Physics", "quotas": "T2_A=1"}
    operator.post(reverse("detox-compare"), given)
    busy = operator.post(reverse("detox-compare"), given)
    assert busy.status_code == 400 and "one at a time" in busy.content.decode()
    late = timezone.now() - timezone.timedelta(seconds=comparing.LIMIT + 1)
    Comparison.objects.update(created=late)
    first = Comparison.objects.get()
    assert "no worker began it" in text_of(operator, reverse("detox-comparison", args=[first.pk]))
    assert operator.post(reverse("detox-compare"), given).status_code == 302
    tasks.compare(first.pk)
    first.refresh_from_db()
    assert first.state == "failed", "a worker that comes late leaves it alone"


def _two_partitions(operator: Client, directories: Any) -> list[Comparison]:
    """The quota of a part of two partitions is changed, and compared."""
    (directories / "Analysis.txt").write_text(store.POLICY.replace("Partition Physics", "Partition AnalysisOps"))
    rights.grant(User.objects.get(username="olga"), "operator", "inventory")
    form = operator.get(reverse("quotas")).context["form"]
    given = {field.html_name: field.value() for field in form} | {"quota-0": "5", "compare": ""}
    answer = operator.post(reverse("quotas"), given)
    first, second = Comparison.objects.order_by("pk")
    assert answer.url == reverse("detox-comparison", args=[first.pk])
    assert {row.question["subject"] for row in (first, second)} == {"AnalysisOps", "Physics"}
    return [first, second]


@pytest.mark.slow
def test_quotas_of_several_partitions_are_compared_one_after_the_other(small, operator, sent, directories) -> None:
    first, second = _two_partitions(operator, directories)
    assert sent == [("detox.compare", (first.pk,), {})]
    page = operator.get(reverse("quotas")).content.decode()
    assert f"Comparisons {first.pk}, {second.pk} are made one after the other" in page
    tasks.compare(first.pk)
    assert sent[1:] == [("detox.compare", (second.pk,), {})]
    # It was asked for long ago, but could not begin before.
    Comparison.objects.update(created=timezone.now() - timezone.timedelta(seconds=comparing.LIMIT + 1))
    comparing.give_up_late()
    tasks.compare(second.pk)
    assert set(Comparison.objects.values_list("state", flat=True)) == {"done"} and len(sent) == 2


def test_what_waits_behind_a_comparison_that_failed_does_not_wait_for_ever(small, operator, sent, directories) -> None:
    first, second = _two_partitions(operator, directories)
    Comparison.objects.filter(pk=first.pk).update(state="computing")
    Comparison.objects.update(created=timezone.now() - timezone.timedelta(seconds=comparing.LIMIT + 1))
    assert "which came first, was not done" in text_of(operator, reverse("detox-comparison", args=[second.pk]))
    assert set(Comparison.objects.values_list("state", flat=True)) == {"failed"}


def test_what_cannot_be_answered_is_told_on_the_page(small, operator, sent, client) -> None:
    operator.post(reverse("detox-compare"), {"subject": "Physics", "quotas": "T9_NONE=1"})
    number = Comparison.objects.get().pk
    tasks.compare(number)
    assert "there is no site &#x27;T9_NONE&#x27;" in text_of(client, reverse("detox-comparison", args=[number]))
    text_of(client, reverse("detox-comparison", args=[10**30]), 404)


@pytest.mark.usefixtures("no_broker")
def test_without_a_broker_the_page_says_so(small, operator) -> None:
    answer = operator.post(reverse("detox-compare"), {"subject": "Physics", "quotas": "T2_A=1"}, follow=True)
    assert "the workers cannot be reached" in answer.content.decode()


@pytest.mark.slow
def test_the_form_begins_with_the_policy_of_a_cycle(small, operator) -> None:
    cycle = run_cycle(store.parsed(KEEP_OLD), "alice")
    assert "/Old/*" in text_of(operator, f"{reverse('detox-compare')}?cycle={cycle.pk}")
    text_of(operator, f"{reverse('detox-compare')}?cycle=999", 404)
    for address in (reverse("detox-cycle", args=[cycle.pk]), reverse("detox-policy", args=[cycle.pk])):
        assert f"{reverse('detox-compare')}?cycle={cycle.pk}" in text_of(operator, address)


@pytest.mark.slow
def test_a_refused_cycle_is_shown_alarmed_and_confirmed(small, operator, sent, client) -> None:
    cycle = refused()
    address = reverse("detox-cycle", args=[cycle.pk])
    page = text_of(client, address)
    assert "nothing was deleted" in page and "T2_A would lose 75%" in page and "Confirm, and delete" not in page
    assert "refused by the guard" in text_of(client, "/")
    confirm = reverse("detox-confirm", args=[cycle.pk])
    assert client.post(confirm).url.startswith("/login/") and not sent
    assert "Confirm, and delete 8 TB" in text_of(operator, address)
    assert operator.post(confirm)["Location"] == "/runs/?application=detox"
    assert sent == [("detox.cycle", ("Physics.txt",), {"confirms": cycle.pk, "author": "olga"})]
    tasks.cycle(*sent[0][1], **sent[0][2])
    done = Cycle.objects.first()
    assert (done.state, done.author) == ("done", "olga")
    assert "who confirmed" in text_of(client, reverse("detox-cycle", args=[done.pk]))
    assert "refused by the guard" not in text_of(client, "/")
    again = operator.post(confirm)
    assert again.status_code == 409 and "confirmed by olga already" in again.content.decode()


@pytest.mark.slow
def test_a_changed_policy_is_not_what_was_refused(small, operator, sent, directories) -> None:
    cycle = refused()
    (directories / "Physics.txt").write_text(KEEP_OLD)
    answer = operator.post(reverse("detox-confirm", args=[cycle.pk]))
    assert answer.status_code == 409 and "another text" in answer.content.decode() and not sent


@pytest.mark.slow
def test_a_page_tells_what_each_line_has_protected(small, client) -> None:
    empty = text_of(client, reverse("detox-lines"))
    assert "no cycle of" in empty
    run_cycle(store.parsed(), "alice")
    run_cycle(store.parsed(KEEP_OLD), "alice")
    page = text_of(client, reverse("detox-lines"))
    assert (
        "Protect dataset.name == /*/*/RAW" in page
        and "<rect" in page
        and "did nothing" in page
        and "style=" not in page
    )
    rows = client.get(f"{reverse('detox-lines')}?format=json").json()["lines"]
    assert rows[0]["line"] == "Protect dataset.name == /*/*/RAW" and rows[0]["protected"] == 2 * store.TB
    for days in ("since=9999-12-31&until=0001-01-01", "since=x&until=9999-12-31", "since=0001-01-01", "partition=None"):
        text_of(client, f"{reverse('detox-lines')}?{days}")
