"""What tests of the whole of ``/api/v1/`` share: an installation with a little of everything, and callers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.makers import a_little_of_everything
from tests.registry.api.writing.conftest import _fresh_limits, ann, bob, filled, nobody, operator  # noqa: F401 - fixtures


@pytest.fixture
def everything(filled, settings, tmp_path: Path):  # noqa: F811 - a fixture
    settings.HISTORY_DIR = tmp_path / "history"
    settings.POLICY_DIR = tmp_path / "policies"
    settings.APPLICATION_DIR = tmp_path / "applications"
    a_little_of_everything()
    return filled
