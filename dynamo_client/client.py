"""The client: one method per thing that users ask of Dynamo; each returns the ``data`` of the server's answer."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

import httpx

from dynamo_client.errors import CannotConnect, Denied, DynamoError, Refused, Unavailable

Row = dict[str, Any]
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0


class DynamoClient:
    """Talks to the server at ``url`` (with what stands before ``/data/`` in it) as the user of ``token``.

    What the server cannot do now (503) is tried again, for ``patience`` seconds in all. A call raises
    :class:`~dynamo_client.errors.DynamoError` of the kind that fits.
    """

    def __init__(self, url: str, token: str = "", *, timeout: float = 60.0, patience: float = 60.0) -> None:
        if not (token.isascii() and token.isprintable() and " " not in token):
            # Not shown: it is a secret, if a damaged one.
            raise DynamoError("the token has characters in it that no token has; is it copied whole, and alone?")
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self.url = url.rstrip("/")
        self._patience = patience
        try:
            self._http = httpx.Client(headers=headers, timeout=timeout)
            httpx.URL(self.url)
        except (httpx.InvalidURL, ValueError) as error:
            raise CannotConnect(f"{url}: {error}") from None

    def __enter__(self) -> DynamoClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def inject(self, document: Mapping[str, Any], *, sync: bool = False) -> dict[str, int]:
        """Queue ``document`` (datasets, sites, groups, replicas), or with ``sync`` wait until it is applied; counts by kind."""
        return self._injected(f"inventory/inject{'sync' if sync else ''}", document)

    def invalidate(self, document: Mapping[str, Any], *, sync: bool = False) -> dict[str, int]:
        """The same, to remove metadata."""
        return self._injected(f"inventory/delete{'sync' if sync else ''}", document)

    def request_copy(
        self, items: Iterable[str], sites: Iterable[str] = (), *, group: str | None = None, copies: int | None = None
    ) -> Row:
        """Ask for ``copies`` (None: one; 0: one at every site) of the items at the sites (globs; none: the server's default)."""
        values = {"item": list(items), "site": list(sites) or None, "group": group, "n": copies}
        return self._rows("request/copy", values)[0]

    def request_deletion(self, items: Iterable[str], sites: Iterable[str]) -> Row:
        """Ask for the deletion of the items at the sites."""
        return self._rows("request/delete", {"item": list(items), "site": list(sites)})[0]

    def requests(self, *, deletions: bool = False, **question: Any) -> list[Row]:
        """Copy (or deletion) requests by request_id, item, site, status, user; ``all``: not only the latest."""
        return self._rows(f"request/{'polldelete' if deletions else 'pollcopy'}", question)

    def cancel(self, request_id: int, *, deletion: bool = False) -> Row:
        """Withdraw a request that is still new."""
        path = f"request/{'canceldelete' if deletion else 'cancelcopy'}"
        request: Row = self.post(path, {"request_id": request_id})
        return request

    def locks(self, **question: Any) -> list[Row]:
        """Detox locks by lockid, user ("*": everybody's), item, sites, groups, service, …; ``showall``: also released ones."""
        return self._rows("detox/lock/list", question)

    def lock(self, item: str, expires: str | datetime, **more: Any) -> list[Row]:
        """Keep Detox off ``item`` until ``expires``; more: sites, groups, comment, service."""
        return self._rows("detox/lock/lock", {"item": item, "expires": str(expires), **more})

    def unlock(self, *lock_ids: int) -> list[Row]:
        """Release locks; returns those that were held."""
        return self._rows("detox/lock/unlock", {"lockid": list(lock_ids)})

    def cycles(self, **question: Any) -> list[Row]:
        """Detox cycles by partition, newest first: cycle, partition_id, comment, timestamp."""
        rows: list[Row] = self.get("detox/cycles", question)
        return rows

    def cycle(self, number: int, partition: str | None = None) -> Row:
        """What a Detox cycle (0: the latest) did at every site: quota, protect, keep, delete in TB."""
        summary: Row = self.get("detox/summary", {"cycle": number, "partition": partition})
        return summary

    def get(self, path: str, values: Mapping[str, Any] | None = None) -> Any:
        """Call ``/data/<path>`` with parameters in the query."""
        pairs = [(name, str(value)) for name, given in _given(values).items() for value in _each(given)]
        return self._call("GET", path, params=pairs)

    def post(self, path: str, values: Mapping[str, Any] | None = None, *, document: Any = None) -> Any:
        """Call ``/data/<path>`` with parameters, or a document, as the JSON body."""
        return self._call("POST", path, json=_given(values) if document is None else document)

    def _rows(self, path: str, values: Mapping[str, Any]) -> list[Row]:
        rows: list[Row] = self.post(path, values)
        return rows or []

    def _injected(self, path: str, document: Mapping[str, Any]) -> dict[str, int]:
        counts: dict[str, int] = self.post(path, document=document)
        return counts

    def _call(self, method: str, path: str, **content: Any) -> Any:
        deadline = time.monotonic() + self._patience
        wait = _FIRST_WAIT
        while True:
            response = self._sent(method, f"{self.url}/data/{path}", content)
            pause = _pause(response, wait)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() + pause > deadline:
                return _data(response)
            time.sleep(pause)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _sent(self, method: str, url: str, content: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._http.request(method, url, **content)
        except httpx.TimeoutException:
            raise CannotConnect(f"{self.url}: no answer in time; whether it was done is not known") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CannotConnect(f"{self.url}: cannot connect: {error}") from None


def _given(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}


def _each(given: Any) -> Iterable[Any]:
    return given if isinstance(given, list | tuple) else [given]


def _pause(response: httpx.Response, wait: float) -> float:
    """Seconds until the next try: what the server says, but not less than the back-off; spread, so that clients do not come in step."""
    told = response.headers.get("Retry-After", "")
    return max(float(told) if told.isdigit() else 0.0, wait) * random.uniform(1.0, 1.25)  # noqa: S311 - no secret


def _data(response: httpx.Response) -> Any:
    try:
        content = response.json()
    except ValueError:
        content = None
    if response.status_code == httpx.codes.OK and isinstance(content, dict) and content.get("result") == "OK":
        return content.get("data")
    raise _error(response, content)


def _error(response: httpx.Response, content: Any) -> DynamoError:
    status = response.status_code
    message = str(content.get("message") or content.get("result") or "") if isinstance(content, dict) else ""
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return Denied(message or f"{response.url}: {status} {response.reason_phrase}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(message or f"{response.url}: {status} {response.reason_phrase}")
    if message and status >= httpx.codes.BAD_REQUEST:
        return Refused(message)
    return Refused(f"{response.url}: {status} {response.reason_phrase}, and no answer of Dynamo; is the address right?")
