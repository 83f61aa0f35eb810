"""``python -m testbed``: the demo. Ctrl-C stops it cleanly; started again it goes on where it was."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from pathlib import Path

import django
from rich.console import Console

from testbed.processes import ServiceFailed, Supervisor, stopping
from testbed.services import Home, start_all
from testbed.sites import clear


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make demo ARGS=…", description="A whole Dynamo with real storage sites on this machine."
    )
    parser.add_argument(
        "--check", action="store_true", help="go through the story once, check every claim, end with a status"
    )
    parser.add_argument("--fresh", action="store_true", help="begin anew: forget the earlier demo and its data")
    parser.add_argument(
        "--home", type=Path, help="where the demo lives (default: var/demo; with --check: var/demo-check)"
    )
    parser.add_argument("--port", type=int, help="port of the web pages (default: a free one, kept)")
    parser.add_argument("--directories", action="store_true", help="plain directories even where XRootD is installed")
    parser.add_argument("--datasets", type=int, default=150, help="how many datasets (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="what the data is made from (default: %(default)s)")
    return parser.parse_args()


def main() -> int:
    """Run the demo; the exit status is 0 when all that was claimed is so."""
    arguments = _arguments()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    directory = (arguments.home or Path("var", "demo-check" if arguments.check else "demo")).resolve()
    if arguments.fresh or arguments.check:
        clear(directory)
    home = Home.open(directory, arguments.port, arguments.directories)
    os.environ.update(home.environment())
    # Django reads the environment when its settings are imported, so all that uses it comes after that.
    django.setup()
    for chatty in ("httpx", "scheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    from testbed.story import ClaimFailed, Story

    supervisor = Supervisor(home.directory / "logs", home.environment())
    story = Story(home, supervisor, console, arguments.datasets, arguments.seed)
    with stopping(supervisor):
        try:
            story.prepare()
            start_all(home, supervisor)
            story.tell()
        except (ServiceFailed, ClaimFailed) as error:
            console.print(f"[red]The demo failed:[/] {error}", markup=True)
            console.print(f"Logs are in {supervisor.log_directory}", markup=False)
            return 1
        except KeyboardInterrupt:
            console.print("\nStopping; started again it goes on where it was.")
            return 130
        if arguments.check:
            return 0
        return _stay(story, supervisor, console)


def _stay(story: object, supervisor: Supervisor, console: Console) -> int:
    """Stay up until Ctrl-C; a service that dies ends the demo with its last words."""
    console.print("It stays up for you to look at; Ctrl-C stops it.")
    try:
        while not (dead := supervisor.dead()):
            time.sleep(1)
    except KeyboardInterrupt:
        console.print("\nStopping; started again it goes on where it was.")
        return 0
    for service in dead:
        console.print(
            f"{service.name} ended by itself; {service.log} says:\n{service.last_lines()}", style="red", markup=False
        )
    return 1


if __name__ == "__main__":
    sys.exit(main())
