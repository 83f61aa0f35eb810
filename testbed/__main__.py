"""``python -m testbed``: the demo. Ctrl-C stops it cleanly; started again it goes on where it was."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import django
from rich.console import Console

from dynamo_client.errors import DynamoError
from testbed.guard import Guard
from testbed.home import Home, HomeError
from testbed.processes import ServiceFailed, Supervisor, stopping
from testbed.services import start_dynamo, start_ground

if TYPE_CHECKING:
    from testbed.story import Story

_STOPPED = "\nStopping; started again it goes on where it was."


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make demo ARGS=…", description="A whole Dynamo with real storage sites on this machine."
    )
    parser.add_argument(
        "--check", action="store_true",
        help="begin anew, go through the story once, check every claim, end with a status",
    )  # fmt: skip
    parser.add_argument("--once", action="store_true", help="end with a status when the story is told")
    parser.add_argument("--fresh", action="store_true", help="begin anew: forget the earlier demo and its data")
    parser.add_argument(
        "--home", type=Path, help="where the demo lives (default: var/demo; with --check: var/demo-check)"
    )
    parser.add_argument("--port", type=int, help="port of the web pages (default: a free one, kept)")
    parser.add_argument("--directories", action="store_true", help="plain directories even where XRootD is installed")
    parser.add_argument("--datasets", type=int, default=150, help="how many datasets, from 30 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="what the data is made from (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.datasets < 30:
        parser.error(f"--datasets {arguments.datasets}: the story needs 30 or more")
    return arguments


def main() -> int:
    """Run the demo; the exit status is 0 when all that was claimed is so."""
    arguments = _arguments()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    directory = (arguments.home or Path("var", "demo-check" if arguments.check else "demo")).resolve()
    try:
        home = Home.open(directory, arguments.port, arguments.directories, arguments.fresh or arguments.check)
    except HomeError as error:
        console.print(f"The demo cannot start: {error}", style="red", markup=False)
        return 1
    began = time.monotonic()
    os.environ.update(home.environment())
    # It holds the lock, too: an earlier demo's home is free once all of its processes are gone.
    guard = Guard.over(keeps=(home.lock,))
    supervisor = Supervisor(home.directory / "logs", home.environment(), guard=guard)
    try:
        with stopping(supervisor):
            return _tell(home, supervisor, console, arguments, began)
    except ServiceFailed as error:
        console.print(f"The demo failed: {error}\nLogs are in {supervisor.log_directory}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print(_STOPPED)
        return 130
    finally:
        guard.close()
        if home.run != home.directory:
            shutil.rmtree(home.run, ignore_errors=True)


def _tell(home: Home, supervisor: Supervisor, console: Console, arguments: argparse.Namespace, began: float) -> int:
    console.print(f"Starting; the demo lives in {home.directory}", markup=False, soft_wrap=True)
    start_ground(home, supervisor)
    # Django reads the environment when its settings are imported, so all that uses it comes after that.
    django.setup()
    logging.getLogger().setLevel(logging.WARNING)
    for chatty in ("httpx", "scheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    from inventory.errors import InventoryError
    from testbed.story import Story
    from testbed.telling import ClaimFailed, Teller

    story = Story(home, Teller(console), arguments.datasets, arguments.seed)
    story.prepare()
    start_dynamo(home, supervisor)
    console.print(f"{len(story.sites)} storage sites are {home.storage}, one of them tape-like", markup=False)
    console.print(f"Up after {time.monotonic() - began:.0f} s: {home.web_url}/", markup=False)
    _show_login(story, console)
    try:
        story.tell()
    except (ClaimFailed, DynamoError, InventoryError) as error:
        # A service that has just died is the cause, and its last words say more: leave the watch a moment to notice.
        time.sleep(1)
        raise ServiceFailed(str(error)) from error
    console.print()
    console.rule(_verdict(story.teller.num_claims), align="left")
    if arguments.check or arguments.once:
        return 0
    _show_addresses(story, home, console)
    return _stay(console)


def _verdict(num_claims: int) -> str:
    """The last heading; a demo whose story was told at an earlier start checks nothing again."""
    return (
        f"[bold]All of it is so[/]: {f'{num_claims} claims checked' if num_claims else 'checked at an earlier start'}"
    )


def _show_addresses(story: Story, home: Home, console: Console) -> None:
    """Where to look, while it is up."""
    from testbed.showing import addresses
    from testbed.sites import FULL_SITES

    for what, path in addresses(story.memory.facts, FULL_SITES[0]).items():
        console.print(f"  {what:32} {home.web_url}{path}", markup=False, soft_wrap=True)
    _show_login(story, console)


def _show_login(story: Story, console: Console) -> None:
    from testbed.accounts import OPERATOR

    console.print(f"  log in as {OPERATOR} with the password {story.password}", markup=False)


def _stay(console: Console) -> int:
    """Stay up until Ctrl-C; the watch ends the demo when a service dies."""
    console.print("It stays up for you to look at; Ctrl-C stops it.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print(_STOPPED)
        return 0


if __name__ == "__main__":
    sys.exit(main())
