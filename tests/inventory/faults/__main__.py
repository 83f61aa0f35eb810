"""Run schedules of faults: ``python -m tests.inventory.faults --seeds 0:300``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Returns 1 when something did not hold in one of the schedules."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="dynamo-faults-", dir=_quick_place()))
    url = f"sqlite:///{directory}/template.sqlite3"
    if options.mariadb:
        url = f"{options.mariadb}dynamo_faults_{os.getpid()}"
    # One thread: all work is tiny, and what is tested is order, not speed.
    os.environ |= {"DATABASE_URL": url, "DYNAMO_HOME": str(directory), "POLARS_MAX_THREADS": "1",
                   "DJANGO_SETTINGS_MODULE": "dynamo_site.settings"}  # fmt: skip
    import django

    django.setup()
    failed = _run(options, directory)
    if not failed:
        shutil.rmtree(directory)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.inventory.faults", description=__doc__)
    parser.add_argument("--seeds", default="0:300", help="first:last (not included), or one seed")
    parser.add_argument("--workers", type=int, default=1, help="processes that run schedules at the same time")
    parser.add_argument("--mariadb", default="", metavar="URL", help="of a server, up to the name of a database")
    parser.add_argument("--mutation", default="", help="a way to break the product: what is broken has to be found")
    parser.add_argument("--json", action="store_true", help="a line for each schedule")
    parser.add_argument("--stop", action="store_true", help="end with the first schedule that fails")
    return parser.parse_args()


def _quick_place() -> str | None:
    """Nothing of what is written here has to survive a machine."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _seeds(text: str) -> range:
    first, _, last = text.partition(":")
    return range(int(first), int(last) if last else int(first) + 1)


def _run(options: argparse.Namespace, directory: Path) -> list[int]:
    from tests.inventory.faults.running import outcomes

    seeds = _seeds(options.seeds)
    failed, done, started = [], 0, time.monotonic()
    for outcome in outcomes(seeds, directory, options.workers, options.mutation, options.stop):
        done += 1
        if options.json:
            print(json.dumps(dataclasses.asdict(outcome)), flush=True)
        if outcome.problems:
            failed.append(outcome.seed)
            print(f"\nseed {outcome.seed}: " + "\n  ".join(outcome.problems), file=sys.stderr)
            more = "".join(
                f" --{name} {value}" for name in ("mariadb", "mutation") if (value := getattr(options, name))
            )
            print(f"Again: {sys.executable} -m tests.inventory.faults --seeds {outcome.seed}{more}", file=sys.stderr)
        if sys.stderr.isatty():
            speed = done / (time.monotonic() - started)
            print(f"\r{done} of {len(seeds)} schedules, {speed:.1f} a second, {len(failed)} failed ", end="",
                  file=sys.stderr, flush=True)  # fmt: skip
    seconds = time.monotonic() - started
    told = f"; failed: {' '.join(map(str, sorted(failed)))}; what they left is in {directory}" if failed else ""
    print(f"\n{done} schedules in {seconds:.0f} s, {len(failed)} failed{told}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
