"""Cycles as lines and tables for the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from inventory.units import volume


def cycle_line(header: dict[str, Any]) -> str:
    """One cycle in one line."""
    kind = " test" if header["test"] else ""
    comment = f"  {header['comment']}" if header["comment"] else ""
    deleted = f"{volume(header['deleted']):>9} of {header['num_deleted']} replicas deleted"
    return f"{header['cycle']:>6}{kind}  {_time(header['started'])}  {header['partition']:<16} {deleted}  by {header['author']}{comment}"


def summary_text(summary: dict[str, Any]) -> str:
    """A cycle with two lines for each site: its volumes, and why."""
    head = [
        f"cycle {summary['cycle']} of {summary['partition']}{' (test)' if summary['test'] else ''}: {summary['state']}",
        f"{_time(summary['started'])} by {summary['author']}, version {summary['version']}, {summary['passes']} passes",
    ]
    if summary["error"]:
        head.insert(1, f"error: {summary['error']}")
    head += [f"guard: {text}" for text in summary["guard"]]
    return "\n".join(head + site_lines(summary["sites"]))


def site_lines(sites: list[dict[str, Any]]) -> list[str]:
    """A heading, then two lines for each site: its volumes in bytes as people read them, and why."""
    width = max([len("site"), *(len(site["site"]) for site in sites)])
    head = f"{'site':{width}} {'quota':>9} {'before':>9} {'after':>9} {'protected':>9} {'kept':>9} {'deleted':>9}"
    return [head, *(_site_line(site, width) for site in sites)]


def _site_line(site: dict[str, Any], width: int) -> str:
    columns = ("occupied_before", "occupied_after", "protected", "kept", "deleted")
    volumes = " ".join(f"{volume(site[column]):>9}" for column in columns)
    quota = "no limit" if site["quota"] < 0 else volume(site["quota"])
    return f"{site['site']:{width}} {quota:>9} {volumes}\n    {site['reason']}"


def datasets_text(found: dict[str, Any]) -> str:
    """Decisions on the datasets of a site with the lines that decided."""
    rows = [
        f"{row['decision']:9} {volume(row['size']):>10} {row['num_blocks']:6} blocks  {row['dataset']}"
        f"  line {row['line']}: {found['lines'].get(row['line'], '')}"
        for row in found["datasets"]
    ]
    shown = f"{len(rows)} of {found['count']} decisions at {found['site']}"
    return "\n".join([shown, *rows])


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def story_text(story: dict[str, Any]) -> str:
    """Why a cycle decided as it did on a replica."""
    lines = [f"cycle {story['cycle']} of {story['partition']}: {story['dataset']} at {story['site']}"]
    lines += [_outcome_line(row) for row in story["outcome"]]
    lines.append(f"  the site: {story['site_reason']}")
    for look in story["looks"]:
        others = ", ".join(f"{row['site']}{'' if row['full'] else ' (in part)'}" for row in look["others"]) or "none"
        lines.append(f"after {look['moment']} deletions; other replicas in the image then: {others}")
        lines += [text for line in look["lines"] for text in _line_texts(line)]
    return "\n".join(lines)


def _outcome_line(row: dict[str, Any]) -> str:
    return f"  {row['decision']}: {row['num_blocks']} blocks, {volume(row['size'])}, by line {row['line']}"


def _line_texts(line: dict[str, Any]) -> list[str]:
    if not line["left"]:
        return []
    verdict = f"takes {line['taken']} of {line['left']} blocks" if line["taken"] else "does not match"
    if not line["in_force"]:
        verdict = "not in force at that date"
    mark = "=>" if line["taken"] else "  "
    tests = [f"        {'yes' if test['holds'] else 'no ':3} {test['text']}: {test['value']}" for test in line["tests"]]
    return [f"  {mark} {line['number']:>3} {line['text']}: {verdict}", *tests]
