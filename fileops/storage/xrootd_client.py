"""The XRootD client library: loaded when first needed, with time-outs under which a dead site is known in seconds."""

from __future__ import annotations

import errno
import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

from fileops.errors import StorageError, code_of_text

PARTIAL = 3
"""Status code of an answer that some servers did not contribute to."""

# The library's own defaults make a dead server hang for many minutes, and then refuse to look again for half an hour.
_ENVIRONMENT = {
    "ConnectionWindow": 5,
    "ConnectionRetry": 1,
    "RequestTimeout": 60,
    "StreamTimeout": 30,
    "StreamErrorWindow": 0,
    "TimeoutResolution": 1,
    "CPInitTimeout": 60,
    "CPTPCTimeout": 3600,
}

_SERVER_CODES = {
    3000: errno.EINVAL, 3001: errno.EINVAL, 3002: errno.ENAMETOOLONG, 3003: errno.EBUSY, 3004: errno.EBADF,
    3006: errno.EINVAL, 3007: errno.EIO, 3008: errno.ENOMEM, 3009: errno.ENOSPC, 3010: errno.EACCES, 3011: errno.ENOENT,
    3013: errno.EOPNOTSUPP, 3014: errno.EHOSTUNREACH, 3015: errno.ENOTBLK, 3016: errno.EISDIR, 3017: errno.ECANCELED,
    3018: errno.EEXIST, 3019: errno.EIO, 3020: errno.EINPROGRESS, 3021: errno.EDQUOT, 3024: errno.EBUSY,
    3025: errno.EROFS, 3029: errno.ENOENT, 3030: errno.EACCES, 3032: errno.ENOTEMPTY, 3034: errno.ETIMEDOUT,
    3035: errno.ETIMEDOUT,
}  # fmt: skip
_CLIENT_CODES = {
    9: errno.EINVAL, 13: errno.EOPNOTSUPP, 14: errno.EIO, 15: errno.EOPNOTSUPP, 16: errno.ENOENT, 101: errno.EHOSTUNREACH,
    102: errno.ECONNRESET, 103: errno.ETIMEDOUT, 104: errno.ECONNRESET, 107: errno.ECONNRESET, 108: errno.ECONNREFUSED,
    109: errno.ECONNRESET, 202: errno.ECONNRESET, 203: errno.EACCES, 204: errno.EACCES, 205: errno.EOPNOTSUPP,
    206: errno.ETIMEDOUT, 207: errno.ECANCELED, 304: errno.ENOENT, 305: errno.EIO, 306: errno.ELOOP,
}  # fmt: skip
_ERROR_RESPONSE = 400
_OS_ERROR = 12
# The server's word for "some error of my file system": the text tells which.
_UNSPECIFIC = frozenset({3005, 3012})


@functools.cache
def client(site: str) -> Any:
    """The module ``XRootD.client``; raises :class:`StorageError` that says what to install when there is none.

    Not to be used in a process that forks afterwards: the library's threads do not survive it.
    """
    try:
        library: Any = importlib.import_module("XRootD.client")
    except ImportError as error:
        text = (
            f"{site} is an XRootD site, and the XRootD client is not installed here ({error}): "
            "pip install 'dynamo-data-management[xrootd]'"
        )
        raise StorageError(errno.EPROTONOSUPPORT, text, site) from error
    for name, value in _ENVIRONMENT.items():
        library.EnvPutInt(name, value)
    return library


def seconds(timeout: float) -> int:
    """The library counts whole seconds, and 0 means its default."""
    return max(1, math.ceil(timeout))


def error_of(status: Any, lfn: str, site: str) -> StorageError:
    """The error that a status of the library tells about ``lfn``."""
    text = str(status.message).strip()
    return StorageError(_code(status, text), f"{lfn}: {text}", site)


def _code(status: Any, text: str) -> int:
    if status.code == _ERROR_RESPONSE:
        if status.errno in _UNSPECIFIC:
            return code_of_text(text)
        return _SERVER_CODES.get(status.errno) or code_of_text(text)
    if status.code == _OS_ERROR and status.errno:
        return int(status.errno)
    return _CLIENT_CODES.get(status.code) or code_of_text(text)


def stopping_handler(stopped: Callable[[], bool]) -> Any:
    """A handler of copies that ends them when ``stopped()`` becomes true."""
    utilities: Any = importlib.import_module("XRootD.client.utils")

    class Handler(utilities.CopyProgressHandler):  # type: ignore[misc]
        def should_cancel(self, jobId: int) -> bool:  # noqa: N803 - the library's name
            return stopped()

    return Handler()
