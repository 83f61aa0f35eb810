"""A real headless Chromium, for screenshots and tests; needs Debian's chromium and chromium-driver, and selenium."""

from __future__ import annotations

import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-quic", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-lcd-text",
    "--window-size=1280,1000",
)  # fmt: skip


def is_installed() -> bool:
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


def start(profile: Path) -> webdriver.Chrome:
    """A browser with a fresh profile in the directory ``profile``."""
    options = Options()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(executable_path=str(shutil.which("chromedriver"))))
