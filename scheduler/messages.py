"""The message that brought a task, in a worker."""

from __future__ import annotations

from typing import Any

from celery.worker.request import Request


class LastingRequest(Request):  # type: ignore[misc]
    """A message that may be acknowledged after the connection it came over is gone, for cycles outlast restarts of Redis.

    Celery then meets a channel without connection and would end the worker; here that is logged. The message comes
    again after the redelivery time, and its job is known.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connection_errors = (*self.connection_errors, AttributeError)
