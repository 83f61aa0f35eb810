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
    block = f"#{story['block']}" if story["block"] else ""
    lines = [f"cycle {story['cycle']} of {story['partition']}: {story['dataset']}{block} at {story['site']}"]
    lines += [_outcome_line(row) for row in story["outcome"]]
    lines.append(f"  the site: {story['site_reason']}")
    if story["order"]:
        lines.append(f"  the order: {order_text(story['order'])}")
    if not story["values_kept"]:
        lines.append("  the values that the lines saw are not kept any more (setting detox.keep_inputs)")
    for look in story["looks"]:
        others = ", ".join(f"{row['site']}{'' if row['full'] else ' (in part)'}" for row in look["others"]) or "none"
        lines.append(f"after {look['moment']} deletions; other replicas in the image then: {others}")
        lines += [text for line in look["lines"] for text in _line_texts(line)]
    return "\n".join(lines)


def order_text(order: dict[str, Any]) -> str:
    """Where a candidate stood in the order of deletion."""
    after = f", after {order['after']}" if order["after"] else ""
    if order["deleted"]:
        return f"number {order['place']} of {order['of']} that were deleted here as candidates{after}"
    if order["place"] == 1:
        return f"it would have been the next to be deleted here{after}"
    return f"number {order['place']} of {order['of']} candidates that were left here{after}; {volume(order['ahead'])} go before it"


def changes_text(found: dict[str, Any]) -> str:
    """What would have turned a decision; begins with a new line."""
    lines = [f"  {answer['text']}" for answer in found["answers"]] or ["  nothing that was tried would have turned it"]
    if not found["complete"]:
        lines.append("  not all that can be tried was tried: give it more --seconds")
    return "\n" + "\n".join(["the least changes that would have turned this, each verified by deciding again:", *lines])


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


def comparison_text(answer: dict[str, Any], by: str) -> str:
    """A comparison (``Answer.as_dict``) with one of its tables."""
    total = answer["total"]
    head = [
        f"{answer['partition']}: on {answer['basis']}",
        f"deleted {volume(total['deleted_before'])} before, {volume(total['deleted_after'])} after; "
        f"{volume(total['more'])} more and {volume(total['less'])} less go; {total['num_blocks']} block replicas fare otherwise",
    ]
    head += [f"note: {note}" for note in answer["notes"]]
    head += [f"guard: such a cycle would be refused: {text}" for text in answer["guard"]]
    rows = answer[f"{by}s"]
    if not rows:
        return "\n".join([*head, "nothing differs" if answer["same"] else f"no {by} differs"])
    more = answer["counts"][f"{by}s"] - len(rows)
    return "\n".join([*head, *_COMPARED[by](rows), *([f"… and {more} more"] if more > 0 else [])])


def _compared_sites(rows: list[dict[str, Any]]) -> list[str]:
    width = max([len("site"), *(len(row["site"]) for row in rows)])
    head = (
        f"{'site':{width}} {'quota':>9} {'deleted':>9} {'then':>9} {'more':>9} {'less':>9} {'protected':>9} {'then':>9}"
    )
    names = ("deleted_before", "deleted_after", "more", "less", "protected_before", "protected_after")
    return [head, *(
        f"{row['site']:{width}} {_quota(row['quota_after']):>9} {' '.join(f'{volume(row[name]):>9}' for name in names)}"
        for row in rows
    )]  # fmt: skip


def _quota(quota: int) -> str:
    return "no limit" if quota < 0 else volume(quota)


def _compared_datasets(rows: list[dict[str, Any]]) -> list[str]:
    return [f"{'more':>9} {'less':>9} {'other':>9} {'sites':>5}  dataset", *(
        f"{volume(row['more']):>9} {volume(row['less']):>9} {volume(row['other']):>9} {row['num_sites']:>5}  {row['dataset']}"
        for row in rows
    )]  # fmt: skip


def _compared_lines(rows: list[dict[str, Any]]) -> list[str]:
    names = [f"{name}_{side}" for name in ("deleted", "kept", "protected") for side in ("before", "after")]
    head = f"{'deleted':>9} {'then':>9} {'kept':>9} {'then':>9} {'protected':>9} {'then':>9}  line"
    return [head, *(f"{' '.join(f'{volume(row[name]):>9}' for name in names)}  {row['line']}" for row in rows)]


def _compared_replicas(rows: list[dict[str, Any]]) -> list[str]:
    return [
        f"{volume(row['size']):>9} {row['num_blocks']:>6} blocks  {row['site']}  {row['dataset']}\n"
        f"    {row['before']}{_by(row['line_before'])} → {row['after']}{_by(row['line_after'])}"
        for row in rows
    ]


def _by(line: str | None) -> str:
    return f" by `{line}`" if line else ""


_COMPARED = {
    "site": _compared_sites, "dataset": _compared_datasets, "line": _compared_lines, "replica": _compared_replicas,
}  # fmt: skip


def lines_text(
    partition: str, cycles: int, missing: tuple[int, ...], span: tuple[int, int], rows: list[dict[str, Any]]
) -> str:
    """The accounts of lines over many cycles."""
    head = [
        f"{partition}: {cycles} cycles, {_time(span[0])} to {_time(span[1])}; protected and kept: mean of the cycles that "
        "had the line, deleted: all of them",
        f"{'protected':>9} {'kept':>9} {'deleted':>9} {'replicas':>8} {'cycles':>6}",
    ]
    if missing:
        head.insert(1, f"note: nothing is kept of {len(missing)} cycles, the first {missing[0]}")
    return "\n".join([*head, *(_account(row) for row in rows)])


def _account(row: dict[str, Any]) -> str:
    volumes = " ".join(f"{volume(row[name]):>9}" for name in ("protected", "kept", "deleted"))
    where = "".join(f"  {row[name]}" for name in ("period", "site") if name in row)
    replicas = row["num_protected"] + row["num_kept"]
    return f"{volumes} {replicas:>8} {row['cycles']:>6}{where}  {row['policy']}: {row['line']}"
