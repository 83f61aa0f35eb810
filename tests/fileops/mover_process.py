"""A mover of its own, for tests that kill it: ``python -m tests.fileops.mover_process '{"A": "file:///…", …}'``."""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import replace

import django


def main() -> None:
    django.setup()
    from fileops.mover import move
    from fileops.storage import Storage, storage_of
    from tests.fileops.world import SETTINGS

    backends = json.loads(sys.argv[1])

    @functools.cache
    def storages(site: str) -> Storage:
        print("begun", flush=True)
        return storage_of(site, backends[site])

    moved = move(storages, replace(SETTINGS, per_site=4, third_party_from=2_000_014), lambda: None)
    print(json.dumps(moved.__dict__), flush=True)


if __name__ == "__main__":
    main()
