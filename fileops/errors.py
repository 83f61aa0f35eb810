"""What can go wrong with a file at a site: a number (errno), a text, and whether trying again can help."""

from __future__ import annotations

import errno
import os
import re
from enum import StrEnum


class Kind(StrEnum):
    """Whether the same operation may succeed later by itself."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"


class Side(StrEnum):
    """Where an operation failed. A fault of the destination is not cured by another source."""

    SOURCE = "SOURCE"
    DESTINATION = "DESTINATION"
    TRANSFER = "TRANSFER"


NOT_SUBMITTED = -1

PERMANENT_CODES = frozenset(
    {
        NOT_SUBMITTED, errno.ENOENT, errno.EPERM, errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.E2BIG,
        errno.ENOTDIR, errno.EFBIG, errno.ENOSPC, errno.EROFS, errno.EPROTONOSUPPORT, errno.ECANCELED, errno.EIO,
        errno.EMSGSIZE, errno.ENONET, errno.ENOKEY, errno.EKEYEXPIRED, errno.EKEYREJECTED, errno.ENETUNREACH, errno.ECOMM,
    }
)  # fmt: skip
"""All other codes are transient: time-outs, connections, overload, staging, and what nobody has seen yet."""

UNREACHABLE_CODES = frozenset(
    {errno.ECONNREFUSED, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ECONNRESET}
)
"""The site itself does not answer, whatever file is asked for."""

FULL_CODES = frozenset({errno.ENOSPC, errno.EDQUOT})

# The first that matches decides: more telling texts stand before those that often come along with them.
_TEXTS = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (r"checksum", errno.EIO),
        (r"proxy (has )?expired|certificate (has )?expired|credentials? (has |have )?expired", errno.EKEYEXPIRED),
        (r"performance marker|connection timed out|timed? ?out|operation expired", errno.ETIMEDOUT),
        (r"file exists|overwrite is not enabled|already exists", errno.EEXIST),
        (r"no such file|srm_invalid_path|file not found|no such directory|path not found", errno.ENOENT),
        (r"permission denied|not authori[sz]ed|srm_authorization_failure", errno.EACCES),
        (r"no_?free_?space|no space left|disk quota exceeded|over ?quota|srm_exceed_allocation", errno.ENOSPC),
        (r"read-?only file ?system", errno.EROFS),
        (r"connection limit|too many (open files|connections)", errno.EMFILE),
        (r"connection refused", errno.ECONNREFUSED),
        (r"connection reset|broken pipe", errno.ECONNRESET),
        (r"no route to host|host is down", errno.EHOSTUNREACH),
        (r"network is unreachable", errno.ENETUNREACH),
        (r"directory not empty", errno.ENOTEMPTY),
        (r"is a directory", errno.EISDIR),
        (r"not a directory", errno.ENOTDIR),
        (r"file name too long", errno.ENAMETOOLONG),
        (r"protocol not supported", errno.EPROTONOSUPPORT),
        (r"canceled|cancelled", errno.ECANCELED),
        (r"overload|too busy|srm_internal_error", errno.EBUSY),
    )
)


class StorageError(Exception):
    """An operation on a site's storage failed; ``code`` is an errno, ``site`` the site that said so."""

    def __init__(self, code: int, text: str, site: str = "", side: Side = Side.TRANSFER) -> None:
        super().__init__(code, text, site, side)
        self.code = code
        self.text = text
        self.site = site
        self.side = side

    def __str__(self) -> str:
        return f"{self.side} [{code_name(self.code)}] {self.text}"

    def at(self, side: Side) -> StorageError:
        """The same error, told which end of an operation its site was."""
        return StorageError(self.code, self.text, self.site, side)

    @property
    def kind(self) -> Kind:
        return kind_of(self.code)


def kind_of(code: int) -> Kind:
    """Class of an error code."""
    return Kind.PERMANENT if code in PERMANENT_CODES else Kind.TRANSIENT


def code_of_text(text: str, default: int = errno.EREMOTEIO) -> int:
    """The errno that an error text of a storage or transfer service stands for; ``default`` when it is not known."""
    return next((code for pattern, code in _TEXTS if pattern.search(text)), default)


def code_name(code: int) -> str:
    """``ENOENT`` for 2; the number itself when it has no name."""
    return errno.errorcode.get(code, str(code))


def from_os_error(error: OSError, site: str) -> StorageError:
    """An operating system's error at ``site``."""
    code = error.errno or errno.EIO
    what = f"{error.filename}: " if error.filename else ""
    return StorageError(code, f"{what}{error.strerror or os.strerror(code)}", site)
