"""Which code an error text stands for, and whether another attempt can help."""

from __future__ import annotations

import errno

import pytest

from fileops.errors import PERMANENT_CODES, Kind, Side, StorageError, code_of_text, kind_of
from fileops.lifecycle import Event, Reason
from fileops.outcomes import decide
from fileops.settings import FileopsSettings

TEXTS = [
    ("globus_ftp_client: the operation was aborted, no performance marker received", "ETIMEDOUT"),
    ("DESTINATION OVERWRITE Connection timed out after 60 s", "ETIMEDOUT"),
    ("Destination file exists and overwrite is not enabled", "EEXIST"),
    ("[ERROR] Server responded with an error: [3018] File exists", "EEXIST"),
    ("No such file or directory", "ENOENT"),
    ("srm-ifce err: [SE][Ls][SRM_INVALID_PATH] No such file", "ENOENT"),
    ("File not found on any pool", "ENOENT"),
    ("User defined checksum and source checksum do not match", "EIO"),
    ("Source and destination checksum do not match: file exists with another", "EIO"),
    ("proxy expired", "EKEYEXPIRED"),
    ("The certificate has expired", "EKEYEXPIRED"),
    ("Permission denied on /store", "EACCES"),
    ("[SE][PrepareToPut][SRM_NO_FREE_SPACE] at pool", "ENOSPC"),
    ("NO_FREE_SPACE", "ENOSPC"),
    ("No space left on device", "ENOSPC"),
    ("connection limit exceeded", "EMFILE"),
    ("Read-only file system", "EROFS"),
    ("Connection refused", "ECONNREFUSED"),
    ("something nobody has seen", "EREMOTEIO"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name"), TEXTS)
def test_texts_become_codes(text: str, name: str) -> None:
    assert errno.errorcode[code_of_text(text)] == name
    assert errno.errorcode[code_of_text(text.upper())] == name


def test_the_permanent_codes_are_those_of_the_reference() -> None:
    names = (
        "ENOENT EPERM EACCES EEXIST EISDIR ENAMETOOLONG E2BIG ENOTDIR EFBIG ENOSPC EROFS EPROTONOSUPPORT ECANCELED EIO "
        "EMSGSIZE ENONET ENOKEY EKEYEXPIRED EKEYREJECTED ENETUNREACH ECOMM"
    )
    assert {getattr(errno, name) for name in names.split()} | {-1} == PERMANENT_CODES
    for name in ("ETIMEDOUT", "ECONNREFUSED", "EBUSY", "EMFILE", "EAGAIN", "EREMOTEIO", "EHOSTUNREACH"):
        assert kind_of(getattr(errno, name)) is Kind.TRANSIENT


def test_an_error_reads_as_transfer_services_write_them() -> None:
    error = StorageError(errno.ENOENT, "/store/a: no such file", "T2_X").at(Side.SOURCE)
    assert str(error) == "SOURCE [ENOENT] /store/a: no such file"


SETTINGS = FileopsSettings(retry_first=60, retry_longest=3600)

DECISIONS = [
    ("copy", Side.SOURCE, "ENOENT", Event.FAILED, "", False),
    ("copy", Side.SOURCE, "EIO", Event.FAILED, "", False),
    ("copy", Side.TRANSFER, "EIO", Event.FAILED, "", False),
    ("copy", Side.SOURCE, "ECONNREFUSED", Event.FAILED, "", True),
    ("copy", Side.DESTINATION, "ECONNREFUSED", Event.FAILED, "", True),
    ("copy", Side.DESTINATION, "ENETUNREACH", Event.FAILED, "", True),
    ("copy", Side.DESTINATION, "ENOSPC", Event.HOPELESS, Reason.DESTINATION_FULL, False),
    ("copy", Side.DESTINATION, "EDQUOT", Event.HOPELESS, Reason.DESTINATION_FULL, False),
    ("copy", Side.DESTINATION, "EROFS", Event.HOPELESS, Reason.DESTINATION_REFUSES, False),
    ("copy", Side.DESTINATION, "EACCES", Event.HOPELESS, Reason.DESTINATION_REFUSES, False),
    ("copy", Side.DESTINATION, "ENOENT", Event.FAILED, "", True),
    ("copy", Side.SOURCE, "ENOSPC", Event.FAILED, "", False),
    ("copy", Side.DESTINATION, "EINVAL", Event.HOPELESS, Reason.BAD_NAME, False),
    ("delete", Side.DESTINATION, "EACCES", Event.HOPELESS, Reason.DESTINATION_REFUSES, False),
    ("delete", Side.DESTINATION, "ETIMEDOUT", Event.FAILED, "", True),
    ("delete", Side.DESTINATION, "EISDIR", Event.HOPELESS, Reason.DESTINATION_REFUSES, False),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "side", "code", "event", "reason", "waits"), DECISIONS)
def test_what_follows_from_a_failure(
    operation: str, side: Side, code: str, event: Event, reason: str, waits: bool
) -> None:
    step = decide(operation, StorageError(getattr(errno, code), "", "A", side), 1, SETTINGS)
    assert (step.event, step.reason, step.wait > 0) == (event, reason, waits)


def test_each_failure_waits_longer_up_to_a_limit() -> None:
    error = StorageError(errno.ETIMEDOUT, "", "A", Side.SOURCE)
    waits = [decide("copy", error, number, SETTINGS).wait for number in (1, 2, 3, 7, 5000)]
    assert waits == [60, 120, 240, 3600, 3600]
