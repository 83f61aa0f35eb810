"""What can go wrong, one type per kind; ``exit_code`` is what the ``dynamo`` command ends with."""

from __future__ import annotations


class DynamoError(Exception):
    """Base of all; the text is for people."""

    exit_code = 1


class Refused(DynamoError):
    """The server says that what was asked is wrong (400, 404): the text says what and why. Nothing was changed."""


class Denied(DynamoError):
    """Not known to the server (401), or without the right (403)."""

    exit_code = 3


class CannotConnect(DynamoError):
    """No server answers at the address."""

    exit_code = 4


class Unavailable(DynamoError):
    """The server is there and cannot do it now (503, also after trying again), or failed (500)."""

    exit_code = 5
