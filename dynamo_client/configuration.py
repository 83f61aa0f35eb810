"""Where the server is, and as whom to speak to it: options first, then the environment, then the user's TOML file.

The file is ``~/.config/dynamo/config.toml`` (or what DYNAMO_CONFIG names):

    url = "https://dynamo.example.org"
    token_file = "~/.config/dynamo/token"

    [profiles.test]                     # chosen by --profile test, or DYNAMO_PROFILE=test
    url = "https://dynamo-test.example.org"
    certificate = "/tmp/x509up_u1000"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from dynamo_client.errors import Misconfigured

DEFAULT_URL = "http://127.0.0.1:8000"


class Settings(TypedDict, total=False):
    """What a program can give instead of what is configured; None: as configured."""

    profile: str | None
    token: str | None
    token_file: str | None
    certificate: str | None
    key: str | None
    authorities: str | None
    timeout: float | None
    patience: float | None


@dataclass(frozen=True)
class Configuration:
    """All that can be configured; paths are those of files, empty: none. The file ``config.toml`` has the same names.

    ``token``: None: that of the file ``token_file``; empty: none, the server is asked as nobody.
    ``certificate``: a PEM file with a certificate, or a proxy with its key in it; ``key``: the certificate's key;
    ``authorities``: file or directory of certificates of authorities to believe besides the system's.
    """

    url: str = DEFAULT_URL
    token: str | None = None
    token_file: str = ""
    certificate: str = ""
    key: str = ""
    authorities: str = ""
    timeout: float = 60.0
    patience: float = 60.0

    @classmethod
    def read(cls, url: str | None = None, **settings: Unpack[Settings]) -> Self:
        """What is given here (None: not given), else what environment and file say."""
        given: dict[str, Any] = {"url": url, **settings}
        profile = given.pop("profile", None)
        if unknown := set(given) - NAMES:
            raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}")
        merged: dict[str, Any] = {}
        for layer in (_from_file(profile), _from_environment(), given):
            said = {name: value for name, value in layer.items() if value is not None}
            if "token_file" in said:
                # It is nearer than a token that is told farther away.
                merged.pop("token", None)
            merged |= said
        values = cls(**{name: _typed(name, value, "") for name, value in merged.items()})
        if not values.url.startswith(("http://", "https://")):
            raise Misconfigured(f"the server's address {values.url!r} begins neither with https:// nor with http://")
        return replace(values, url=values.url.rstrip("/"))


NAMES = frozenset(field.name for field in fields(Configuration))
_NUMBERS = {"timeout", "patience"}
ENVIRONMENT = {
    "url": ("DYNAMO_URL",),
    "token": ("DYNAMO_TOKEN", "BEARER_TOKEN"),
    "token_file": ("DYNAMO_TOKEN_FILE", "BEARER_TOKEN_FILE"),
    "certificate": ("DYNAMO_CERTIFICATE", "X509_USER_PROXY", "X509_USER_CERT"),
    "key": ("DYNAMO_KEY", "X509_USER_KEY"),
    "authorities": ("DYNAMO_AUTHORITIES", "X509_CERT_DIR"),
    "timeout": ("DYNAMO_TIMEOUT",),
    "patience": ("DYNAMO_PATIENCE",),
}
"""Variables by setting; the first that is set and not empty counts."""


def directory() -> Path:
    """Where the user's ``config.toml`` and ``token`` are: ``~/.config/dynamo``."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "dynamo"


def token_file(configuration: Configuration) -> Path:
    """The file that holds, or is to hold, the bearer token."""
    return Path(configuration.token_file).expanduser() if configuration.token_file else directory() / "token"


def _from_environment() -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name, variables in ENVIRONMENT.items():
        values = [value for value in (os.environ.get(variable, "").strip() for variable in variables) if value]
        found |= {name: values[0]} if values else {}
    return found


def _from_file(profile: str | None) -> Mapping[str, Any]:
    told = os.environ.get("DYNAMO_CONFIG")
    path = Path(told).expanduser() if told else directory() / "config.toml"
    content = _toml(path, needed=bool(told))
    profiles = content.pop("profiles", {})
    chosen = profile or os.environ.get("DYNAMO_PROFILE")
    if chosen:
        if not isinstance(profiles, dict) or not isinstance(profiles.get(chosen), dict):
            raise Misconfigured(f"{path}: no [profiles.{chosen}] in it")
        content |= profiles[chosen]
    if unknown := set(content) - NAMES:
        raise Misconfigured(f"{path}: unknown: {', '.join(sorted(unknown))}; known are {', '.join(sorted(NAMES))}")
    return {name: _typed(name, value, f"{path}: ") for name, value in content.items()}


def _toml(path: Path, *, needed: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if needed:
            raise Misconfigured(f"{path}: there is no such file (DYNAMO_CONFIG)") from None
        return {}
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path}: {error}") from None


def _typed(name: str, value: Any, where: str) -> Any:
    if name not in _NUMBERS:
        if not isinstance(value, str):
            raise Misconfigured(f"{where}{name}: has to be text, not {value!r}")
        return value
    try:
        number = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise Misconfigured(f"{where}{name}: has to be a number of seconds, not {value!r}")
    return number
