"""Secrets that an installation makes for itself."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dynamo_site import settings


def test_all_that_start_at_the_same_time_have_the_same_whole_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DYNAMO_HOME", tmp_path)
    monkeypatch.delenv("X_SECRET", raising=False)
    together = Barrier(8)

    def start(_: int) -> set[str]:
        found = set()
        for number in range(50):
            together.wait()
            found.add(f"{number} {settings._secret('X_SECRET', f'secret{number}')}")
        return found

    with ThreadPoolExecutor(8) as pool:
        seen = set().union(*pool.map(start, range(8)))
    assert len(seen) == 50 and all(len(secret.split()[1]) == 64 for secret in seen)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 50 and modes == {0o600}
