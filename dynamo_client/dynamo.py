"""``Dynamo`` and ``AsyncDynamo``: what carries out the steps of the verbs, blocking or awaiting. The verbs themselves are in ``verbs``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from dynamo_client.calls import Session
from dynamo_client.configuration import Configuration, Settings
from dynamo_client.credentials import headers, tls
from dynamo_client.effects import Give, Pause, Rows, Send, Steps
from dynamo_client.errors import CannotConnect
from dynamo_client.verbs import Verbs

T = TypeVar("T")


class _Client(Verbs):
    """What both have: where to, as whom, how patiently.

    ``Dynamo()`` takes everything from the user's configuration (``configuration``), what is given here comes first:
    ``url`` (with what stands before ``/api/`` in it), ``token``, ``certificate`` (a proxy, or a certificate with ``key``),
    ``timeout`` seconds of one call, ``patience`` seconds of trying again while the server is busy. ``told(why, seconds)``
    hears of every wait. Calls raise :class:`~dynamo_client.errors.DynamoError` of the kind that fits.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        told: Callable[[str, float], None] | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        self.configuration = Configuration.read(url, **settings)
        self.session = Session(self.configuration.url, self.configuration.patience, told)
        self._options: dict[str, Any] = {
            "headers": headers(self.configuration), "verify": tls(self.configuration),
            "timeout": httpx.Timeout(self.configuration.timeout, connect=min(self.configuration.timeout, 20.0)),
        }  # fmt: skip

    @property
    def url(self) -> str:
        """Address of the server."""
        return self.session.url


class Dynamo(_Client):
    """The client for ordinary programs; its calls wait for the answer. Use it in one thread.

    with Dynamo("https://dynamo.example.org", token="…") as dynamo:
        for dataset in dynamo.datasets("/Some/*/AOD"):
            print(dataset.name, dataset.size)
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        told: Callable[[str, float], None] | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(url, told=told, **settings)
        self._http = httpx.Client(**self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def carry_out(self, steps: Steps[T]) -> T:
        """Do the steps; what they return."""
        outcome: Any = None
        while True:
            try:
                effect = steps.send(outcome)
            except StopIteration as end:
                found: T = end.value
                return found
            outcome = self._outcome(effect)

    def iterate(self, steps: Rows[T]) -> Iterator[T]:
        """Do the steps, giving what they give."""
        outcome: Any = None
        while True:
            try:
                effect = steps.send(outcome)
            except StopIteration:
                return
            if isinstance(effect, Give):
                outcome = None
                yield effect.value
            else:
                outcome = self._outcome(effect)

    def _outcome(self, effect: Send | Pause) -> httpx.Response | httpx.TransportError | None:
        if isinstance(effect, Pause):
            time.sleep(effect.seconds)
            return None
        request = _built(effect, self._http.build_request)
        try:
            return self._http.send(request)
        except httpx.TransportError as error:
            return error
        except httpx.DecodingError as error:
            raise _damaged(request, error) from None


class AsyncDynamo(_Client):
    """The client for asyncio: the same verbs, awaited; listings by ``async for``.

    async with AsyncDynamo() as dynamo:
        me = await dynamo.whoami()
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        told: Callable[[str, float], None] | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(url, told=told, **settings)
        self._http = httpx.AsyncClient(**self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def carry_out(self, steps: Steps[T]) -> T:
        """Do the steps; what they return."""
        outcome: Any = None
        while True:
            try:
                effect = steps.send(outcome)
            except StopIteration as end:
                found: T = end.value
                return found
            outcome = await self._outcome(effect)

    async def iterate(self, steps: Rows[T]) -> AsyncIterator[T]:
        """Do the steps, giving what they give."""
        outcome: Any = None
        while True:
            try:
                effect = steps.send(outcome)
            except StopIteration:
                return
            if isinstance(effect, Give):
                outcome = None
                yield effect.value
            else:
                outcome = await self._outcome(effect)

    async def _outcome(self, effect: Send | Pause) -> httpx.Response | httpx.TransportError | None:
        if isinstance(effect, Pause):
            await asyncio.sleep(effect.seconds)
            return None
        request = _built(effect, self._http.build_request)
        try:
            return await self._http.send(request)
        except httpx.TransportError as error:
            return error
        except httpx.DecodingError as error:
            raise _damaged(request, error) from None


def _built(effect: Send, build: Callable[..., httpx.Request]) -> httpx.Request:
    try:
        return effect.built(build)
    except (httpx.InvalidURL, ValueError) as error:
        raise CannotConnect(f"{effect.url}: {error}") from None


def _damaged(request: httpx.Request, error: httpx.DecodingError) -> CannotConnect:
    return CannotConnect(f"{request.url.copy_with(query=None)}: the answer is damaged: {error}")
