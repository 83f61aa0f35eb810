"""The pages in a real browser: nothing sticks out on a phone, nothing goes wrong, and one gets about by clicking."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from tests.dynamo_site.conftest import Filled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
WIDTHS = (390, 1280)


@pytest.fixture
def browser(chromium, live_server, filled):
    """At the live server's front page, without anything from before."""
    chromium.get(f"{live_server.url}/")
    chromium.delete_all_cookies()
    chromium.get_log("browser")
    yield chromium
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def _width(driver, width: int) -> None:
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _sticks_out(driver) -> str:
    return driver.execute_script(
        "const root = document.documentElement; if (root.scrollWidth <= root.clientWidth) return '';"
        "return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 100)).slice(0, 3).join(' | ') || 'something';"
    )


def _log_in(driver) -> None:
    User.objects.create_superuser("boss", password="secret")
    driver.find_element(By.LINK_TEXT, "Log in").click()
    driver.find_element(By.NAME, "username").send_keys("boss")
    driver.find_element(By.NAME, "password").send_keys("secret")
    driver.find_element(By.CSS_SELECTOR, "main button").click()
    WebDriverWait(driver, 20).until(presence_of_element_located((By.CSS_SELECTOR, ".account button")))


def test_the_style_sheet_is_there_in_light_and_dark(browser) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        grounds.append(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(245, 246, 249)", "rgb(17, 21, 27)"]


def test_from_the_front_page_to_why_a_replica_went(browser, live_server, filled: Filled) -> None:
    browser.find_element(By.LINK_TEXT, "Detox & Dealer").click()
    assert browser.current_url.endswith(f"/detox/{filled.after}/")
    browser.find_element(By.LINK_TEXT, f"← {filled.deleting}").click()
    browser.find_element(By.LINK_TEXT, "T2_A").click()
    browser.find_element(By.LINK_TEXT, "/Old/A/AOD").click()
    assert "/why/" in browser.current_url
    shown = browser.find_element(By.TAG_NAME, "main").text
    assert "deleted" in shown and "matched, decided 2 of 2 blocks" in shown and "did not match" in shown


def test_searching_a_dataset_over_sites(browser, live_server, filled: Filled) -> None:
    browser.get(f"{live_server.url}{reverse('detox-cycle', args=[filled.deleting])}")
    field = browser.find_element(By.CSS_SELECTOR, "main input[name=q]")
    field.send_keys("/Older/*")
    field.submit()
    rows = browser.find_elements(By.PARTIAL_LINK_TEXT, "/Older/A/AOD")
    assert len(rows) == 2


def test_a_person_logs_in_where_they_are_and_out_again(browser, live_server) -> None:
    browser.get(f"{live_server.url}/requests/?status=new")
    _log_in(browser)
    assert browser.current_url.endswith("/requests/?status=new")
    assert "boss" in browser.find_element(By.CSS_SELECTOR, ".account").text
    browser.find_element(By.CSS_SELECTOR, ".account button").click()
    WebDriverWait(browser, 20).until(presence_of_element_located((By.LINK_TEXT, "Log in")))


def test_administration_pages_fit_a_phone_and_do_not_complain(browser, live_server) -> None:
    _log_in(browser)
    for width in WIDTHS:
        _width(browser, width)
        for path in ("", "fileops/subscription/", "detox/cycle/", "inventory/tunedsetting/add/", "scheduler/run/"):
            browser.get(f"{live_server.url}/admin/{path}")
            assert browser.get_log("browser") == [], path
            assert _sticks_out(browser) == "", (width, path)
