"""Time expressions as GNU ``date -u -d`` reads them: ``90 days ago``, ``last monday``, ``2019-06-04 12:00``, ``@1700000000``.

Calendar dates and times of day are read by dateutil. What GNU does differently from it is here: relative items, days of
the week, two-digit years, and months that overflow (one month after January 31 is March 3).
"""

from __future__ import annotations

import calendar
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dateutil import parser as dateutil_parser

from inventory.policy.errors import TimeError

MAX_LENGTH = 200
_UNITS = {
    "year": ("months", 12), "month": ("months", 1), "fortnight": ("days", 14), "week": ("days", 7), "day": ("days", 1),
    "hour": ("seconds", 3600), "minute": ("seconds", 60), "min": ("seconds", 60), "second": ("seconds", 1),
    "sec": ("seconds", 1),
}  # fmt: skip
_ORDINALS = {
    "last": -1, "this": 0, "next": 1, "first": 1, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12,
}  # fmt: skip
_SHIFTS = {"now": 0, "today": 0, "tomorrow": 1, "yesterday": -1}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ZONES = {"utc": 0, "gmt": 0, "z": 0, "wet": 0, "bst": 1, "cet": 1, "cest": 2, "eet": 2, "eest": 3, "msk": 3, "jst": 9,
          "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}  # fmt: skip
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)\.?"
)
_PLAIN_UNIT = r"(?:year|month|fortnight|week|day|hour|minute|min|second|sec)s?\b"
_UNIT = r"(?P<unit>year|month|fortnight|week|day|hour|minute|min|second|sec)s?\b"
_AGO = r"(?P<ago>\s+ago\b)?"
_ITEMS = tuple((name, re.compile(pattern, re.ASCII)) for name, pattern in (
    ("date", r"\d{4}-\d{1,2}-\d{1,2}(?:t(?=\d)|(?![\d-]))"),
    ("date", r"\d{4}/\d{1,2}/\d{1,2}(?![\d/])"),
    ("american", r"(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?(?![\d/])"),
    ("named", rf"(?P<day>\d{{1,2}})[- ]?(?P<month>{_MONTH})(?![a-z])"
              r"(?:[-, ]+(?P<year>\d{4}(?![\d:])|(?<=-)\d{2}(?![\d:])"
              rf"|\d{{2}}(?![\d:])(?!\s*(?:[ap]\.?m\b|{_PLAIN_UNIT}))))?"),
    ("named", rf"(?P<month>{_MONTH})[- ]*(?P<day>\d{{1,2}})(?![\d:])(?:,?\s+(?P<year>\d{{4}})(?![\d:]))?"),
    ("time", r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[ap]\.?m\b\.?)?(?![\d:])"),
    ("time", r"\d{1,2}\s*[ap]\.?m\b\.?"),
    ("relative", rf"(?P<sign>[+-])?\s*(?P<number>\d{{1,9}})\s*{_UNIT}{_AGO}"),
    ("relative", rf"(?P<ordinal>{'|'.join(_ORDINALS)})\s+{_UNIT}{_AGO}"),
    ("relative", rf"{_UNIT}{_AGO}"),
    ("shift", rf"(?P<shift>{'|'.join(_SHIFTS)})\b"),
    ("weekday", rf"(?:(?P<ordinal>{'|'.join(_ORDINALS)})\s+|(?P<count>\d{{1,4}})\s+)?"
                r"(?P<day>mon|tue|wed|thu|fri|sat|sun|tues|wednes|thur|thurs|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b\.?"),
    ("zone", rf"(?P<zone>{'|'.join(_ZONES)})\b"),
    ("number", r"\d{1,8}(?![\d:])"),
))  # fmt: skip
_OFFSET = re.compile(r"\s*(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?(?![\d:])", re.ASCII)
_EPOCH = re.compile(r"@\s*(?P<seconds>[+-]?\d{1,15}(?:\.\d{1,9})?)", re.ASCII)
_SEPARATOR = re.compile(r"[\s,]*")


@dataclass
class _Parts:
    """What an expression has said so far; a kind of item that may stand once only is in ``seen``."""

    seen: set[str] = field(default_factory=set)
    relative: bool = False
    date: datetime | None = None
    clock: timedelta = timedelta()
    weekday: tuple[int, int] | None = None
    offset: timedelta = timedelta()
    months: int = 0
    days: int = 0
    seconds: int = 0


@lru_cache(maxsize=4096)
def parse_time(text: str, now: int) -> int:
    """UTC seconds of a time expression; relative ones count from ``now``. Raises :class:`TimeError`."""
    expression = text.strip().lower()
    if not expression or len(expression) > MAX_LENGTH:
        raise _unreadable(text, "a time is expected" if not expression else "it is too long")
    if epoch := _EPOCH.fullmatch(expression):
        return math.floor(float(epoch["seconds"]))
    start = datetime.fromtimestamp(now, UTC)
    try:
        return _instant(_parts(text, expression, start), start)
    except (OverflowError, ValueError) as error:
        raise _unreadable(text, str(error)) from None


def _unreadable(text: str, why: str) -> TimeError:
    return TimeError(
        f"cannot read the time {text[:60]!r}: {why}; write e.g. `90 days ago`, `last monday`, `January 1`, `2019-06-04 12:00`"
    )


def _parts(text: str, expression: str, start: datetime) -> _Parts:
    parts, position = _Parts(), 0
    while position < len(expression):
        for kind, pattern in _ITEMS:
            if match := pattern.match(expression, position):
                _take(kind, match, parts, start)
                # Right after a time of day a signed number is a time zone, whatever follows.
                if kind == "time" and match[0][-1].isdigit() and (zone := _OFFSET.match(expression, match.end())):
                    match = zone
                    _take("offset", match, parts, start)
                break
        else:
            raise _unreadable(text, f"{expression[position:].split()[0][:30]!r} is not understood")
        gap = _SEPARATOR.match(expression, match.end())
        position = gap.end() if gap else match.end()
    return parts


def _take(kind: str, match: re.Match[str], parts: _Parts, start: datetime) -> None:
    """Add one item; raises ValueError for what may stand only once."""
    if kind == "number":
        kind = _number_kind(match[0], parts)
    if kind in ("relative", "shift"):
        return _take_relative(match, parts)
    slot = {"american": "date", "named": "date", "offset": "zone"}.get(kind, kind)
    if slot in parts.seen:
        raise ValueError(f"a second {slot} ({match[0].strip()!r})")
    parts.seen.add(slot)
    if slot == "date":
        parts.date = _date(kind, match, start)
        parts.seen |= {"year"} if match.groupdict().get("year", match[0]) else set()
    elif slot == "year" and parts.date:
        parts.date = parts.date.replace(year=int(match[0]))
    elif slot == "time":
        parts.clock = _clock(match[0])
    elif slot == "weekday":
        ordinal = _ORDINALS[match["ordinal"]] if match["ordinal"] else int(match["count"] or 0)
        parts.weekday = (_weekday(match["day"]), ordinal)
    elif kind == "zone":
        parts.offset = timedelta(hours=_ZONES[match["zone"]])
    elif kind == "offset":
        parts.offset = _offset(match)
    return None


def _number_kind(digits: str, parts: _Parts) -> str:
    """A bare number is a year after a date, a date of five digits or more (YYYYMMDD), else a time of day (HH or HHMM)."""
    if parts.date and "year" not in parts.seen and not parts.relative and ("time" in parts.seen or len(digits) > 2):
        return "year"
    return "date" if len(digits) > 4 else "time"


def _take_relative(match: re.Match[str], parts: _Parts) -> None:
    parts.relative = True
    groups = match.groupdict()
    if groups.get("shift"):
        parts.days += _SHIFTS[groups["shift"]]
        return
    count = _ORDINALS[groups["ordinal"]] if groups.get("ordinal") else int(groups.get("number") or 1)
    count *= (-1 if groups.get("sign") == "-" else 1) * (-1 if groups["ago"] else 1)
    name, factor = _UNITS[groups["unit"]]
    setattr(parts, name, getattr(parts, name) + count * factor)


def _offset(match: re.Match[str]) -> timedelta:
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    if offset > timedelta(hours=24):
        raise ValueError(f"no time zone {match[0].strip()}")
    return -offset if match["sign"] == "-" else offset


def _date(kind: str, match: re.Match[str], start: datetime) -> datetime:
    if kind in ("american", "named"):
        day, month, year = int(match["day"]), match["month"], _year(match["year"], start)
        number = int(month) if kind == "american" else _by_dateutil(f"1 {month.rstrip('.')} 2000").month
    elif match[0].isdigit():
        year, number, day = int(match[0][:-4]), int(match[0][-4:-2]), int(match[0][-2:])
    else:
        year, number, day = (int(part) for part in match[0].rstrip("t").replace("/", "-").split("-"))
    return datetime(year, number, day)  # noqa: DTZ001 - only year, month and day are used


def _year(digits: str | None, start: datetime) -> int:
    if digits is None:
        return start.year
    return int(digits) if len(digits) > 2 else int(digits) + (1900 if int(digits) > 68 else 2000)


def _by_dateutil(text: str) -> datetime:
    moment = dateutil_parser.parse(text)
    if not isinstance(moment, datetime):
        raise ValueError(f"dateutil gave {moment!r}")
    return moment


def _clock(text: str) -> timedelta:
    if text.isdigit():
        text = f"{text}:00" if len(text) < 3 else f"{text[:-2]}:{text[-2:]}"
    if text[:2].isdigit() and int(text[:2]) > 23:
        raise ValueError(f"no hour {text[:2]}")
    if text.rstrip(".").endswith("m") and not 1 <= int(re.split(r"\D", text)[0]) <= 12:
        raise ValueError(f"no hour of twelve in {text!r}")
    time = _by_dateutil(text.replace(",", ".").replace(".m", "m").removesuffix("m.").strip())
    return timedelta(hours=time.hour, minutes=time.minute, seconds=time.second)


def _weekday(name: str) -> int:
    return next(number for number, full in enumerate(_WEEKDAYS) if full.startswith(name[:3]))


def _instant(parts: _Parts, start: datetime) -> int:
    """The moment meant: date (with months that overflow), then the time of day, then hours, minutes and seconds."""
    day = parts.date or start
    keeps_clock = parts.relative and not {"date", "weekday"} & parts.seen
    if "time" in parts.seen:
        clock = parts.clock
    elif keeps_clock:
        clock = timedelta(hours=start.hour, minutes=start.minute, seconds=start.second)
    else:
        clock = timedelta()
    if parts.weekday and not parts.date:
        wanted, ordinal = parts.weekday
        ahead = (wanted - day.weekday()) % 7
        day += timedelta(days=ahead + 7 * (ordinal - (1 if ordinal > 0 and ahead else 0)))
    year, month = divmod(day.year * 12 + day.month - 1 + parts.months, 12)
    moment = datetime(year, month + 1, 1, tzinfo=UTC) + timedelta(days=day.day - 1 + parts.days) + clock - parts.offset
    return calendar.timegm((moment + timedelta(seconds=parts.seconds)).timetuple())
