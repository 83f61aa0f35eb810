"""``python -m tests.load [--seconds N] [--clients N]``: the load and the faults for as long as one likes, on this machine."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.load import traffic, verdict
from tests.load.world import Faults, World, world

_PATIENCE = 120.0


def main() -> int:
    """0 when everything that was acknowledged is there exactly once and nobody saw a wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="of traffic (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=16, help="at the same time (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dynamo-load-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        with world(Path(directory)) as made:
            text, wrong = played(made, options.clients, options.seconds, _PATIENCE)
            print(text)
            print("\n".join(wrong) or "All that was acknowledged is there, exactly once; nobody saw a wrong answer.")
            if wrong:
                print(made.logs(), file=sys.stderr)
    return 1 if wrong else 0


def played(made: World, clients: int, seconds: float, patience: float) -> tuple[str, list[str]]:
    """Traffic with faults: the report, and what is wrong. A key of a process that died is free again after a minute."""
    faults = Faults(made, seconds)
    faults.start()
    notes = asyncio.run(traffic.run(made.url, made.tokens, clients, seconds, patience))
    faults.join()
    found = made.ground("found")
    wrong = verdict.mistakes(notes, found, made.away)
    if patience >= _PATIENCE:
        wrong += [f"not acknowledged in {patience} s: {each}" for each in notes.given_up]
    if faults.error is not None:
        wrong.append(f"after {faults.done}: {faults.error}")
    return verdict.report(notes, found, faults.done), wrong


if __name__ == "__main__":
    sys.exit(main())
