"""The table of docs/access.md: every address, and who may use it, made from the declarations that calls are let through by."""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry import access
from registry.access import Access, Address

_GENERATED = re.compile(r"(<!-- generated: access -->\n).*?(<!-- end -->)", re.DOTALL)
_ADMIN = "admin/"
_CLASSIC = ("registry/", "phedexdata/")


def filled(page: str) -> str:
    """The page with its table made anew."""
    rows = "\n".join(_row(route, allowed) for route, allowed in sorted(_rows()))
    table = f"| address | reading | changing | |\n| --- | --- | --- | --- |\n{rows}\n"
    return _GENERATED.sub(lambda match: match[1] + table + match[2], page)


def _rows() -> Iterator[tuple[str, Access]]:
    """Addresses by their routes; those of the administration are one row, those of the classic interface stand once."""
    seen = set()
    for address in access.addresses():
        route = shown(address)
        if address.access is not None and not address.route.startswith(_CLASSIC) and route not in seen:
            seen.add(route)
            yield route, address.access


def shown(address: Address) -> str:
    """The address as people write it."""
    if address.route.startswith(_ADMIN) and address.name != "admin-login":
        return "/admin/…"
    route = re.sub(r"\(\?:([a-z|]+)\)", r"\1", address.route)
    route = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
    return f"/{re.sub(r'[$^]', '', route)}".replace("|", " or ")


def _row(route: str, allowed: Access) -> str:
    note = f"{allowed.note}{'; ' if allowed.note and allowed.within else ''}{'within limits' if allowed.within else ''}"
    return f"| `{route}` | {access.words(allowed.read)} | {access.words(allowed.change)} | {note} |"
