"""What each command asks of the server; returns the data that came back."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from dynamo_client.client import DynamoClient
from dynamo_client.errors import DynamoError

Rows = list[dict[str, Any]]


def inject(client: DynamoClient, options: Namespace) -> dict[str, int]:
    """Send the document of a file or of standard input."""
    send = client.invalidate if options.delete else client.inject
    return send(_document(options.file), sync=options.sync)


def _document(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise DynamoError(f"{file}: {error}") from None
    if not isinstance(document, dict):
        raise DynamoError(f"{file}: has to be a JSON object with dataset, site, group or datasetreplica")
    return document


def copy(client: DynamoClient, options: Namespace) -> Rows:
    """Ask for copies."""
    return [client.request_copy(options.items, options.site, group=options.group, copies=options.copies)]


def delete(client: DynamoClient, options: Namespace) -> Rows:
    """Ask for deletions."""
    return [client.request_deletion(options.items, options.site)]


def poll(client: DynamoClient, options: Namespace) -> Rows:
    """Look for requests."""
    question = {name: getattr(options, name) for name in ("item", "site", "status", "user")}
    return client.requests(deletions=options.deletion, request_id=options.id, all=options.all, **question)


def cancel(client: DynamoClient, options: Namespace) -> Rows:
    """Withdraw a request."""
    return [client.cancel(options.id, deletion=options.deletion)]


def list_locks(client: DynamoClient, options: Namespace) -> Rows:
    """Look for locks."""
    return client.locks(user=options.user, item=options.item, showall=options.all)


def add_lock(client: DynamoClient, options: Namespace) -> Rows:
    """Lock an item."""
    more = {"sites": options.site, "groups": options.group, "comment": options.comment, "service": options.service}
    return client.lock(options.item, options.expires, **more)


def remove_locks(client: DynamoClient, options: Namespace) -> Rows:
    """Release locks."""
    return client.unlock(*options.ids)


def cycles(client: DynamoClient, options: Namespace) -> Rows | dict[str, Any]:
    """Look for Detox cycles, or at what one of them did at every site."""
    if options.cycle is not None:
        return client.cycle(options.cycle, options.partition)
    names = {row["id"]: row["name"] for row in client.get("detox/partitions")}
    rows = client.cycles(partition=options.partition)
    return [row | {"partition": names.get(row["partition_id"], "")} for row in rows]
