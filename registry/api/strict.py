"""Fields of bodies and of queries: strict, so that a wrong type or an unknown name is told instead of guessed at.

A text is a text, a number a number: what JSON tells apart is not converted. In a query all values are texts; there a number has
to look like one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

LARGEST_ID = 2**63 - 1
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,18})", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)", re.IGNORECASE | re.ASCII)


class Text(serializers.CharField):
    """A text, taken as it is."""

    default_error_messages = {"type": "a text is expected, not {given}"}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "max_length": 255, **options})

    def to_internal_value(self, data: Any) -> str:
        """The text; nothing else is made one."""
        if not isinstance(data, str):
            raise _wrong(self, kind_of(data))
        return str(super().to_internal_value(data))


class Integer(serializers.IntegerField):
    """A whole number; in a query its digits."""

    default_error_messages = {"type": "a whole number is expected, not {given}"}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": LARGEST_ID, **options})

    def to_internal_value(self, data: Any) -> int:
        """The number; 5.0 and true are none."""
        if isinstance(data, int) and not isinstance(data, bool):
            return data
        if _in_query(self) and isinstance(data, str) and _INTEGER.fullmatch(data):
            return int(data)
        raise _wrong(self, repr(data[:40]) if isinstance(data, str) else kind_of(data))


class Number(serializers.FloatField):
    """A number."""

    default_error_messages = {"type": "a number is expected, not {given}"}

    def to_internal_value(self, data: Any) -> float:
        """The number; true is none."""
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise _wrong(self, kind_of(data))
        try:
            return float(data)
        except OverflowError:
            raise _wrong(self, "one that large") from None


class Boolean(serializers.BooleanField):
    """True or false; in a query ``true`` or ``false``."""

    default_error_messages = {"type": "true or false is expected, not {given}"}

    def to_internal_value(self, data: Any) -> bool:
        """The value; 1 and "yes" are none."""
        if isinstance(data, bool):
            return data
        if _in_query(self) and data in ("true", "false"):
            return bool(data == "true")
        raise _wrong(self, repr(data[:40]) if isinstance(data, str) else kind_of(data))


class Choice(serializers.ChoiceField):
    """One of a few texts."""

    def to_internal_value(self, data: Any) -> str:
        """The text."""
        if not isinstance(data, str) or data not in self.choices:
            raise serializers.ValidationError(f"one of {', '.join(map(str, self.choices))} is expected")
        return data


class Moment(serializers.DateTimeField):
    """A time with its offset from UTC, as RFC 3339 writes it."""

    def to_internal_value(self, data: Any) -> datetime:
        """The time in UTC."""
        if isinstance(data, str) and _MOMENT.fullmatch(data):
            with suppress(ValueError, OverflowError):
                return datetime.fromisoformat(data.upper().replace("Z", "+00:00")).astimezone(UTC)
        raise serializers.ValidationError("a time such as 2030-01-31T12:00:00Z is expected")


class Items(serializers.ListField):
    """A list; in a query the parameter comes several times."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 2000, **options})

    def to_internal_value(self, data: Any) -> list[Any]:
        """The list; one value of a query is a list of one."""
        if _in_query(self) and isinstance(data, str):
            data = [data]
        if not isinstance(data, list):
            raise serializers.ValidationError(f"a list is expected, not {kind_of(data)}")
        return list(super().to_internal_value(data))


class Object(serializers.DictField):
    """A JSON object of any form."""


class Strict(serializers.Serializer[Any]):
    """A serializer that refuses what it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        """The values; unknown names are told with what there is."""
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"body": [f"an object is expected, not {kind_of(data)}"]})
        known = [name for name, field in self.fields.items() if not field.read_only]
        says = f"there is no such field; there are {', '.join(known) or 'none'}"
        unknown = {str(name)[:100]: [says] for name in data if name not in known}
        if unknown:
            raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class Body(Strict):
    """What a request brings as JSON."""


class Query(Strict):
    """What the query of a request says."""


def values_of(query: Mapping[str, Sequence[str]], lists: Sequence[str]) -> dict[str, Any]:
    """The query as plain values: a list of those that are ``lists`` or come several times."""
    return {name: values if name in lists or len(values) != 1 else values[0] for name, values in query.items()}


def kind_of(value: Any) -> str:
    """What JSON calls a value's type."""
    kinds = (
        (bool, "true or false"), (str, "a text"), (int | float, "a number"), (list, "a list"), (Mapping, "an object"),
    )  # fmt: skip
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _wrong(field: Any, given: str) -> serializers.ValidationError:
    return serializers.ValidationError(field.error_messages["type"].format(given=given))


def _in_query(field: Any) -> bool:
    return isinstance(field.root, Query)
