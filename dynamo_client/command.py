"""The ``dynamo`` command. Ends with 0 (done), 1 (refused), 2 (wrong usage), 3 (denied), 4 (no connection), 5 (not now), 130 (Ctrl-C)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from dynamo_client import actions, show
from dynamo_client.client import DynamoClient
from dynamo_client.errors import DynamoError
from dynamo_client.place import server_url, user_token

_EPILOG = "The token is taken from DYNAMO_TOKEN or ~/.config/dynamo/token, the address also from DYNAMO_URL."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(arguments)
    try:
        with DynamoClient(server_url(options.url), user_token(), patience=options.patience) as client:
            data = options.run(client, options)
        show.out(json.dumps(data, indent=2) if options.json else options.text(data))
    except DynamoError as error:
        print(f"dynamo: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more; Python would complain at its exit
        return 0
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="dynamo", description="Ask Dynamo for things, and see what it does.", epilog=_EPILOG
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    inject = _command(commands, "inject", "add metadata of a JSON document (or remove it)", actions.inject, show.counts)
    inject.add_argument("file", help="the document; - for standard input")
    inject.add_argument("--delete", action="store_true", help="invalidate what the document names")
    inject.add_argument("--sync", action="store_true", help="wait until it is applied; without, it is queued")
    _requests(_group(commands, "request", "ask for copies and deletions"))
    _locks(_group(commands, "locks", "keep Detox off data"))
    cycles = _command(commands, "cycles", "Detox cycles", actions.cycles, show.cycles)
    cycles.add_argument("--partition", help="name of the partition")
    cycles.add_argument("--cycle", type=int, help="what this one did at every site; 0: the latest")
    return top


def _requests(commands: Any) -> None:
    copy = _command(commands, "copy", "ask for copies", actions.copy, show.requests)
    copy.add_argument("items", nargs="+", metavar="ITEM", help="dataset, or dataset#block")
    copy.add_argument("--site", nargs="+", default=[], metavar="SITE", help="names or globs (default: the server's)")
    copy.add_argument("--group", help="owner of the copies (default: the server's)")
    copy.add_argument("-n", "--copies", type=int, help="how many (default 1; 0: at every site)")
    delete = _command(commands, "delete", "ask for deletions", actions.delete, show.requests)
    delete.add_argument("items", nargs="+", metavar="ITEM", help="dataset, or dataset#block")
    delete.add_argument("--site", nargs="+", required=True, metavar="SITE", help="names or globs")
    poll = _command(commands, "poll", "see what became of requests", actions.poll, show.requests)
    poll.add_argument("id", nargs="?", type=int, help="number of a request")
    for name in ("item", "site", "status", "user"):
        poll.add_argument(f"--{name}", nargs="+", metavar=name.upper())
    poll.add_argument("--all", action="store_true", help="also older ones of the same item and site")
    cancel = _command(commands, "cancel", "withdraw a request that is still new", actions.cancel, show.requests)
    cancel.add_argument("id", type=int)
    for command in (poll, cancel):
        command.add_argument("--deletion", action="store_true", help="deletion requests (default: copy requests)")


def _locks(commands: Any) -> None:
    listed = _command(commands, "list", "locks of yours, or others", actions.list_locks, show.locks)
    listed.add_argument("--user", nargs="+", metavar="USER", help="whose (default: yours; '*': everybody's)")
    listed.add_argument("--item", nargs="+", metavar="ITEM")
    listed.add_argument("--all", action="store_true", help="also released ones")
    add = _command(commands, "add", "lock an item until it expires", actions.add_lock, show.locks)
    add.add_argument("item", help="dataset (or glob), or dataset#block")
    add.add_argument("--expires", required=True, metavar="TIME", help="e.g. 2027-01-31, or '30 days'")
    add.add_argument("--site", nargs="+", metavar="SITE", help="names or globs (default: all)")
    add.add_argument("--group", nargs="+", metavar="GROUP", help="names or globs (default: all)")
    add.add_argument("--comment")
    add.add_argument("--service", help="what the lock is for")
    remove = _command(commands, "remove", "release locks", actions.remove_locks, show.locks)
    remove.add_argument("ids", nargs="+", type=int, metavar="ID")


def _group(commands: Any, name: str, text: str) -> Any:
    return commands.add_parser(name, help=text, description=text).add_subparsers(required=True, metavar="COMMAND")


def _command(commands: Any, name: str, text: str, run: Any, shown: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run, text=shown)
    command.add_argument("--json", action="store_true", help="show the server's data as JSON")
    command.add_argument("--url", help="address of the server")
    command.add_argument(
        "--patience", type=float, default=60.0, metavar="S", help="try for so long while it is busy (60)"
    )
    return command


if __name__ == "__main__":
    sys.exit(main())
