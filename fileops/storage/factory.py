"""Which storage a site has: chosen by the scheme of its backend URL, names mapped by the site's rules."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fileops.errors import StorageError
from fileops.storage.base import Storage
from fileops.storage.local import LocalStorage
from inventory.snapshot import Snapshot


def storage_for(snapshot: Snapshot, site: str) -> Storage:
    """The storage of ``site``; raises :class:`StorageError` (EPROTONOSUPPORT, ENODEV) when it has none that we can use."""
    row = snapshot.row("sites", site)
    if row is None:
        raise StorageError(errno.ENODEV, f"site {site!r} is not in the inventory", site)
    return storage_of(site, str(row["backend"]))


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


def _same(lfn: str) -> str:
    return lfn
