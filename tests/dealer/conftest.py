"""Fixtures of Dealer's tests that run whole cycles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from registry.models import CopyRequest, RequestItem, RequestSite

Asking = Callable[..., CopyRequest]


@pytest.fixture
def ask(db: None) -> Asking:
    """Call it with items and sites (and group, copies) for a copy request as users make it."""

    def asked(items: list[str], sites: list[str], group: str = "AnalysisOps", copies: int = 1) -> CopyRequest:
        now = timezone.now()
        made = CopyRequest.objects.create(
            user="ann", group=group, num_copies=copies, site_patterns=sites, first_asked=now, last_asked=now
        )
        RequestItem.objects.bulk_create([RequestItem(request_id=made.pk, item=item) for item in items])
        RequestSite.objects.bulk_create([RequestSite(request_id=made.pk, site=site) for site in sites])
        return made

    return asked


@pytest.fixture(autouse=True)
def directories(tmp_path: Path, settings: object) -> Path:
    """History and policies of their own for each test; returns the policy directory."""
    settings.HISTORY_DIR, settings.POLICY_DIR = tmp_path / "history", tmp_path / "policies"  # type: ignore[attr-defined]
    (tmp_path / "policies").mkdir()
    return tmp_path / "policies"
