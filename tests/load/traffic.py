"""Clients that ask, inject, lock, poll and look, and note what they sent, what was acknowledged, and every answer that is not right."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.load.ground import DATASETS, SITES, USERS, dataset

_TIMEOUT = 60.0
_LATER = (429, 503)
_SHARED = DATASETS // 2
"""Datasets that everybody asks for; the others belong to one client each."""


@dataclass
class Notes:
    """What happened. ``broken``: when a connection broke (monotonic) and why; ``wrong``: answers that nobody should see."""

    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    broken: list[tuple[float, float, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    requests: list[tuple[str, int, str, str]] = field(default_factory=list)
    """Acknowledged: kind, number, item, site; of datasets that all share."""
    asked: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Sent: kind, item, site; of the shared ones, plain and cached."""
    cached: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    own: list[tuple[int, str, str]] = field(default_factory=list)
    """Acknowledged: number, item, site; of datasets of one client, each withdrawn before it is asked for again."""
    cancelled: list[int] = field(default_factory=list)
    injected: dict[str, int | None] = field(default_factory=dict)
    """Acknowledged: dataset and number of the injection (None: applied at once)."""
    offered: set[str] = field(default_factory=set)
    locks: list[tuple[int, str, str]] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    """What was sent again and again until patience ended: it may be done or not."""


class Client:
    """One client: a user with a token, and a connection of its own."""

    def __init__(
        self, number: int, url: str, tokens: Mapping[str, str], notes: Notes, ends: float, patience: float
    ) -> None:
        self.number, self.notes, self.ends, self.patience = number, notes, ends, patience
        self.chance = random.Random(number)
        self.serial = itertools.count()
        self.user = USERS[number % (len(USERS) - 1)]
        # As nginx in front would: a connection for each call, none that gunicorn closes just when it is used again.
        self.http = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, limits=httpx.Limits(max_keepalive_connections=0))
        self.people = {"Authorization": f"Bearer {tokens[self.user]}"}
        self.production = {"Authorization": f"Bearer {tokens['production']}"}

    async def go_on(self) -> None:
        """One thing after the other until the time is over."""
        kinds = list(_WEIGHTS)
        async with self.http:
            while time.monotonic() < self.ends:
                chosen = self.chance.choices(kinds, [_WEIGHTS[kind] for kind in kinds])[0]
                await chosen(self)
                await asyncio.sleep(self.chance.uniform(0, 0.05))

    async def send(self, kind: str, method: str, path: str, *right: int, **values: Any) -> httpx.Response | None:
        """The answer if it is 2xx; all others are noted, those that are not ``right`` as wrong. None: nothing was acknowledged."""
        began = time.monotonic()
        self.notes.sent[kind] += 1
        try:
            answer = await self.http.request(method, path, **values)
        except httpx.TransportError as error:
            self.notes.broken.append((began, time.monotonic(), f"{kind}: {error!r}"))
            return None
        took = time.monotonic() - began
        self.notes.slowest[kind] = max(took, self.notes.slowest.get(kind, 0.0))
        self.notes.statuses[kind, answer.status_code] += 1
        if answer.is_success:
            self.notes.acknowledged[kind] += 1
            return answer
        told = answer.status_code in _LATER and "Retry-After" in answer.headers
        if not (told or answer.status_code in (409, *right)):
            self.notes.wrong.append(f"{kind}: {method} {path}: {answer.status_code} {answer.text[:300]}")
        return None

    def place(self) -> tuple[str, str]:
        """A shared dataset and a site."""
        return dataset(self.chance.randrange(_SHARED)), self.chance.choice(SITES[1:])


async def ask(client: Client) -> None:
    """A copy or deletion that others ask for, too."""
    item, site = client.place()
    kind, path = client.chance.choice([("copy", "copy"), ("deletion", "delete")])
    client.notes.asked[kind, item, site] += 1
    answer = await client.send(
        "ask", "POST", f"/data/request/{path}", data={"item": item, "site": site}, headers=client.people
    )
    if answer is not None:
        client.notes.requests.append((kind, answer.json()["data"][0]["request_id"], item, site))


async def ask_cached(client: Client) -> None:
    """The same at the cheap door."""
    item, site = client.place()
    client.notes.asked["copy", item, site] += 1
    values = {"item": item, "site": site, "cache": "y"}
    if await client.send("ask cached", "POST", "/data/request/copy", data=values, headers=client.people) is not None:
        client.notes.cached["copy", item, site] += 1


async def ask_and_cancel(client: Client) -> None:
    """A copy that nobody else asks for, by the API with a key until it is acknowledged, and then withdrawn."""
    item, site = dataset(_SHARED + client.number), client.chance.choice(SITES[1:])
    body = {"items": [item], "sites": [site]}
    answer = await _surely(client, "ask by API", "/api/v1/copy-requests", body, client.people)
    if answer is None:
        return
    number = answer.json()["id"]
    client.notes.own.append((number, item, site))
    if await _surely(client, "cancel", f"/api/v1/copy-requests/{number}/cancel", None, client.people) is not None:
        client.notes.cancelled.append(number)


async def _surely(client: Client, kind: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response | None:
    """Sent with one key until it is acknowledged; also after the connection broke, when it may have been done already."""
    key = {"Idempotency-Key": f"{client.number}-{kind}-{next(client.serial)}"}
    deadline = time.monotonic() + client.patience
    while time.monotonic() < deadline:
        answer = await client.send(kind, "POST", path, json=body, headers=headers | key)
        if answer is not None:
            return answer
        await asyncio.sleep(0.5)
    client.notes.given_up.append(f"{kind} by client {client.number}: {path} {body}")
    return None


def _document(client: Client) -> tuple[str, Any]:
    name = f"/Injected/c{client.number}n{next(client.serial)}/RAW"
    files = [{"name": f"/store{name}/{number}", "size": 10, "site": "T2_A"} for number in range(2)]
    client.notes.offered.add(name)
    return name, {"dataset": [{"name": name, "status": "production", "blocks": [{"name": "b", "files": files}]}]}


async def inject(client: Client) -> None:
    """A document for the queue, sent once."""
    name, document = _document(client)
    answer = await client.send("inject", "POST", "/data/inventory/inject", json=document, headers=client.production)
    if answer is not None:
        found = re.search(r"number (\d+)", answer.json()["message"])
        client.notes.injected[name] = int(found[1]) if found else -1


async def inject_surely(client: Client) -> None:
    """A document for the queue by the API, sent until it is acknowledged."""
    name, document = _document(client)
    answer = await _surely(client, "inject by API", "/api/v1/injections", document, client.production)
    if answer is not None:
        client.notes.injected[name] = answer.json()["id"]


async def inject_now(client: Client) -> None:
    """A document that is in the inventory when the answer comes."""
    name, document = _document(client)
    if await client.send("inject now", "POST", "/data/inventory/injectsync", json=document, headers=client.production):
        client.notes.injected[name] = None


async def lock(client: Client) -> None:
    """A Detox lock that others of the same user set, too."""
    item, _ = client.place()
    values = {"item": item, "expires": "2099-01-01", "comment": "load"}
    values["expires"] = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400 * client.chance.randint(5, 30)))
    answer = await client.send("lock", "POST", "/data/detox/lock/lock", data=values, headers=client.people)
    if answer is not None:
        client.notes.locks.append((answer.json()["data"][0]["lockid"], item, client.user))


async def poll(client: Client) -> None:
    """Where requests stand."""
    item, site = client.place()
    values = client.chance.choice([{"item": item}, {"site": site}, {"user": client.user, "status": "new"}])
    await client.send("poll", "GET", "/data/request/pollcopy", params=values)


async def look(client: Client) -> None:
    """Pages, lists and replicas."""
    item, _ = client.place()
    path = client.chance.choice([
        "/", "/api/v1/datasets?limit=20", "/api/v1/copy-requests?limit=20", f"/data/inventory/blockreplicas?dataset={item}",
        "/data/inventory/sites",
    ])  # fmt: skip
    await client.send("look", "GET", path, 302, headers=client.people if path.startswith("/api") else {})


_WEIGHTS: dict[Callable[[Client], Awaitable[None]], int] = {
    poll: 30, look: 15, ask: 20, ask_cached: 8, ask_and_cancel: 5, inject: 10, inject_surely: 6, inject_now: 1, lock: 5,
}  # fmt: skip


async def run(url: str, tokens: Mapping[str, str], clients: int, seconds: float, patience: float) -> Notes:
    """So many clients for so long; what they were about is ended, or given up after ``patience``."""
    notes = Notes()
    ends = time.monotonic() + seconds
    await asyncio.gather(*(Client(number, url, tokens, notes, ends, patience).go_on() for number in range(clients)))
    return notes
