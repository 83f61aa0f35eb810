"""A real headless Chromium, driven through chromedriver."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium import webdriver

from testbed import browser


def start_chromium(profile: Path) -> webdriver.Chrome:
    """A browser with a fresh profile in the directory ``profile``."""
    if not browser.is_installed():
        pytest.skip("chromium is not installed; make packages installs it")
    return browser.start(profile)
