"""The policies whose watermarks the front page draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from detox.policies import readable
from dynamo_site.pages.watermarks import Watermarks, of_policy
from testbed.home import POLICIES


@pytest.mark.django_db
def test_what_is_no_readable_policy_is_passed_over(tmp_path: Path, settings) -> None:
    settings.POLICY_DIR = tmp_path
    (tmp_path / "physics.txt").write_text((POLICIES / "Physics.txt").read_text())
    (tmp_path / "notes.txt").write_text("nothing to parse")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "directory.txt").mkdir()
    # What an editor leaves beside the file that it has open.
    (tmp_path / ".#physics.txt").symlink_to("ann@host.123:456")
    found = readable()
    assert list(found) == ["Physics"] and of_policy(found["Physics"]) == Watermarks(0.9, 0.85)
    settings.POLICY_DIR = tmp_path / "absent"
    assert readable() == {}
