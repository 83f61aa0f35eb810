"""The tables of tuned settings, from the components' dataclasses, and of schedules, from their declarations."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
from itertools import pairwise
from typing import Any

from scheduler import schedules as declarations

DECLARATIONS: dict[str, str] = {
    "inventory": "inventory.settings:InventorySettings", "scheduler": "scheduler.settings:SchedulerSettings",
    "registry": "registry.settings:RegistrySettings", "fileops": "fileops.settings:FileopsSettings",
    "detox": "detox.settings:DetoxSettings", "dealer": "dealer.settings:DealerSettings",
    "consistency": "consistency.settings:ConsistencySettings",
}  # fmt: skip
"""Where the settings of each component are declared."""

_NAMED = re.compile(r"((?:``\w+``(?: \([^)]*\))?,? ?)+): (.*?)(?=``\w+``(?: \([^)]*\))?(?:,|:)|$)", re.DOTALL)


def declaration(component: str) -> type[Any]:
    """The dataclass of a component's settings."""
    module, _, name = DECLARATIONS[component].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), name)
    return found


def tables() -> str:
    """One table for each component."""
    return "\n".join(f"### {component}\n\n{_table(declaration(component))}" for component in DECLARATIONS)


def _table(settings: type[Any]) -> str:
    says = meanings(settings)
    rows = [
        f"| `{field.name}` | {_type(field.type)} | {_default(getattr(settings(), field.name))} | {says.get(field.name, '')} |"
        for field in dataclasses.fields(settings)
    ]
    return "\n".join(["| name | type | default | what |", "| --- | --- | --- | --- |", *rows]) + "\n"


def meanings(settings: type[Any]) -> dict[str, str]:
    """What each setting is for: the text after its declaration, else what the class says after ````name````:."""
    says = {}
    for names, text in _NAMED.findall(inspect.cleandoc(settings.__doc__ or "").replace("\n", " ")):
        for name in re.findall(r"``(\w+)``", names):
            says[name] = _sentence(text)
    (tree,) = ast.parse(inspect.cleandoc(inspect.getsource(settings))).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for field, after in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            says[ast.unparse(field.target)] = _sentence(str(after.value.value))
    return says


def _sentence(text: str) -> str:
    one = " ".join(text.split()).rstrip(".;, ").replace("``", "`").replace("|", "\\|")
    return one[:1].upper() + one[1:]


def _type(declared: Any) -> str:
    words = {"str": "text", "float": "number", "int": "whole number", "bool": "true/false"}
    return words.get(str(declared), "list of texts" if "tuple" in str(declared) else "object name → number")


def _default(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"`{name}`: {number:g}" for name, number in value.items()) or "none"
    if isinstance(value, bool) or value == "":
        return {True: "true", False: "false"}.get(value, "empty")
    return f"{value:_}".replace("_", " ").removesuffix(".0") if isinstance(value, int | float) else f"`{value}`"


def schedules() -> str:
    """The schedules that ``setup_schedules`` enters."""
    rows = [f"| `{one.name}` | {_every(one.every)} | {_purpose(one.task)} |" for one in declarations.declared()]
    return "\n".join(["| task | every | what |", "| --- | --- | --- |", *rows]) + "\n"


def _purpose(task: str) -> str:
    from celery import current_app

    return _sentence((inspect.getdoc(current_app.tasks[task].run) or "").split("\n")[0])


def _every(seconds: int) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
