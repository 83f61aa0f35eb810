"""An archive of its own for each test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.INVENTORY_HISTORY_DIR = tmp_path / "history"
    settings.INVENTORY_CHECKPOINT_DIR = tmp_path / "checkpoint"
    return tmp_path
