"""The generated parts of the documentation, each made from the code's own declarations.

A page marks where they stand: ``<!-- generated: NAME -->`` … ``<!-- end -->``. ``manage.py write_docs`` fills them in, tests compare.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dynamo_client.command import reference as client
from dynamo_site.reference import commands, environment, lifecycles, settings

PARTS: dict[str, Callable[[], str]] = {
    "environment": environment.table,
    "tuned settings": settings.tables,
    "schedules": settings.schedules,
    "manage commands": commands.manage,
    "client commands": client.manual,
    "file operation states": lifecycles.file_operations,
    "request states": lifecycles.requests,
    "action states": lifecycles.actions,
}
"""What makes the text of each part, by the name that pages use."""

_PART = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """The page with those of its generated parts made anew that are named here."""
    return _PART.sub(lambda found: found[1] + PARTS[found[2]]() + found[3] if found[2] in PARTS else found[0], page)
