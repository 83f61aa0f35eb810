"""The tables of docs/policy-language.md, made from the tables that the parser and the compiler read."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.policy.conditions import BY_TYPE
from inventory.policy.lint.findings import CODES
from inventory.policy.model import ACTIONS, OPERATORS
from inventory.policy.variables import VARIABLES, Variable

_PLACES = {"replica": "policy lines", "block": "partitions and rules", "site": "sites"}
BEGIN = "<!-- generated: {name} -->"
END = "<!-- end -->"


def tables() -> dict[str, str]:
    """Markdown tables by name: actions, operators, types, variables, site-variables, findings."""
    rows = sorted(
        VARIABLES.values(), key=lambda variable: ("dataset", "replica", "block", "site").index(variable.level)
    )
    of_sites = [variable for variable in rows if "site" in variable.contexts]
    of_replicas = [variable for variable in rows if variable.contexts != ("site",)]
    return {
        "actions": _table(
            ("action", "effect on what matches"), [(f"`{name}`", text) for name, text in ACTIONS.items()]
        ),
        "operators": _table(("operator", "meaning"), [(f"`{name}`", text) for name, text in _operators().items()]),
        "types": _table(("type", "operators"), [(kind, _codes(names)) for kind, names in BY_TYPE.items()]),
        "variables": _variables(of_replicas),
        "site-variables": _variables(of_sites),
        "findings": _table(
            ("code", "severity", "what", "what to do"),
            [(code, one.severity, one.title, one.advice) for code, one in CODES.items()],
        ),
    }


def filled(page: str) -> str:
    """The page with the text between each pair of marks made anew; raises ValueError when a mark is missing."""
    for name, table in tables().items():
        begin = BEGIN.format(name=name)
        start = page.index(begin) + len(begin)
        page = f"{page[:start]}\n{table}\n{page[page.index(END, start) :]}"
    return page


def _operators() -> dict[str, str]:
    named = {"true": "v", "not": "not v"}
    return {
        named.get(name, name): text.removeprefix("`v`: ").removeprefix("`not v`: ") for name, text in OPERATORS.items()
    }


def _codes(names: tuple[str, ...]) -> str:
    return " ".join(f"`{ {'true': 'v', 'not': 'not v'}.get(name, name) }`" for name in names)


def _variables(variables: list[Variable]) -> str:
    rows = [
        (
            f"`{variable.name}`",
            _type(variable),
            _where(variable),
            variable.description + (" ¹" if variable.volatile else ""),
        )
        for variable in variables
    ]
    return _table(("variable", "type", "where", "value"), rows)


def _type(variable: Variable) -> str:
    if variable.values:
        return " ".join(variable.values)
    return f"{variable.type}, {variable.unit}" if variable.unit not in ("", variable.type) else variable.type


def _where(variable: Variable) -> str:
    return ", ".join(_PLACES[context] for context in variable.contexts)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
