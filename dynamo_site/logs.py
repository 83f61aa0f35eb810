"""Structured logs: one JSON object a line for machines, aligned colours for a person at a terminal.

Everything goes through it: structlog's loggers and those of the standard library (Django, Celery). A line carries
the bound context (run, application); what looks like a secret is hidden, whoever logged it.
"""

from __future__ import annotations

import io
import logging
import re
import sys
import textwrap
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|authorization|cookie|api_?key|private_?key|credential", re.I
)
_IN_TEXT = (
    (re.compile(r"(\b\w+://[^/\s:@]*):[^/\s@]+@"), r"\1:" + HIDDEN + "@"),
    (re.compile(r"(?i)\b(bearer|basic|token)\s+[\w.~+/=-]{8,}"), r"\1 " + HIDDEN),
    (re.compile(r"(?i)\b(password|secret|token|authz|access_token)=[^\s&\"']+"), r"\1=" + HIDDEN),
)
_LONGEST_TEXT = 10_000
_SERVICES = frozenset({"worker", "beat", "run_task", "inventory_server", "runserver"})


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: values of telling names, and credentials within texts, are hidden; long texts are cut."""
    return {name: _cleaned(name, value) for name, value in event.items()}


def _cleaned(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cleaned(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(name, item) for item in value]
    if not isinstance(value, str):
        return value
    if _SECRET_NAME.search(name):
        return HIDDEN
    # Cut first, with room for what is hidden: to look through millions of characters takes long.
    shown = value[: 2 * _LONGEST_TEXT]
    for pattern, replacement in _IN_TEXT:
        shown = pattern.sub(replacement, shown)
    if len(value) <= _LONGEST_TEXT:
        return shown
    return f"{shown[:_LONGEST_TEXT]}… ({len(value)} characters)"


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_structlog() -> None:
    """Have structlog's loggers go through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class OutputHandler(logging.StreamHandler[TextIO]):
    """Writes services' logs to standard output and commands' to standard error, where they do not mix with the answer."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Looked up for each line: tests and servers exchange the streams."""
        return sys.stderr if _is_command(sys.argv) else sys.stdout


def _is_command(arguments: list[str]) -> bool:
    """Whether a person's command runs (manage.py NAME), as opposed to a service."""
    return Path(arguments[0]).name == "manage.py" and len(arguments) > 1 and arguments[1] not in _SERVICES


def logging_settings(form: str, level: str) -> dict[str, Any]:
    """Django's ``LOGGING``. ``form``: json, text, or auto (text at a terminal)."""
    if form not in ("json", "text", "auto"):
        raise ValueError(f"DYNAMO_LOG_FORMAT={form}: choose one of json, text, auto")
    as_text = form == "text" or (form == "auto" and sys.stdout.isatty())
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": {"()": structlog.stdlib.ProcessorFormatter, **_formatter(as_text)}},
        "handlers": {"output": {"()": OutputHandler, "formatter": "structured"}},
        "root": {"handlers": ["output"], "level": level},
        # Django's own would write a second time.
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True, "level": "INFO"},
            # Two lines for each small task would drown the rest; jobs are logged by the scheduler.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }


def one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor for text: what others have sent can neither begin a line of its own nor steer the terminal.

    Values besides the event are quoted where needed by what renders them.
    """
    return {name: _escaped(value) if name in ("event", "logger") else value for name, value in event.items()}


def _escaped(value: Any, also: str = "") -> str:
    return "".join(one if one.isprintable() or one in also else repr(one)[1:-1] for one in str(value))


def _traceback(stream: TextIO, info: Any) -> None:
    """Python's own, moved to the right, so that none of its lines looks like one of the log."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, info)
    stream.write(textwrap.indent(_escaped(text.getvalue(), "\n"), "    "))


def _formatter(as_text: bool) -> dict[str, Any]:
    prepare = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_text:
        last: list[Any] = [
            hide_secrets,
            one_line,
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=_traceback),
        ]
    else:
        last = [
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return {"processors": [*prepare, *last], "foreign_pre_chain": _SHARED}
