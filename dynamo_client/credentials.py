"""As whom: the bearer token, the X.509 certificate or proxy, and which servers' certificates are believed."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path
from urllib.parse import urlsplit

from dynamo_client.configuration import Configuration, token_file
from dynamo_client.errors import Misconfigured


def headers(configuration: Configuration) -> dict[str, str]:
    """What says who calls, and with what program."""
    token = bearer_token(configuration)
    return {"User-Agent": "dynamo-client"} | ({"Authorization": f"Bearer {token}"} if token else {})


def bearer_token(configuration: Configuration) -> str:
    """The token that is configured, or that of its file; empty: none."""
    given = configuration.token
    token = _read(configuration) if given is None else given.strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        # Not shown: it is a secret, if a damaged one.
        raise Misconfigured("the token has characters in it that no token has; is it copied whole, and alone?")
    return token


def store_token(configuration: Configuration, token: str) -> Path:
    """Write the token where it will be found, readable by its owner only; where that is."""
    path = token_file(configuration)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        half = path.with_name(path.name + ".new")
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
        half.replace(path)
    except OSError as error:
        raise Misconfigured(f"{path}: the token cannot be written there: {error.strerror}") from None
    return path


def forget_token(configuration: Configuration) -> Path | None:
    """Remove the token's file; None: there was none."""
    path = token_file(configuration)
    try:
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be removed: {error.strerror}") from None
    return path


def others_can_read(path: Path) -> bool:
    """Whether a token there is no secret any more."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def in_the_clear(configuration: Configuration) -> bool:
    """Whether a token would go over a network without encryption."""
    address = urlsplit(configuration.url)
    host = address.hostname or ""
    local = host == "localhost" or host.startswith("127.") or host == "::1"
    return address.scheme == "http" and not local and bool(bearer_token(configuration))


def tls(configuration: Configuration) -> ssl.SSLContext | bool:
    """What connections are secured with: the system's authorities and those configured, and the client's certificate."""
    if not configuration.url.startswith("https:"):
        return True
    context = ssl.create_default_context()
    try:
        if configuration.authorities:
            place = Path(configuration.authorities).expanduser()
            where = {"capath": str(place)} if place.is_dir() else {"cafile": str(place)}
            context.load_verify_locations(**where)
        certificate = _certificate(configuration)
        if certificate:
            key = configuration.key or _key_beside(certificate)
            context.load_cert_chain(Path(certificate).expanduser(), Path(key).expanduser() if key else None)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"certificate {configuration.certificate or configuration.authorities}: {error}") from None
    return context


def _certificate(configuration: Configuration) -> str:
    if configuration.certificate or bearer_token(configuration):
        return configuration.certificate
    proxy = Path(f"/tmp/x509up_u{os.getuid()}")  # noqa: S108 - grid tools put it there # nosec B108
    # A file of this name that somebody else has put there is not the user's identity.
    return str(proxy) if proxy.is_file() and proxy.stat().st_uid == os.getuid() else ""


def _key_beside(certificate: str) -> str:
    """Of ``usercert.pem`` it is ``userkey.pem``, as grid tools have it; a proxy has its key within."""
    path = Path(certificate).expanduser()
    beside = path.with_name(path.name.replace("cert", "key"))
    return str(beside) if beside != path and beside.is_file() else ""


def _read(configuration: Configuration) -> str:
    path = token_file(configuration)
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if configuration.token_file:
            raise Misconfigured(f"{path}: there is no such file; it should hold the token") from None
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read: {error}") from None
