"""Who one is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dynamo_client.decoding import Record


@dataclass(frozen=True, kw_only=True)
class Caller(Record):
    """As whom the server knows this client; ``rights``: ``target:role``."""

    user: str = ""
    service: str = ""
    method: str = ""
    scopes: tuple[str, ...] | None = None
    email: str = ""
    dns: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    superuser: bool = False


@dataclass(frozen=True, kw_only=True)
class Token(Record):
    """A bearer token of one's own; ``secret`` is told once, when it is made. ``scopes``: targets that it
    is good for changing (None: whatever the user may).
    """

    id: int = 0
    service: str = ""
    scopes: tuple[str, ...] | None = None
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None
    secret: str = ""


@dataclass(frozen=True, kw_only=True)
class DeviceLogin(Record):
    """A login that its user approves in a browser: at ``verification_uri``, by typing ``user_code``, within ``expires_in`` seconds."""

    device_code: str = field(default="", repr=False)
    user_code: str = ""
    verification_uri: str = ""
    verification_uri_complete: str = ""
    expires_in: int = 0
    interval: int = 5
