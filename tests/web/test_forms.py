"""Forms of users, filled in and sent as people do: what each says it does, and what it says when that cannot be."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from registry import tokens
from registry.models import ApiToken, CopyRequest, DeletionRequest, DetoxLock, RequestStatus
from tests.dynamo_site.conftest import Filled
from tests.web.window import Window

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_asking_for_copies_with_a_look_before(window: Window, somebody: User, filled: Filled) -> None:
    window.open(reverse("ask-copy") + "?items=/Raw/A/RAW")
    window.fill("sites", "T2_B")
    window.fill("group", "AnalysisOps")
    window.press("button[name=preview]")
    assert "What would come of it" in window.text() and "T2_B" in window.text()
    assert not CopyRequest.objects.filter(items__item="/Raw/A/RAW").exists()
    assert window.faults() == []
    window.press("button[name=ask]")
    made = CopyRequest.objects.get(items__item="/Raw/A/RAW")
    assert made.user == somebody.username and f"Copy request {made.pk} is made." in window.text()
    window.open(reverse("ask-copy") + "?items=/No/Such/AOD")
    window.fill("sites", "T2_B")
    window.press("button[name=ask]")
    assert "unknown" in window.find(".errorlist").text
    assert window.faults() == []


def test_asking_for_a_deletion_and_withdrawing_it(window: Window, user: User, filled: Filled) -> None:
    window.open(reverse("ask-deletion"))
    window.fill("items", "/New/A/AOD")
    window.fill("sites", "T2_*")
    window.press("button[name=preview]")
    assert "What would come of it" in window.text()
    window.press("button[name=ask]")
    made = DeletionRequest.objects.get()
    window.press("button[value=cancel]")
    made.refresh_from_db()
    assert made.status == RequestStatus.CANCELLED and "withdrawn" in window.text()


def test_somebody_else_has_no_buttons_on_a_request(window: Window, log_in, filled: Filled) -> None:
    log_in(User.objects.create_user("eve"))
    window.open(reverse("request", args=[filled.waiting]))
    assert window.driver.find_elements(By.CSS_SELECTOR, "main button") == []


def test_locking_and_releasing(window: Window, user: User, filled: Filled) -> None:
    window.open(reverse("lock") + "?item=/Old/A/AOD")
    window.fill("comment", "for the thesis")
    window.press("main button")
    lock = DetoxLock.objects.get(item="/Old/A/AOD")
    assert lock.user == "ann" and lock.comment == "for the thesis" and "1 lock set" in window.text()
    window.press("form[aria-label=Locks] button")
    assert "no lock is chosen" in window.find(".notices .error").text
    window.find("input[data-all]").click()
    window.press("form[aria-label=Locks] button")
    lock.refresh_from_db()
    assert lock.unlocked is not None


def test_a_token_is_shown_once_and_can_be_revoked(window: Window, user: User, filled: Filled) -> None:
    window.open(reverse("account"))
    window.fill("service", "crab")
    window.press("form.ask button")
    secret = window.find("#secret").text
    assert tokens.find(secret).user == user and window.faults() == []
    window.open(reverse("account"))
    assert secret not in window.driver.page_source
    window.press("form.inline button")
    assert ApiToken.objects.get().revoked is not None


def test_searching_from_every_page(window: Window, filled: Filled) -> None:
    window.open("/runs/")
    window.find(".find input").send_keys("AOD", Keys.ENTER)
    window.until(lambda: "datasets" in window.text())
    assert window.faults() == []
    window.find(".find input").clear()
    window.find(".find input").send_keys("/Raw/A/RAW", Keys.ENTER)
    window.until(lambda: "/dataset/" in window.driver.current_url)


def test_the_theme_stays_as_chosen(window: Window, filled: Filled) -> None:
    window.open("/runs/")
    button = window.find("#theme")
    for name in ("light", "dark"):
        button.click()
        assert button.get_attribute("aria-label") == f"Theme: {name}"
    window.open("/locks/")
    assert window.driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 27)"
    window.driver.execute_script("localStorage.clear()")


def test_the_overview_changes_by_itself_unless_paused(window: Window, filled: Filled) -> None:
    window.open("/")
    ask = "htmx.ajax('GET', '/overview/', {source: '#overview', target: '#overview', swap: 'innerHTML'})"
    DetoxLock.objects.all().delete()
    window.find(".tiles a").send_keys("")
    window.driver.execute_script("document.querySelector('.tiles a').focus()")
    window.driver.execute_script(ask)
    window.until(lambda: "0\nDetox locks in force" in window.text())
    assert window.driver.switch_to.active_element.get_attribute("href").endswith("?status=open")
    window.find("button[data-pause]").click()
    assert window.find("button[data-pause]").text == "Go on updating"
    assert window.complaints() == []


def test_forms_that_only_ask(window: Window, filled: Filled) -> None:
    for address, field, text, found in (
        ("/datasets/", "q", "/Raw*", "/Raw/A/RAW"), ("/requests/", "q", "/New/A/AOD", "/New/A/AOD"), ("/locks/", "q", "thesis", "ann"),
        ("/files/", "q", "long", "T2_B"), ("/statistics/", "site", "T2_A", "Bytes present"), (reverse("detox-cycle", args=[filled.deleting]), "q", "/Older/*", "/Older/A/AOD"),
    ):  # fmt: skip
        window.open(address)
        window.fill(field, text)
        window.find(f"main [name='{field}']").submit()
        window.until(lambda field=field: f"{field}=" in window.driver.current_url and window.ready())
        assert found in window.text(), address
