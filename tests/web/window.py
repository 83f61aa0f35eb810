"""What tests do with a browser: look at a page as on a desk or a phone, in light or dark, and hold it against the rules."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

DESK, PHONE = 1280, 390
_SECONDS = 30
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: arguments[0], resultTypes: ["violations"]}).then(
  found => done(found.violations.map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + (n.any[0] || n.all[0] || n.none[0] || {message: ""}).message).join(" | "))),
  error => done(["axe: " + error]));
"""
_STICKS_OUT = """
const root = document.documentElement;
if (root.scrollWidth <= root.clientWidth) return '';
return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 100)).slice(0, 3).join(' | ') || 'something';
"""
_NAMELESS = """
return [...document.querySelectorAll('main form :is(input, select, textarea)')]
  .filter(e => e.type !== 'hidden' && e.type !== 'submit' && !e.labels?.length && !e.ariaLabel && !e.getAttribute('aria-labelledby'))
  .map(e => e.outerHTML.slice(0, 100));
"""
_ELSEWHERE = """
return performance.getEntriesByType('resource').map(entry => entry.name).filter(name => !name.startsWith(location.origin) && !name.startsWith('data:'));
"""


class Window:
    """A browser at the server ``url``."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def look(self, width: int = DESK, scheme: str = "light") -> None:
        """From now on pages are so wide, and the system prefers that scheme."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def open(self, address: str) -> None:
        """Go to a page; those of its parts that come by themselves are there."""
        self.driver.get_log("browser")  # what was said of the page before
        self.driver.get(f"{self.url}{address}")
        self.until(lambda: not self.driver.find_elements(By.CSS_SELECTOR, ".htmx-request"))

    def faults(self) -> list[str]:
        """What is wrong with the page: it is wider than the screen, a field has no label, the console complains, something is from elsewhere, axe finds something."""
        found = [f"sticks out: {out}"] if (out := self.driver.execute_script(_STICKS_OUT)) else []
        found += [f"without a label: {field}" for field in self.driver.execute_script(_NAMELESS)]
        found += [f"from elsewhere: {name}" for name in self.driver.execute_script(_ELSEWHERE)]
        self.driver.execute_script(AXE_SCRIPT)
        found += self.driver.execute_async_script(_AXE, _RULES)
        return found + self.complaints()

    def complaints(self) -> list[str]:
        """What the console says; violations of the Content-Security-Policy are there, too."""
        # That a page answers 404, 403 or 400 is its business.
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        return [text for text in said if not text.startswith(f"{self.driver.current_url} - Failed to load resource")]

    def until(self, condition: Any) -> Any:
        """Wait for something true."""
        return WebDriverWait(self.driver, _SECONDS).until(lambda _: condition())

    def find(self, selector: str) -> WebElement:
        """The first element; waits for it."""
        return self.until(lambda: next(iter(self.driver.find_elements(By.CSS_SELECTOR, selector)), None))

    def fill(self, name: str, text: str) -> None:
        """Type into the field of that name, instead of what is in it."""
        field = self.find(f"main [name='{name}']")
        field.clear()
        field.send_keys(text)

    def press(self, selector: str) -> None:
        """Press a button, and wait for the page that comes."""
        before = self.find("html").id
        self.find(selector).click()
        self.until(lambda: self.find("html").id != before and self.ready())

    def ready(self) -> bool:
        """Whether the page is loaded."""
        return bool(self.driver.execute_script("return document.readyState") == "complete")

    def text(self) -> str:
        """What is to be read on the page."""
        main = "return document.querySelector('main')?.innerText ?? ''"  # in one step: the page may be changing
        return str(self.driver.execute_script(main))

    def keep(self, name: str) -> None:
        """A picture of the whole page, where ``DYNAMO_TEST_PICTURES`` says."""
        if directory := os.environ.get("DYNAMO_TEST_PICTURES"):
            width, height = self.driver.execute_script("return [innerWidth, document.documentElement.scrollHeight]")
            clip = {"x": 0, "y": 0, "width": width, "height": min(height, 3000), "scale": 1}
            shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
            Path(directory, f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
