"""What the suites of Detox share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def history_dir(settings, tmp_path: Path) -> Path:
    """An empty history, and nobody that enforces rules."""
    settings.HISTORY_DIR = tmp_path / "history"
    settings.DETOX_ENFORCER_PROTECTED = ""
    return settings.HISTORY_DIR
