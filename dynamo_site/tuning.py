"""All settings that operators can tune, of all components: names, defaults and descriptions, from their dataclasses."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, get_type_hints

from consistency.settings import ConsistencySettings
from dealer.settings import DealerSettings
from detox.settings import DetoxSettings
from fileops.settings import FileopsSettings
from inventory.settings import InventorySettings
from inventory.tuning import with_values
from registry.settings import RegistrySettings
from scheduler.settings import SchedulerSettings

DECLARATIONS: dict[str, type[Any]] = {
    "consistency": ConsistencySettings, "dealer": DealerSettings, "detox": DetoxSettings, "fileops": FileopsSettings,
    "inventory": InventorySettings, "registry": RegistrySettings, "scheduler": SchedulerSettings,
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """One setting; ``default`` as JSON, as it is written in the form."""

    component: str
    name: str
    default: str
    kind: str


@cache
def known() -> dict[tuple[str, str], Setting]:
    """Every setting by component and name."""
    found = {}
    for component, declaration in DECLARATIONS.items():
        hints, defaults = get_type_hints(declaration), declaration()
        for field in dataclasses.fields(declaration):
            default = json.dumps(getattr(defaults, field.name), default=list)
            kind = str(getattr(hints[field.name], "__name__", hints[field.name]))
            kind = str(hints[field.name]) if "[" in str(hints[field.name]) else kind
            found[component, field.name] = Setting(component, field.name, default, kind)
    return found


def description(component: str) -> str:
    """What the settings of a component mean: its dataclass's docstring and those under its fields."""
    declaration = DECLARATIONS[component]
    told = [inspect.cleandoc(declaration.__doc__ or ""), *_of_fields(declaration)]
    return " ".join(" ".join(told).replace("``", "").split())


def _of_fields(declaration: type[Any]) -> list[str]:
    body = ast.parse(inspect.getsource(declaration)).body[0].body  # type: ignore[attr-defined]
    found = []
    for field, below in pairwise(body):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            found.append(f"{field.target.id}: {below.value.value}")
    return found


def check(component: str, name: str, value: Any, others: dict[str, Any]) -> None:
    """Raise ValueError (TuningError or a component's SettingsError) unless the value, beside the others, can be used."""
    if (component, name) not in known():
        raise ValueError(f"{component}.{name}: no such setting")
    with_values(component, DECLARATIONS[component], {**others, name: value})
