"""Times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dynamo_client.errors import DynamoError

_UNITS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}
_SPAN = re.compile(r"(?:in )?\s*(\d{1,6})\s*(hour|day|week|month|year)s?", re.IGNORECASE)


def moment(given: str | datetime, now: datetime | None = None) -> str:
    """A time as the server takes it: of ``30 days`` (from now), a date, or a date with a time (UTC unless it says otherwise)."""
    try:
        found = given if isinstance(given, datetime) else _read(given.strip(), now or datetime.now(UTC))
    except (ValueError, OverflowError):
        raise DynamoError(f"{given}: no time; write 2027-01-31, 2027-01-31T12:00Z, or 30 days") from None
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return f"{found.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _read(text: str, now: datetime) -> datetime:
    span = _SPAN.fullmatch(text)
    return now + timedelta(days=int(span[1]) * _UNITS[span[2].lower()]) if span else datetime.fromisoformat(text)
