"""Swagger UI and Redoc in a real browser: they show the schema, under our Content-Security-Policy, from this server alone."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
_PATIENCE = 120
_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"


@pytest.fixture
def browser(chromium, live_server):
    chromium.get(f"{live_server.url}/login/")
    chromium.delete_all_cookies()
    chromium.get_log("browser")
    return chromium


def _shows(driver, css: str, text: str) -> None:
    WebDriverWait(driver, _PATIENCE).until(
        lambda _: any(text in element.text for element in driver.find_elements(By.CSS_SELECTOR, css)),
        f"no {text} in {css}",
    )


def _foreign(driver, live_server) -> list[str]:
    loaded = driver.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    return [address for address in loaded if not address.startswith((live_server.url, "data:", "blob:"))]


def _complaints(driver) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def test_swagger_ui_shows_the_operations(browser, live_server):
    browser.get(f"{live_server.url}/api/v1/docs")
    _shows(browser, "#swagger h3", "copy-requests")
    assert _foreign(browser, live_server) == []
    assert _complaints(browser) == []


def test_redoc_shows_the_operations(browser, live_server):
    browser.get(f"{live_server.url}/api/v1/redoc")
    _shows(browser, "#redoc li", "copy-requests")
    # Redoc asks for its maker's logo; the page's Content-Security-Policy has the browser refuse that, and nothing is sent.
    assert set(_foreign(browser, live_server)) <= {_LOGO}
    assert all(_LOGO in complaint and "Content Security Policy" in complaint for complaint in _complaints(browser))
