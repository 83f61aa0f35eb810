"""Template filters: bytes, shares and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.utils.timesince import timesince

from inventory import units

register = template.Library()


@register.filter
def volume(size: float | None) -> str:
    """Bytes in decimal units: 1500000 is "1.5 MB"; None is a dash."""
    return "–" if size is None else units.volume(size)


@register.filter
def percent(share: float | None) -> str:
    """0.853 is "85.3 %"; None is a dash, infinity says so."""
    if share is None:
        return "–"
    return "∞" if share == float("inf") else f"{100 * share:.1f} %"


@register.filter
def ago(moment: datetime | int | None) -> str:
    """A moment (aware, or UTC seconds) as "5 min ago"; None is "never"."""
    if not moment:
        return "never"
    when = datetime.fromtimestamp(moment, UTC) if isinstance(moment, int) else moment
    now = datetime.now(UTC)
    if abs((now - when).total_seconds()) < 60:
        return "just now" if when <= now else "in a moment"
    return f"in {_first(timesince(now, when))}" if when > now else f"{_first(timesince(when, now))} ago"


def _first(text: str) -> str:
    return text.split(",")[0].replace("\xa0", " ").replace("minute", "min").replace("mins", "min")


@register.filter
def moment(value: datetime | int | None) -> str:
    """A moment as 2026-11-24 12:05 (UTC)."""
    if not value:
        return "–"
    when = datetime.fromtimestamp(value, UTC) if isinstance(value, int) else value.astimezone(UTC)
    return f"{when:%Y-%m-%d %H:%M}"


@register.filter
def css_percent(share: float | None) -> str:
    """A share as a CSS length, kept within 0 and 100 %."""
    return f"{100 * min(max(share or 0.0, 0.0), 1.0):.2f}%"


@register.filter
def words(name: str) -> str:
    """``empty_directories`` is "Empty directories"."""
    return name.replace("_", " ").capitalize()


@register.filter
def day(value: datetime | int | None) -> str:
    """A moment's day as 2026-11-24 (UTC)."""
    return moment(value)[:10] if value else ""


@register.filter
def split(text: str) -> list[str]:
    """A blank-separated list in a template."""
    return text.split()


@register.filter
def took(begin: datetime | None, end: datetime | None) -> str:
    """How long from one moment to the other, or until now: "3 min"; a dash when it has not begun."""
    if begin is None:
        return "–"
    seconds = ((end or datetime.now(UTC)) - begin).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"


@register.filter
def due(when: datetime) -> str:
    """When something that is scheduled comes: "in 3 hours", or "now" when its time has come."""
    return ago(when) if when > datetime.now(UTC) else "now"
