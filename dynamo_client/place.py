"""Where the server is and who the user is: options, then environment, then the user's files."""

from __future__ import annotations

import os
from pathlib import Path

from dynamo_client.errors import DynamoError

DEFAULT_URL = "http://127.0.0.1:8000"


def configuration_directory() -> Path:
    """Where the user keeps ``token`` and ``url``: ``~/.config/dynamo``."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "dynamo"


def server_url(given: str | None = None) -> str:
    """The server's address: ``given``, DYNAMO_URL, the file ``url``, or one on this machine."""
    return given or os.environ.get("DYNAMO_URL") or _content("url") or DEFAULT_URL


def user_token() -> str:
    """The bearer token: DYNAMO_TOKEN or the file ``token``; empty when there is none."""
    return os.environ.get("DYNAMO_TOKEN", "").strip() or _content("token")


def _content(name: str) -> str:
    path = configuration_directory() / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise DynamoError(f"{path}: cannot be read: {error}") from None
