"""``dynamo inject | invalidate``: documents of metadata to add or remove."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from dynamo_client.command.options import Desk, command, existing
from dynamo_client.command.output import Column
from dynamo_client.errors import DynamoError
from dynamo_client.records import Injection

File = Annotated[str, typer.Argument(help="The JSON document; `-` for standard input.")]
Wait = Annotated[bool, typer.Option("--wait", "--sync", help="Wait until it is applied; without, it is queued.")]

COLUMNS = (
    Column("Number", lambda row: row.id), Column("State", lambda row: row.state), Column("Why", lambda row: row.reason),
    Column("Counts", lambda row: {name: number for name, number in row.counts.items() if number}),
    Column("Version", lambda row: row.version),
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (inject, invalidate):
        command(app, rich_help_panel="Metadata")(function)


def inject(desk: Desk, file: File, wait: Wait = False) -> None:
    """Add datasets, blocks, files, sites, groups and replicas of a JSON document.

    Examples:

        dynamo inject document.json --wait
        make-document | dynamo inject -
    """
    _send(desk, file, wait, desk.dynamo.inject)


def invalidate(desk: Desk, file: File, wait: Wait = False) -> None:
    """Remove what a JSON document names: the same shape as for `inject`, names suffice.

    Example:

        echo '{"dataset": [{"name": "/Some/Dataset-v1/AOD"}]}' | dynamo invalidate -
    """
    _send(desk, file, wait, desk.dynamo.invalidate)


def _send(desk: Desk, file: str, wait: bool, send: Callable[..., Injection]) -> None:
    path = existing(file)
    document: Any = path or _from_standard_input()
    if path is not None:
        _check(path)
    with _progress(desk, file) as told:
        row = send(document, wait=wait, told=told)
    desk.out.one(row, COLUMNS)


def _from_standard_input() -> dict[str, Any]:
    return _object("standard input", lambda: json.load(sys.stdin))


def _check(path: Path) -> None:
    """Whether it is JSON, before it is sent: the line of a mistake helps whoever wrote it."""
    _object(str(path), lambda: json.loads(path.read_text(encoding="utf-8")))


def _object(name: str, read: Callable[[], Any]) -> dict[str, Any]:
    try:
        document = read()
    except (OSError, ValueError, RecursionError) as error:
        raise DynamoError(f"{name}: {error}") from None
    if not isinstance(document, dict):
        raise DynamoError(f"{name}: has to be a JSON object with dataset, site, group or datasetreplica")
    return document


@contextmanager
def _progress(desk: Desk, file: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar at a terminal, while the document goes out."""
    if not desk.out.notes.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=desk.out.notes, transient=True) as progress:
        task = progress.add_task(f"sending {file}")
        yield lambda sent, size: progress.update(task, completed=sent, total=size)
