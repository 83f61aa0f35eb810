"""``python -m testbed.screenshots``: pictures of a running demo's pages for the documentation, desktop and phone."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from testbed import browser

_SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
_LONGEST = {"desktop": 900, "phone": 1300}
"""Longer pages are cut off, so that pictures stay small."""
_OPERATOR = "operator"
_SECONDS = 30


@dataclass(frozen=True)
class Shot:
    """A page to take: its name and address, the links (CSS selectors) to follow from there, on what it is looked at, and whether dark."""

    name: str
    path: str
    follow: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ("desktop",)
    dark: bool = False


_BOTH = ("desktop", "phone")
SHOTS = (
    Shot("overview", "/", sizes=_BOTH), Shot("overview-dark", "/", sizes=_BOTH, dark=True), Shot("detox", "/detox/", sizes=_BOTH),
    Shot("detox-site", "/detox/", ("a[href*='/site/T2_US_MIT']",), ("phone",)),
    Shot("detox-why", "/detox/", ("a[href*='/site/T2_US_MIT']", "tr:has(.tag.deleted) a[href*='/why/']"), _BOTH),
    Shot("dealer", "/dealer/"), Shot("request", "/requests/", ("td a[href*='/requests/']",), ("phone",)),
    Shot("statistics", "/statistics/?statistic=usage"), Shot("datasets", "/datasets/"),
    Shot("dataset", "/requests/", ("td a[href*='/requests/']", "main a[href^='/dataset/']"), _BOTH),
    Shot("site", "/site/?name=T2_US_MIT", dark=True), Shot("quotas", "/quotas/"), Shot("ask", "/requests/copy/", sizes=("phone",)),
    Shot("policy-edit", "/policies/", ("td a[href*='/policies/of/Physics']", "a[href$='/edit/']"), dark=True),
    Shot("audit", "/audit/"), Shot("administration", "/admin/"), Shot("schedules", "/admin/django_celery_beat/periodictask/"),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m testbed.screenshots", description=__doc__)
    parser.add_argument(
        "--home", type=Path, default=Path("var", "demo"), help="home of the running demo (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, default=Path("docs", "images"), help="where to (default: %(default)s)")
    arguments = parser.parse_args()
    if not browser.is_installed():
        print("chromium and chromedriver are needed: apt-get install chromium chromium-driver", file=sys.stderr)
        return 1
    record = arguments.home / "ports.json"
    if not record.exists():
        print(f"there is no demo at {arguments.home}; start one with: make demo", file=sys.stderr)
        return 1
    url = f"http://127.0.0.1:{json.loads(record.read_text())['ports']['web']}"
    password = (arguments.home / "operator_password").read_text().strip()
    with tempfile.TemporaryDirectory() as profile:
        driver = browser.start(Path(profile))
        try:
            _log_in(driver, url, password)
            take(driver, url, arguments.output)
        finally:
            driver.quit()
    return 0


def _log_in(driver: webdriver.Chrome, url: str, password: str) -> None:
    driver.get(f"{url}/admin/login/")
    driver.find_element(By.NAME, "username").send_keys(_OPERATOR)
    driver.find_element(By.NAME, "password").send_keys(password)
    driver.find_element(By.CSS_SELECTOR, "form button[type=submit], form input[type=submit]").click()


def take(driver: webdriver.Chrome, url: str, output: Path) -> list[Path]:
    """One picture per page and size, as long as the page is up to a limit; returns their paths."""
    output.mkdir(parents=True, exist_ok=True)
    taken = []
    for shot in SHOTS:
        for size in shot.sizes:
            width, height = _SIZES[size]
            # A phone's width is less than a window can have: the device's metrics are set instead.
            _measure(driver, width, height)
            _prefer(driver, "dark" if shot.dark else "light")
            driver.get(f"{url}{shot.path}")
            for selector in shot.follow:
                driver.get(str(driver.find_element(By.CSS_SELECTOR, selector).get_attribute("href")))
            _measure(driver, width, min(max(height, _length(driver)), _LONGEST[size]))
            path = output / f"{shot.name}-{size}.png"
            _settle(driver)
            driver.save_screenshot(str(path))
            taken.append(path)
    return taken


def _measure(driver: webdriver.Chrome, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _prefer(driver: webdriver.Chrome, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def _settle(driver: webdriver.Chrome) -> None:
    """Parts of a page that come when they are seen are there."""
    coming = (
        "return [...document.querySelectorAll('.htmx-request, [hx-trigger=revealed] > .links')]"
        ".some(part => part.getBoundingClientRect().top < innerHeight)"
    )
    WebDriverWait(driver, _SECONDS).until(lambda _: not driver.execute_script(coming))


def _length(driver: webdriver.Chrome) -> int:
    return int(driver.execute_script("return document.documentElement.scrollHeight"))


if __name__ == "__main__":
    sys.exit(main())
