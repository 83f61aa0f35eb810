"""One call of the server: sent, tried again where that is safe, and its answer read or its refusal raised.

Trying again never does a thing twice: every POST carries an idempotency key, the same at each try, by which the server knows
it again; the other methods are harmless when repeated.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from dynamo_client import answers
from dynamo_client.effects import Pause, Send, Steps
from dynamo_client.errors import CannotConnect, DynamoError
from dynamo_client.upload import Upload

API = "/api/v1/"
VERSION_HEADER, KEY_HEADER = "Dynamo-Version", "Idempotency-Key"
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
_NOT_NOW = {429, 502, 503, 504}
_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass
class Session:
    """What calls share: the server's address, how long to be patient, and the newest inventory version that this client knows.

    ``told(text, seconds)`` hears of every wait before another try. ``reached``: the server has answered before, so that
    a refused connection means that it is just being restarted, not that the address is wrong.
    """

    url: str
    patience: float
    told: Callable[[str, float], None] | None = None
    version: int = 0
    reached: bool = False


@dataclass(frozen=True)
class Call:
    """``path`` under ``/api/v1/`` (already quoted). ``json`` or ``upload`` is the body."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    upload: Upload | None = None


def answered(session: Session, call: Call) -> Steps[Any]:
    """The JSON that the server answers with (None: nothing)."""
    response = yield from responded(session, call)
    return answers.content(response)


def responded(session: Session, call: Call) -> Steps[httpx.Response]:
    """The server's answer, not yet read; raises a DynamoError for everything that is none of success."""
    send = _send(session, call)
    deadline = time.monotonic() + session.patience
    wait = _FIRST_WAIT
    while True:
        outcome: httpx.Response | httpx.TransportError = yield send
        _note(session, call, outcome)
        error = _error(session, outcome)
        if error is None:
            return cast(httpx.Response, outcome)
        pause = _pause(outcome, wait)
        if not _try_again(session, outcome) or time.monotonic() + pause > deadline:
            raise error
        if session.told is not None:
            session.told(str(error), pause)
        yield Pause(pause)
        wait = min(2 * wait, _LONGEST_WAIT)


def _send(session: Session, call: Call) -> Send:
    headers = {"Accept": "application/json, application/problem+json"}
    if call.method == "POST":
        headers[KEY_HEADER] = str(uuid.uuid4())
    if session.version:
        # Read your writes: the server waits until it has seen what this client was told of.
        headers[VERSION_HEADER] = str(session.version)
    params = {name: value for name, value in call.params.items() if value is not None}
    return Send(call.method, f"{session.url}{API}{call.path}", params, headers, call.json, call.upload)


def _note(session: Session, call: Call, outcome: httpx.Response | httpx.TransportError) -> None:
    if not isinstance(outcome, httpx.Response):
        return
    session.reached = True
    told = outcome.headers.get(VERSION_HEADER, "")
    if call.method in _CHANGING and told.isdecimal():
        session.version = max(session.version, int(told))


def _error(session: Session, outcome: httpx.Response | httpx.TransportError) -> DynamoError | None:
    if isinstance(outcome, httpx.Response):
        return answers.trouble(outcome)
    if isinstance(outcome, httpx.TimeoutException):
        return CannotConnect(f"{session.url}: no answer in time; whether it was done is not known")
    return CannotConnect(f"{session.url}: cannot connect: {outcome or type(outcome).__name__}")


def _try_again(session: Session, outcome: httpx.Response | httpx.TransportError) -> bool:
    if isinstance(outcome, httpx.Response):
        busy_key = outcome.status_code == httpx.codes.CONFLICT and "Retry-After" in outcome.headers
        return outcome.status_code in _NOT_NOW or busy_key
    return session.reached and not isinstance(outcome, httpx.UnsupportedProtocol)


def _pause(outcome: httpx.Response | httpx.TransportError, wait: float) -> float:
    """Seconds until the next try: what the server says, not less than the back-off; spread, so that clients do not come in step."""
    told = outcome.headers.get("Retry-After", "") if isinstance(outcome, httpx.Response) else ""
    return max(_seconds(told), wait) * random.uniform(1.0, 1.25)  # noqa: S311 - no secret


def _seconds(told: str) -> float:
    """Of Retry-After: a number of seconds, or the time until a date."""
    if told.isdecimal():
        return float(told)
    try:
        return (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
