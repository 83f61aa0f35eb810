"""Distinguished names: read in the form of RFC 2253 or of OpenSSL's slashes, kept as ``/DC=org/DC=example/CN=Ann``. Pure."""

from __future__ import annotations

import re

_TYPE = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)"
_PART = re.compile(rf"({_TYPE})=(.*)", re.DOTALL)
_SLASH = re.compile(rf"/(?={_TYPE}=)")
_HEX = re.compile(r"\\x[0-9A-Fa-f]{2}")
_ESCAPED = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\(.?)", re.DOTALL)
_OF_PROXY = re.compile(r"/CN=(?:\d+|proxy|limited proxy)$")
_SAME = {"E": "emailAddress", "EMAIL": "emailAddress", "EMAILADDRESS": "emailAddress", "USERID": "UID"}
_LONGEST = 512


class NameWrong(ValueError):
    """What was given is no distinguished name that can be told apart from others."""


def normal(text: str) -> str:
    """The name in the form that is kept. Raises NameWrong.

    Both forms of the same name give the same: ``CN=Ann,O=Example`` and ``/O=Example/CN=Ann``.
    """
    text = text.strip()
    if not text or len(text) > 2 * _LONGEST:
        raise NameWrong(f"{text[:80]!r} is no distinguished name")
    parts = _of_slashes(text) if text.startswith("/") else list(reversed(_of_commas(text)))
    found = "".join(f"/{kind}={value}" for kind, value in parts)
    if len(found) > _LONGEST:
        raise NameWrong(f"{found[:80]}… is longer than {_LONGEST} characters")
    return found


def owners(dn: str) -> list[str]:
    """Whose the certificate may be: the name itself, then without what proxies of proxies append, one after the other."""
    found = [dn]
    while shorter := _OF_PROXY.sub("", found[-1]):
        if shorter == found[-1]:
            break
        found.append(shorter)
    return found


def shorter_names(dn: str) -> list[str]:
    """The names that ``dn`` extends by ``/CN=…``: a proxy of one of these may call itself ``dn``."""
    return [dn[: found.start()] for found in re.finditer("/CN=", dn) if found.start()]


def _of_slashes(text: str) -> list[tuple[str, str]]:
    before, *parts = _SLASH.split(text)
    if before or not parts:
        raise NameWrong(f"{text[:80]!r} is no distinguished name such as /DC=org/CN=Ann")
    return [_part(part, re.sub(r"(?:\\x[0-9A-Fa-f]{2})+", _utf8, part)) for part in parts]


def _of_commas(text: str) -> list[tuple[str, str]]:
    parts, begin, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == "+":
            raise NameWrong(f"{text[:80]!r}: names with several values in one part are not taken")
        elif text[position] in ",;":
            parts.append(text[begin:position])
            begin = position + 1
        position += 1
    parts.append(text[begin:])
    return [_part(part, _unescaped(part.strip())) for part in parts]


def _part(given: str, text: str) -> tuple[str, str]:
    found = _PART.fullmatch(text)
    if found is None or not found[2]:
        raise NameWrong(f"{given[:80]!r} is no part of a distinguished name such as CN=Ann")
    kind, value = found[1], found[2]
    # A value that looks like further parts, or like an escaped letter, would make one name out of two; outer spaces
    # do not count to every database.
    if _SLASH.search(value) or _HEX.search(value) or value != value.strip() or not value.isprintable():
        raise NameWrong(f"{given[:80]!r}: such a value cannot be told apart from other names")
    return _SAME.get(kind.upper(), kind.upper()), value


def _unescaped(text: str) -> str:
    """In one pass: an escaped backslash escapes nothing that follows it."""
    return _ESCAPED.sub(_meant, text)


def _meant(escaped: re.Match[str]) -> str:
    if escaped[1] is None:
        return _utf8(escaped)
    if not escaped[1]:
        raise NameWrong(f"{escaped.string[:80]!r} ends with a backslash")
    return escaped[1]


def _utf8(escaped: re.Match[str]) -> str:
    try:
        return bytes.fromhex(re.sub(r"\\x?", "", escaped[0])).decode()
    except UnicodeDecodeError as error:
        raise NameWrong(f"{escaped[0][:80]!r} is not UTF-8") from error
