"""What a verb wants done, as values: verbs are generators that yield these and know no network.

``Dynamo`` carries them out and waits, ``AsyncDynamo`` awaits them: one implementation of every verb, of retries and of
paging serves both, and can be tested without either.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import httpx

from dynamo_client.upload import Upload

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Send a request. What comes back is the answer, wholly read, or the error of the connection."""

    method: str
    url: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    upload: Upload | None = None

    def built(self, build: Callable[..., httpx.Request]) -> httpx.Request:
        """The request, made by a client's ``build_request``."""
        if self.upload is not None:
            request = build(self.method, self.url, params=self.params, headers={**self.headers, **self.upload.headers})
            request.stream = self.upload
            return request
        content = {} if self.json is None else {"json": self.json}
        return build(self.method, self.url, params=self.params, headers=self.headers, **content)


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Give(Generic[T]):
    """Hand ``value`` to whoever iterates; only in listings and watches."""

    value: T


Steps: TypeAlias = Generator[Send | Pause, Any, T]
"""What a verb is: its effects one by one, and at the end what it returns."""
Rows: TypeAlias = Generator[Send | Pause | Give[T], Any, None]
"""What a listing is: its effects one by one, among them what is given to who iterates."""
