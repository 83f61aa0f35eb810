"""The table of docs/classic-interface.md, made from the endpoints' own declarations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from registry.classic.envelope import ENDPOINTS, Declaration
from registry.classic.parameters import Parameter

_GENERATED = re.compile(r"(<!-- generated: endpoints -->\n).*?(<!-- end -->)", re.DOTALL)
_ROOT = "data/"


def filled(page: str) -> str:
    """The page with its table of endpoints made anew."""
    rows = "\n".join(_row(path, *found) for path, found in sorted(_endpoints().items()))
    table = f"| path under `/data/` | who | parameters | what |\n| --- | --- | --- | --- |\n{rows}\n"
    return _GENERATED.sub(lambda match: match[1] + table + match[2], page)


def _endpoints() -> dict[str, tuple[str, Declaration]]:
    """What each endpoint does and how it is declared, by its path."""
    found = {}
    for path, view in _views("", get_resolver().url_patterns):
        if path.startswith(_ROOT) and view in ENDPOINTS:
            says = (view.__doc__ or "").strip().splitlines()
            found[path.removeprefix(_ROOT)] = (says[0] if says else "", ENDPOINTS[view])
    return found


def _views(prefix: str, patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, object]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(path, pattern.url_patterns)
        else:
            yield path, pattern.callback


def _row(path: str, says: str, declaration: Declaration) -> str:
    who = "anyone"
    if declaration.role:
        who = f"{declaration.role[0]} on {declaration.role[1]}"
    elif declaration.changes:
        who = "known users"
    parameters = [_parameter(parameter) for parameter in declaration.parameters]
    if declaration.document:
        parameters.insert(0, "JSON body")
    return f"| `{path}` | {who} | {', '.join(parameters)} | {says} |"


def _parameter(parameter: Parameter) -> str:
    kind = "" if parameter.kind == "text" else f" ({parameter.kind})"
    return f"**{parameter.name}**{kind}" if parameter.required else f"{parameter.name}{kind}"
