"""What operators tune: typed settings with defaults in code, overridden by rows that the admin pages edit.

Each component declares a frozen dataclass in its ``settings.py`` and reads it with :func:`tuned` at an edge (a task,
a command, a view); pure functions get the dataclass.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)
else:
    Settings = TypeVar("Settings")


class TuningError(ValueError):
    """A tuned value that cannot be used; the text says which, why, and what is expected."""


def tuned(component: str, declaration: type[Settings]) -> Settings:
    """The settings of ``component``: defaults of ``declaration`` with the database's values over them."""
    from inventory.models import TunedSetting

    rows = TunedSetting.objects.filter(component=component).values_list("name", "value")
    return with_values(component, declaration, dict(rows))


def with_values(component: str, declaration: type[Settings], values: dict[str, Any]) -> Settings:
    """``declaration`` with ``values`` over its defaults; raises :class:`TuningError` naming what is wrong."""
    hints = get_type_hints(declaration)
    for name, value in values.items():
        if name not in hints:
            raise TuningError(f"{component}.{name}: no such setting; there are {', '.join(sorted(hints))}")
        if not _fits(value, hints[name]):
            raise TuningError(f"{component}.{name}: {value!r} is not of type {hints[name]}")
    return declaration(**{name: _converted(value, hints[name]) for name, value in values.items()})


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if origin in (tuple, list):
        return isinstance(value, list) and all(_fits(item, get_args(hint)[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, get_args(hint)[1]) for item in value.values())
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if hint is float else hint)


def _converted(value: Any, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return tuple(value)
    return float(value) if hint is float else value
