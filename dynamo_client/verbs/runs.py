"""Runs over the inventory, and users' own programs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Give, Pause, Rows, Steps
from dynamo_client.paging import listed
from dynamo_client.records import Application, LogLine, Run
from dynamo_client.verbs.base import Base


class RunVerbs(Base):
    """Verbs on runs and programs."""

    @listing
    def runs(self, /, **filters: Any) -> Rows[Run]:
        """Runs by application, state, author …, the newest first."""
        yield from listed(self.session, Run, "runs", filters)

    @verb
    def get_run(self, number: int) -> Steps[Run]:
        """One run."""
        found = yield from self._get(f"runs/{number}")
        return Run.of(found)

    @verb
    def kill(self, number: int) -> Steps[None]:
        """End a run."""
        yield from self._post(f"runs/{number}/kill")

    @listing
    def log(self, number: int) -> Rows[LogLine]:
        """The lines of a run's log, as it happened."""
        yield from listed(self.session, LogLine, f"runs/{number}/log", {"order": "id"})

    @verb
    def run(
        self,
        *,
        title: str = "",
        content: bytes | None = None,
        path: str | None = None,
        arguments: Sequence[str] = (),
        level: str = "read",
        limit: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Steps[Application]:
        """Submit a program: its ``content``, or the ``path`` of one that is on the server. ``level``: read, rights or write;
        ``limit``: seconds it may take.
        """
        body = {
            "title": title, "content": None if content is None else base64.b64encode(content).decode(), "path": path,
            "arguments": list(arguments), "level": level, "limit": limit, "environment": environment,
        }  # fmt: skip
        found = yield from self._post("applications", body)
        return Application.of(found)

    @listing
    def programs(self, /, **filters: Any) -> Rows[Application]:
        """Users' programs by title, state, author …, the newest first."""
        yield from listed(self.session, Application, "applications", filters)

    @verb
    def program(self, number: int) -> Steps[Application]:
        """One program."""
        found = yield from self._get(f"applications/{number}")
        return Application.of(found)

    @verb
    def kill_program(self, number: int) -> Steps[None]:
        """End a program; nothing of it is written."""
        yield from self._post(f"applications/{number}/kill")

    @listing
    def program_log(self, number: int, *, follow: bool = False, interval: float = 1.0) -> Rows[str]:
        """What a program wrote, piece by piece; with ``follow`` also what is still to come, until it has ended."""
        offset = 0
        while True:
            part = yield from self._get(f"applications/{number}/log", {"offset": offset})
            if part["text"]:
                yield Give(str(part["text"]))
            elif part["ended"] or not follow:
                return
            else:
                yield Pause(interval)
            offset = int(part["next"])
