"""A check in words and as data: for commands, pages and the REST interface."""

from __future__ import annotations

from typing import Any

from consistency import history
from consistency.models import Check

_NUMBERS = (
    "num_files", "num_directories", "num_unlisted", "num_missing", "missing_size", "num_orphans", "orphan_size",
    "num_mismatched", "num_unrecoverable", "num_spared", "num_empty_directories",
)  # fmt: skip
_SHOWN = 10


def as_dict(check: Check) -> dict[str, Any]:
    """Plain data: times in ISO format (UTC), sizes in bytes."""
    return {
        "check": check.pk, "site": check.site, "kind": check.kind, "state": check.state, "dry_run": check.dry_run,
        "author": check.author, "started": check.started.isoformat(),
        "ended": check.ended.isoformat() if check.ended else None, "version": check.version,
        **{name: getattr(check, name) for name in _NUMBERS}, "alarms": check.alarms, "error": check.error,
    }  # fmt: skip


def as_line(check: Check) -> str:
    """One line for a list."""
    dry = " (dry run)" if check.dry_run else ""
    return (
        f"{check.pk:>6}  {check.started:%Y-%m-%d %H:%M}  {check.site:<20} {check.kind} {check.state}{dry}: "
        f"{check.num_files} files, {check.num_missing} missing, {check.num_orphans} orphans, {check.num_unlisted} unlisted"
    )


def as_text(check: Check) -> str:
    """The summary with the beginning of each list."""
    lines = [as_line(check)]
    lines += [f"  alarm: {alarm}" for alarm in check.alarms]
    for name in ("missing", "orphans", "mismatched", "unrecoverable", "empty_directories", "unlisted"):
        lines += _beginning(check, name)
    return "\n".join(lines + _spared(check))


def _spared(check: Check) -> list[str]:
    """Left alone, by reason: a check may spare as many as it lists."""
    frame = history.read(check.pk, "spared")
    if frame is None or frame.is_empty():
        return []
    counted = frame.group_by("kind", "reason").len().sort("len", "kind", "reason", descending=[True, False, False])
    lines = [f"  spared: {frame.height}, all in: consistency show {check.pk} --list spared"]
    return lines + [f"    {number} × {kind}: {reason}" for kind, reason, number in counted.head(_SHOWN).iter_rows()]


def _printable(path: str) -> str:
    """Names at a site are anybody's: control characters in them must not reach a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _beginning(check: Check, name: str) -> list[str]:
    frame = history.read(check.pk, name)
    if frame is None or frame.is_empty():
        return []
    lines = [f"  {name.replace('_', ' ')}: {frame.height}"]
    for row in frame.head(_SHOWN).iter_rows(named=True):
        path = row.get("lfn") or "/".join(filter(None, (row.get("directory"), row.get("base_name"))))
        lines.append(f"    {_printable(path)}" + (f"  ({row['reason']})" if row.get("reason") else ""))
    if frame.height > _SHOWN:
        lines.append(f"    … {frame.height - _SHOWN} more: consistency show {check.pk} --list {name}")
    return lines
