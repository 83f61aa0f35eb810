"""Which storage a site has: chosen by the scheme of its backend URL, names mapped by the site's rules."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import polars as pl

from fileops.errors import StorageError
from fileops.storage.base import Storage
from fileops.storage.local import LocalStorage
from inventory.paths import PathError, pfn
from inventory.snapshot import Snapshot


def storage_for(snapshot: Snapshot, site: str) -> Storage:
    """The storage of ``site``; raises :class:`StorageError` (EPROTONOSUPPORT, ENODEV) when it has none that we can use."""
    row = snapshot.row("sites", site)
    if row is None:
        raise StorageError(errno.ENODEV, f"site {site!r} is not in the inventory", site)
    backend = str(row["backend"])
    protocol = urlsplit(backend).scheme
    rules = snapshot.frame("path_rules").filter(pl.col("site_id") == row["site_id"])
    if rules.filter(pl.col("protocol") == protocol).is_empty():
        return storage_of(site, backend)
    return storage_of(site, backend, lambda lfn: _by_rules(rules, row, lfn, protocol))


def storage_of(site: str, backend: str, locate: Callable[[str], str] | None = None) -> Storage:
    """The storage at the URL ``backend``; ``locate`` maps an LFN to a path below the root (default: the LFN itself)."""
    url = urlsplit(backend)
    if url.scheme == "file" and not url.netloc and url.path.startswith("/"):
        return LocalStorage(site, Path(unquote(url.path)), locate or _same)
    if url.scheme in ("root", "roots", "xroot", "xroots") and url.netloc:
        from fileops.storage.xrootd import XrootdStorage

        return XrootdStorage(site, backend, locate or _same)
    raise StorageError(
        errno.EPROTONOSUPPORT,
        f"the backend of {site} is {backend!r}; one like file:///path or root://host:port/ is wanted",
        site,
    )


def _by_rules(rules: pl.DataFrame, row: Mapping[str, Any], lfn: str, protocol: str) -> str:
    """The path below the backend's root that the site's rules give; EINVAL when they lead elsewhere."""
    site, backend = str(row["name"]), str(row["backend"])
    try:
        found, root = urlsplit(pfn(rules, row, lfn, protocol)), urlsplit(backend)
    except PathError as error:
        raise StorageError(errno.EINVAL, str(error), site) from error
    path, below = found.path.lstrip("/"), f"{root.path.strip('/')}/".lstrip("/")
    if found.netloc != root.netloc or not path.startswith(below):
        raise StorageError(
            errno.EINVAL, f"the rules of {site} map {lfn} to {found.geturl()}, not below {backend}", site
        )
    return path.removeprefix(below)


def _same(lfn: str) -> str:
    return lfn
