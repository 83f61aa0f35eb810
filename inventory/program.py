"""For users' own programs, when Dynamo runs them: the inventory to read, and what shall be written when the program ends well.

    from inventory.program import this_run

    run = this_run()
    sites = run.snapshot().frame("sites")
    run.changes().put("datasets", [{"name": "/A/B/C", "status": "INVALID"}])

``snapshot()`` is one version for the whole program, whatever is written meanwhile. Everything in ``changes()`` is
committed as a whole after the program has ended with status 0, and nothing of it otherwise; the log tells which version it
became, or why it was refused. ``changes()`` is there for programs that were submitted to write. No Django is needed.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from pyarrow import flight

from inventory.changes import ChangeSet
from inventory.errors import InventoryDenied, InventoryUnavailable
from inventory.fetched import FetchedSnapshot, typed
from inventory.packing import pack
from inventory.snapshot import Snapshot

_OPEN_SECONDS, _TABLE_SECONDS = 30.0, 600.0
INCOMPLETE = b"not left yet"
"""What the file of changes has until the program ends."""


@functools.cache
def this_run() -> ProgramRun:
    """The run that this program is. Raises InventoryDenied outside of one."""
    lacking = [name for name in ("DYNAMO_RUN", "DYNAMO_RUN_TOKEN", "DYNAMO_RUN_INVENTORY") if name not in os.environ]
    if lacking:
        raise InventoryDenied(
            f"{', '.join(lacking)} not set: this program was not started by Dynamo (application submit)"
        )
    return ProgramRun(dict(os.environ))


class ProgramRun:
    """One run as its program sees it; made by :func:`this_run`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.id = int(environment["DYNAMO_RUN"])
        self._version = int(environment.get("DYNAMO_RUN_VERSION", "0"))
        self._url = environment["DYNAMO_RUN_INVENTORY"]
        self._headers = [(b"authorization", f"Bearer {environment['DYNAMO_RUN_TOKEN']}".encode())]
        self._changes_file = environment.get("DYNAMO_RUN_CHANGES", "")
        self._snapshot: Snapshot | None = None
        self._changes: ChangeSet | None = None

    def snapshot(self) -> Snapshot:
        """The inventory, the same version at each call. Raises InventoryUnavailable, InventoryDenied."""
        if self._snapshot is None:
            asked = json.dumps({"at_least": self._version}).encode()
            opened = json.loads(self._called(lambda client: self._open(client, asked)))
            if "error" in opened:
                raise InventoryUnavailable(str(opened.get("text", opened["error"])))
            self._snapshot = FetchedSnapshot(self._table, opened["version"], opened["time"])
        return self._snapshot

    def changes(self) -> ChangeSet:
        """What shall be written: the same change set at each call. Raises InventoryDenied for a program that only reads."""
        if not self._changes_file:
            raise InventoryDenied("this program was submitted to read only; submit it with the level write")
        if self._changes is None:
            # Who writes, and with which turn, is not the program's to say.
            self._changes = ChangeSet("", 0)
            # Should the program end without leaving them (os._exit, a full disk), that is seen.
            Path(self._changes_file).write_bytes(INCOMPLETE)
            atexit.register(self._leave, self._changes)
        return self._changes

    def _leave(self, changes: ChangeSet) -> None:
        frames = [("put", name, rows) for name, rows in changes.puts.items()]
        frames += [("delete", name, rows) for name, rows in changes.deletes.items()]
        about = {"author": "", "token": 0, "service": "", "run": "", "transaction": ""}
        Path(self._changes_file).write_bytes(pack(about, frames))

    @functools.cached_property
    def _client(self) -> flight.FlightClient:
        return flight.FlightClient(self._url)

    def _called(self, call: Callable[[flight.FlightClient], Any]) -> Any:
        try:
            return call(self._client)
        except (flight.FlightUnauthenticatedError, flight.FlightUnauthorizedError) as error:
            raise InventoryDenied(f"the inventory server at {self._url} refuses the token of run {self.id}") from error
        except (flight.FlightError, OSError) as error:
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InventoryUnavailable(f"no answer from the inventory server at {self._url}: {first_line}") from error

    def _open(self, client: flight.FlightClient, asked: bytes) -> bytes:
        (result,) = client.do_action(flight.Action("open", asked), self._options(_OPEN_SECONDS))
        return bytes(result.body.to_pybytes())

    def _table(self, name: str, version: int) -> pl.DataFrame:
        ticket = flight.Ticket(json.dumps({"table": name, "version": version}).encode())
        return typed(name, self._called(lambda client: client.do_get(ticket, self._options(_TABLE_SECONDS)).read_all()))

    def _options(self, seconds: float) -> flight.FlightCallOptions:
        return flight.FlightCallOptions(timeout=seconds, headers=self._headers)
