"""The texts in force of policies and of enforcer rules: one function says which, and a text that cannot be used never gets there.

Texts come from the policy directory (``POLICY_DIR``, under version control), from ``policy load`` and from the admin; the last one that
came in and can be used is in force. Each is kept as a version. A file of the directory counts as come in when it changes; while it
cannot be read, or is wrong, the last good text stays in force, with an alarm.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from inventory.errors import InventoryError
from inventory.models import PolicyVersion
from inventory.policy.checking import check_text, read_text
from inventory.policy.errors import Mistake, PolicyError
from inventory.policy.revision import revision_of

_LOG = structlog.get_logger(__name__)
DIRECTORY = "directory"
_AUTHOR = "dynamo"
_SHOWN = 300


class PolicyUnknown(InventoryError):
    """There is no text of that name, or no such version of it."""


class PolicyRetired(PolicyUnknown):
    """Somebody has retired the name."""


class PolicyChanged(InventoryError):
    """Somebody else has saved a newer version since; the text says who and when."""


@dataclass(frozen=True)
class InForce:
    """``number``: the version, 0 while it is not recorded; ``alarm``: why what the policy directory has is not in force."""

    name: str
    kind: str
    text: str
    number: int
    alarm: str = ""
    origin: str = ""


@dataclass(frozen=True)
class _Found:
    """What the directory has of a name: its text, or why there is none to be used."""

    path: Path
    kind: str = ""
    text: str = ""
    trouble: str = ""
    mistakes: tuple[Mistake, ...] = ()


def digest_of(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def in_force(name: str, *, record: bool = False) -> InForce:
    """The text that is followed; ``record`` keeps a changed file of the directory as a version (a cycle does, a page does not).

    Raises :class:`PolicyUnknown` when there has never been a good one, and PolicyError when there has only been a wrong one.
    """
    last = newest(name)
    found = _in_directory(name, last)
    if found is None:
        return _of(last, name)
    if not found.trouble and not record and last is not None and found.text == last.text and not last.retired:
        return _of(last, name)
    if not found.trouble:
        return _recorded(found, last) if record else InForce(name, found.kind, found.text, 0, origin=str(found.path))
    if last is None or last.retired:
        if found.mistakes:
            raise PolicyError(found.mistakes)
        raise PolicyUnknown(f"cannot read {found.path}: {found.trouble}; {_known()}")
    alarm = f"{found.path} is not followed: {found.trouble[:_SHOWN]}. {last} of {last.time:%Y-%m-%d %H:%M} UTC by {last.author} stays in force"
    if record:
        _LOG.error("policy not followed", policy=name, reason=alarm)
    return InForce(name, last.kind, last.text, last.number, alarm, last.origin)


def _of(last: PolicyVersion | None, name: str) -> InForce:
    if last is None:
        raise PolicyUnknown(f"there is no policy {name[:100]!r}; {_known()}")
    if last.retired:
        raise PolicyRetired(f"{name!r} was retired by {last.author}; {_known()}")
    return InForce(name, last.kind, last.text, last.number, origin=last.origin)


def _in_directory(name: str, last: PolicyVersion | None) -> _Found | None:
    """What the directory has to say, if it is anything new: not what has come in from there already, and was followed by another."""
    path = Path(settings.POLICY_DIR) / name
    from_there = PolicyVersion.objects.filter(name=name, source=DIRECTORY).first()
    if not path.is_file():
        if last is not None and (from_there is None or last.source != DIRECTORY):
            return None
        return _Found(path, trouble="there is no such file") if last is not None and not last.retired else None
    text, why = read_text(path)
    if why:
        return _Found(path, trouble=why)
    known = {row.digest for row in (from_there, last) if row is not None and not row.retired}
    if digest_of(text) in known:
        # An edit that has been committed is the directory's from now on, so that a commit can undo it.
        committed = last is not None and last.source != DIRECTORY and digest_of(text) == last.digest
        return _Found(path, last.kind, text) if committed and last is not None else None
    report = check_text(text, str(path))
    if not report.usable:
        return _Found(path, report.kind, text, str(report.mistakes[0]).split("\n")[0], report.mistakes)
    if last is not None and not last.retired and report.kind != last.kind:
        return _Found(path, report.kind, text, f"it is {report.kind} now, and was {last.kind}")
    return _Found(path, report.kind, text)


def _recorded(found: _Found, last: PolicyVersion | None) -> InForce:
    name = found.path.name
    if last is not None and last.source != DIRECTORY and last.text != found.text:
        _LOG.warning("policy file replaces another text", policy=name, replaced=str(last), by=last.author)
    try:
        row = _add(name, found.kind, found.text, last, _AUTHOR, DIRECTORY, str(found.path), revision_of(found.path))
    except PolicyChanged:  # another worker has recorded it just now
        return in_force(name)
    return InForce(name, row.kind, row.text, row.number, origin=row.origin)


def save(
    name: str, text: str, author: str, source: str, *, based_on: int | None = None, origin: str = "", revision: str = "", comment: str = "",
) -> PolicyVersion:  # fmt: skip
    """Put a text in force; the same text again is no new version.

    ``based_on``: the version that was edited (0: none). Raises PolicyError for a text that cannot be used, :class:`PolicyChanged` when
    it is not the newest any more.
    """
    check_name(name)
    report = check_text(text, name)
    if not report.usable:
        raise PolicyError(report.mistakes)
    _take_over_directory(name)
    last = newest(name)
    if based_on is not None and based_on != (last.number if last else 0):
        raise _changed(name, last)
    if last is not None and not last.retired and last.kind != report.kind:
        raise PolicyError([Mistake(name, 1, 1, f"this is {report.kind}, and {name} is {last.kind}")])
    if last is not None and not last.retired and last.digest == digest_of(text):
        return last
    return _add(name, report.kind, text, last, author, source, origin, revision, comment)


def check_name(name: str) -> None:
    """Raises PolicyError for what is no name of a file in the policy directory."""
    if not name or "/" in name or "\0" in name or name.startswith(".") or len(name) > 255 or name != name.strip():
        raise PolicyError([Mistake(name[:100], 1, 1, "the name of a file is expected, without a directory")])


def _take_over_directory(name: str) -> None:
    """What the directory has now came before what is saved now."""
    try:
        in_force(name, record=True)
    except (PolicyUnknown, PolicyError):
        # There is nothing good in the directory that could be replaced.
        return


def _add(
    name: str, kind: str, text: str, last: PolicyVersion | None, author: str, source: str, origin: str = "", revision: str = "", comment: str = "",
) -> PolicyVersion:  # fmt: skip
    try:
        with transaction.atomic():
            return PolicyVersion.objects.create(
                name=name, number=last.number + 1 if last else 1, kind=kind, text=text, digest=digest_of(text), author=author[:150],
                source=source, origin=origin[:1024], revision=revision[:64], comment=comment,
            )  # fmt: skip
    except IntegrityError:
        raise _changed(name, newest(name)) from None


def _changed(name: str, last: PolicyVersion | None) -> PolicyChanged:
    by = (
        f"version {last.number} was saved by {last.author} at {last.time:%H:%M:%S} UTC"
        if last
        else "there is none any more"
    )
    return PolicyChanged(f"{name} has changed meanwhile: {by}; look at what changed, and edit that one")


def retire(name: str, author: str, comment: str = "") -> PolicyVersion:
    """From now on there is no text of that name. Raises :class:`PolicyUnknown`, :class:`PolicyChanged`."""
    current = in_force(name, record=True)
    return _add(name, current.kind, "", newest(name), author, "retire", comment=comment)


def restore(name: str, number: int, author: str, comment: str = "") -> PolicyVersion:
    """Put an old version in force again, as a new one. Raises :class:`PolicyUnknown`, PolicyError if it cannot be used any more."""
    old = version(name, number)
    return save(
        name,
        old.text,
        author,
        "restore",
        origin=old.origin,
        revision=old.revision,
        comment=comment or f"version {number} again",
    )


def newest(name: str) -> PolicyVersion | None:
    """The last version, also one that retires the name."""
    return PolicyVersion.objects.filter(name=name).order_by("-number").first()


def version(name: str, number: int) -> PolicyVersion:
    """One version. Raises :class:`PolicyUnknown`."""
    found = PolicyVersion.objects.filter(name=name, number=number).first()
    if found is None:
        raise PolicyUnknown(f"there is no version {number} of {name[:100]!r}")
    return found


def names(globs: Iterable[str] = ("*",)) -> list[str]:
    """Names of files of the directory and of versions; some may be retired, or have no text that can be used."""
    directory = Path(settings.POLICY_DIR)
    files = {path.name for path in directory.iterdir() if path.is_file()} if directory.is_dir() else set()
    stored = PolicyVersion.objects.order_by().values_list("name", flat=True).distinct()
    patterns = tuple(globs)
    return sorted(name for name in files.union(stored) if any(fnmatch.fnmatchcase(name, glob) for glob in patterns))


def alarms() -> list[str]:
    """Files of the policy directory that are not followed, and why."""
    found = []
    for name in PolicyVersion.objects.order_by("name").values_list("name", flat=True).distinct():
        try:
            found.append(in_force(name).alarm)
        except (PolicyUnknown, PolicyError):
            # Retired: nobody follows it.
            continue
    return [alarm for alarm in found if alarm]


def _known() -> str:
    return f"{settings.POLICY_DIR} has {', '.join(names(('*.txt', '*.json'))) or 'none'}"
