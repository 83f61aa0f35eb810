"""Who calls the server: the installation's own processes by its token, or a running program by the token of its run."""

from __future__ import annotations

import hmac
import time

import structlog
from django.db import DatabaseError, connection
from pyarrow import flight

from inventory import database, run_tokens

_AUTHORISATION = "authorization"
_SCHEME = "Bearer "
_REMEMBER_SECONDS = 2.0
_MOST_REMEMBERED = 1000
_FOR_PROGRAMS = (flight.FlightMethod.DO_ACTION, flight.FlightMethod.DO_GET)
_LOG = structlog.get_logger(__name__)

NAME = "caller"
"""Under this name a call's context has its :class:`Caller`."""


class Caller(flight.ServerMiddleware):  # type: ignore[misc]
    """Whoever calls; ``run``: the run of a program, which only reads (0: one of the installation's processes)."""

    def __init__(self, run: int) -> None:
        self.run = run


class CallerCheck(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    """Lets calls pass that carry the installation's ``token``, and reading ones that carry that of a run that goes on."""

    def __init__(self, token: str) -> None:
        self._expected = f"{_SCHEME}{token}".encode()
        self._known: dict[str, tuple[int, float]] = {}

    def start_call(self, info: flight.CallInfo, headers: dict[str, list[str]]) -> Caller:
        """Refuse a call without such a token."""
        given = [str(value) for name, values in headers.items() if name.lower() == _AUTHORISATION for value in values]
        if len(given) == 1 and hmac.compare_digest(given[0].encode(), self._expected):
            return Caller(0)
        secret = given[0].removeprefix(_SCHEME) if len(given) == 1 else ""
        run = self._run_of(secret) if secret.startswith(run_tokens.PREFIX) else 0
        if not run:
            _LOG.warning("inventory_call_refused", method=str(info.method))
            raise flight.FlightUnauthenticatedError("the inventory's token is missing or wrong")
        if info.method not in _FOR_PROGRAMS:
            _LOG.warning("inventory_program_refused", method=str(info.method), run=run)
            raise flight.FlightUnauthorizedError(
                "a program's token only reads; what it wants written is committed when it has ended well"
            )
        return Caller(run)

    def _run_of(self, secret: str) -> int:
        """The run of a program's token; 0: it is not valid. A revoked one may read a moment longer."""
        run, until = self._known.get(secret, (0, 0.0))
        if time.monotonic() < until:
            return run
        try:
            row = run_tokens.valid(secret)
        except DatabaseError as error:
            raise flight.FlightUnavailableError(f"{database.reason(error)}; try again") from error
        finally:
            # These threads belong to gRPC, which ends them as it likes.
            connection.close()
        if row is None:
            self._known.pop(secret, None)
            return 0
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[secret] = (row.run, time.monotonic() + _REMEMBER_SECONDS)
        return row.run
