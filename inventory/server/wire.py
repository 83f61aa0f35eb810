"""How change sets, answers and errors look on the network. Pure."""

from __future__ import annotations

import json
import mmap
from dataclasses import asdict
from typing import Any

from inventory.changes import KEYS, ChangeSet
from inventory.errors import (
    ChangeRefused,
    InventoryBusy,
    InventoryError,
    InventoryUnavailable,
    OutcomeUnknown,
    Problem,
    TurnLost,
    VersionGone,
)
from inventory.log import Commit
from inventory.packing import PackingDamaged, pack, unpack

_SENDER = ("author", "token", "service", "run", "transaction")
_ERRORS: dict[str, type[InventoryError]] = {
    "TurnLost": TurnLost,
    "LeadershipLost": OutcomeUnknown,
    "OutcomeUnknown": OutcomeUnknown,
    "InventoryUnavailable": InventoryUnavailable,
    "VersionGone": VersionGone,
}
"""What a client sees of the server's errors: for it, a lost leadership is a server whose answer did not come."""


def packed(changes: ChangeSet) -> bytes:
    """A change set as bytes."""
    about = {name: getattr(changes, name) for name in _SENDER}
    frames = [("put", name, rows) for name, rows in changes.puts.items()]
    frames += [("delete", name, rows) for name, rows in changes.deletes.items()]
    return pack(about, frames)


def unpacked(data: bytes | mmap.mmap) -> ChangeSet:
    """The change set in ``data``, with every type checked. Raises ChangeRefused."""
    try:
        about, frames = unpack(data)
    except PackingDamaged as error:
        raise ChangeRefused([Problem("change set", str(error))]) from error
    _check_sender(about)
    changes = ChangeSet(**about)
    problems = [Problem(str(name)[:100], "no such table") for _, name, _ in frames if name not in KEYS]
    for kind, name, rows in frames:
        if name not in KEYS:
            continue
        try:
            (changes.put if kind == "put" else changes.delete)(name, rows)
        except ChangeRefused as error:
            problems.extend(error.problems)
    if problems:
        raise ChangeRefused(problems)
    return changes


def _check_sender(about: dict[str, Any]) -> None:
    types = {name: int if name == "token" else str for name in _SENDER}
    wrong = [name for name, kind in types.items() if type(about.get(name)) is not kind]
    wrong += sorted(set(about) - set(types))
    if wrong:
        raise ChangeRefused([Problem("change set", f"{name} is missing, unknown or of a wrong type") for name in wrong])


def answer(commit: Commit) -> bytes:
    """A commit as bytes."""
    return json.dumps({"commit": asdict(commit)}).encode()


def failure(error: InventoryError) -> bytes:
    """An error as bytes."""
    if isinstance(error, ChangeRefused):
        problems = [[problem.where, problem.what] for problem in error.problems]
        return json.dumps({"error": "ChangeRefused", "problems": problems}).encode()
    if isinstance(error, InventoryBusy):
        return json.dumps({"error": "InventoryBusy", "text": error.why, "seconds": error.seconds}).encode()
    name = type(error).__name__ if type(error).__name__ in _ERRORS else "InventoryUnavailable"
    return json.dumps({"error": name, "text": str(error)}).encode()


def checked(data: bytes) -> dict[str, Any]:
    """The answer in ``data``; raises the error in it."""
    message: dict[str, Any] = json.loads(data)
    kind = message.get("error")
    if kind == "ChangeRefused":
        raise ChangeRefused([Problem(where, what) for where, what in message["problems"]])
    if kind == "InventoryBusy":
        raise InventoryBusy(message["text"], float(message["seconds"]))
    if kind is not None:
        raise _ERRORS.get(kind, InventoryUnavailable)(message.get("text", ""))
    return message


def commit_of(data: bytes) -> Commit:
    """The commit in ``data``; raises the error in it."""
    return Commit(**checked(data)["commit"])
