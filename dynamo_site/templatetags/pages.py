"""Template tags of the pages."""

from __future__ import annotations

from typing import Any

from django import template

from dynamo_site.pages import shell

register = template.Library()


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """This page's parameters with some of them changed, as ``?…``."""
    return shell.query(context["request"], **changes)


@register.filter
def item(mapping: dict[str, Any], key: str) -> Any:
    """The value of a key that is only known in the template; None where there is none."""
    return mapping.get(key)


@register.filter
def pairs(mapping: dict[str, Any] | None) -> list[tuple[str, Any]]:
    """Names and values; a template would take ``.items`` for a key of that name."""
    return list((mapping or {}).items())


@register.filter
def plain(value: Any) -> str:
    """A value from JSON as people write it: lists and objects with commas, nothing as a dash."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(plain, value))
    return "–" if value is None else str(value)
