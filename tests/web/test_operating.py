"""Forms of operators, filled in and sent as people do: what each says it does, and what it says when that cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from detox import comparing
from detox.models import Comparison, ComparisonState
from fileops.models import Subscription
from inventory import client
from inventory.models import PolicyVersion
from registry import archive, rights
from registry.audit_models import AuditRecord
from registry.models import Request, RequestStatus
from scheduler import applock
from scheduler.models import Application, Run, Sequence
from scheduler.programs import files
from tests.dynamo_site.conftest import Filled
from tests.web.window import DESK, PHONE, Window

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_an_operator_rejects_with_a_reason_only(window: Window, operator: User, filled: Filled) -> None:
    window.open(reverse("request", args=[filled.waiting]))
    window.press("button[value=reject]")
    assert "the user has to know why" in window.find(".notices .error").text
    window.fill("reason", "no room")
    window.press("button[value=reject]")
    row = Request.objects.get(pk=filled.waiting)
    assert row.status == RequestStatus.REJECTED and "no room" in row.reason
    window.press("button[value=release]")
    assert Request.objects.get(pk=filled.waiting).status == RequestStatus.NEW


def test_editing_a_policy_with_completion_check_and_what_if(window: Window, operator: User, filled: Filled) -> None:
    window.open(reverse("policy-edit", args=["Physics.txt"]))
    area = window.find("textarea[name=policy]")
    window.until(lambda: window.driver.find_elements(By.CSS_SELECTOR, "textarea[aria-autocomplete]"))
    area.send_keys("\nProtect dataset.usage_r")
    window.until(lambda: window.find(".suggestions").is_displayed())
    area.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert area.get_property("value").endswith("Protect dataset.usage_rank")
    window.until(lambda: "It cannot be used" in window.find("#check").text)
    window.press("form.ask button:not([formaction])")
    assert "dataset.usage_rank" in window.find(".errorlist").text
    assert not PolicyVersion.objects.filter(name="Physics.txt", source="page").exists()
    window.driver.get_log("browser")
    text = window.find("textarea[name=policy]").get_property("value") + " > 100000"
    window.fill("policy", text.replace("Dismiss\n", "").replace("Order", "Dismiss\nOrder"))
    window.fill("comment", "keep what is used")
    window.until(lambda: "cannot" not in window.find("#check").text)
    assert window.faults() == []
    window.press("button[formaction]")
    comparison = Comparison.objects.get()
    assert comparison.author == "olga" and window.faults() == []
    # The page looks again by itself, until there is an answer; it may be that no broker took the question.
    Comparison.objects.update(state=ComparisonState.WAITING, error="")
    window.open(reverse("detox-comparison", args=[comparison.pk]))
    comparison.refresh_from_db()
    comparing.fail(comparison, "no worker was there")
    window.until(lambda: "no worker was there" in window.text())
    window.open(reverse("policy-edit", args=["Physics.txt"]))
    window.fill(
        "policy", text.replace("Dismiss\n", "Protect dataset.usage_rank > 100000\nDismiss\n").rpartition("\n")[0]
    )
    window.fill("comment", "keep what is used")
    window.press("form.ask button:not([formaction])")
    assert "is in force" in window.find(".notices, .errorlist").text
    assert PolicyVersion.objects.get(name="Physics.txt", source="page").author == "olga"
    window.open(reverse("policy-changes", args=["Physics.txt"]))
    assert "+Protect dataset.usage_rank > 100000" in window.find("pre.diff ins").text and window.faults() == []
    window.open(reverse("policy", args=["Physics.txt"]))
    window.press("form.inline button")
    assert PolicyVersion.objects.filter(name="Physics.txt").order_by("number").last().source == "restore"


def test_quotas_many_at_once_and_what_if(window: Window, operator: User, filled: Filled) -> None:
    window.open(reverse("quotas"))
    window.fill("quota-0", "5")
    window.fill("quota-2", "nonsense")
    window.press("button[name=set]")
    assert "neither TB" in window.find(".errorlist").text and _quota("T2_A") == 8 * 10**12
    window.driver.get_log("browser")
    window.fill("quota-2", "none")
    window.press("button[name=compare]")
    assert Comparison.objects.get().question["quotas"] == ["T2_A=5", "T2_B=none"]
    window.open(reverse("quotas"))
    window.fill("quota-0", "5")
    window.press("button[name=set]")
    assert "1 quota set" in window.text() and _quota("T2_A") == 5 * 10**12
    assert AuditRecord.objects.get(action="quota.set").before == {"TB": "8"}


def _quota(site: str) -> int:
    snapshot = client.snapshot()
    quotas = snapshot.named("quotas").collect()
    return int(quotas.filter(quotas["site"] == site)["quota"].max())


def test_held_files_are_let_go_and_a_run_is_ended(window: Window, operator: User, filled: Filled) -> None:
    window.open(reverse("files") + "?site=T2_B&reason=no_source")
    window.press("form.actions button")
    assert "1 file released" in window.text()
    assert not Subscription.objects.filter(state="held").exists()
    run = Run.objects.create(application="dealer", author="dora", host="h", pid=1, state="run")
    window.open(reverse("run", args=[run.pk]))
    window.press("main .head button")
    run.refresh_from_db()
    assert run.killed_by == "olga" and "asked to end" in window.text()


def test_a_program_is_uploaded_and_sequences_are_taken_in(
    window: Window, operator: User, filled: Filled, settings, tmp_path
) -> None:
    settings.APPLICATION_DIR = tmp_path / "applications"
    (tmp_path / "hello.py").write_text("print('hello')\n")
    window.open(reverse("applications"))
    window.find("input[type=file]").send_keys(str(tmp_path / "hello.py"))
    window.press("form.ask button")
    made = Application.objects.get()
    assert "has written nothing yet" in window.text() and window.faults() == []
    # The log comes by itself.
    files.directory(made.pk).mkdir(parents=True, exist_ok=True)
    (files.directory(made.pk) / "log").write_text("hello, says it\n")
    window.until(lambda: "hello, says it" in window.text())
    window.press(".head button")
    assert "It is being ended" in window.text()
    window.open(reverse("sequences"))
    window.fill("text", "{look} = /programs/look.py\n[SEQUENCE nightly]\n| {look} --deep\nWAIT 3600\n")
    window.press("form.ask button")
    window.press("button[value=start]")
    assert Sequence.objects.get().enabled and window.faults() == []


def test_an_application_is_stopped_and_given_back(window: Window, operator: User, filled: Filled) -> None:
    applock.lock("detox", "walter", note="disks are exchanged at T2_B, which takes until the evening")
    for name, note in (("detox", "me next"), ("dealer", "again")):
        window.open(reverse("application-locks"))
        window.find("form.ask input[name=application]").send_keys(name)
        window.fill("note", note)
        window.press("form.ask button")
    assert "is stopped" in window.find(".notices").text
    for width, scheme in ((DESK, "light"), (PHONE, "dark")):
        window.look(width, scheme)
        window.open(reverse("application-locks"))
        window.keep(f"application-locks-{width}")
        assert window.faults() == []
    text = window.text()
    assert "waits, number 1" in text and "2 times" in text and "walter" in text
    window.press("td form button")
    assert [(one.user, one.depth) for one in applock.queue("dealer")] == [("olga", 1)]


def test_archived_requests_are_looked_through(window: Window, operator: User, filled: Filled) -> None:
    ended = timezone.now() - timedelta(days=1000)
    Request.objects.filter(pk=filled.request).update(status="completed", ended=ended)
    archive.move_old(timezone.now())
    for width, scheme in ((PHONE, "dark"), (DESK, "light")):
        window.look(width, scheme)
        window.open(reverse("requests"))
        window.press(".tabs a:last-child")
        window.keep(f"archived-requests-{width}")
        assert "/New/A/AOD" in window.text() and window.faults() == []
    window.fill("q", "nothing")
    window.press("main form.search button")
    assert "No archived request matches" in window.text()


def test_a_right_is_granted_and_found_in_the_audit_log(window: Window, operator: User, filled: Filled) -> None:
    bob = User.objects.create_user("bob")
    window.open(reverse("users") + "?q=bo")
    window.press("td a")
    Select(window.find("select[name=target]")).select_by_value("registry")
    window.fill("sites", "T2_B")
    window.press("form.ask button")
    assert rights.has(bob, "operator", "registry", site="T2_B") and "T2_B" in window.text()
    window.open(reverse("audit"))
    Select(window.find("main select[name=action]")).select_by_visible_text("right.grant")
    window.press("main form button")
    assert "registry:operator" in window.text() and window.faults() == []
    window.open(reverse("user", args=[bob.pk]))
    window.press("button[name=take]")
    assert not rights.reaches(bob, "operator", "registry", anywhere=True)
