"""The kinds of sources and their configuration."""

from __future__ import annotations

import dataclasses
import inspect
import json
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from inventory.sources.base import kinds

HELP = "list the kinds of sources with what their configuration can say"


def add_arguments(parser: CommandParser) -> None:
    """As JSON or not."""
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """A paragraph a kind."""
    found = {name: _defaults(kind) for name, kind in sorted(kinds().items())}
    if options["json"]:
        out.write(json.dumps(found))
        return
    for name, defaults in found.items():
        out.write(f"{name}: {json.dumps(defaults)}")
        out.write(f"    {inspect.cleandoc(kinds()[name].__doc__ or '')}")


def _defaults(kind: Any) -> dict[str, Any]:
    return json.loads(json.dumps({field.name: getattr(kind(), field.name) for field in dataclasses.fields(kind)}))  # type: ignore[no-any-return]
