"""What the policies in force would say of one dataset at this moment, without a cycle: the first look of a pass, at each site.

Only the dataset is looked at, so this takes milliseconds in an inventory of any size. What depends on all others is left open: whether a
candidate goes is a matter of its site's trigger and of the order, which only a cycle knows.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from detox import facts
from detox.build import build_image
from detox.explain import read_stack
from detox.given import Given
from detox.monitor import detox_settings
from detox.policies import readable
from inventory.partitions import definitions
from inventory.policy.facts import Facts
from inventory.policy.model import Policy
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

_STAYS = ("Protect", "ProtectBlock", "Ignore")
_WOULD = {
    "Protect": "stays", "ProtectBlock": "these blocks stay", "Ignore": "is left alone", "Delete": "is deleted by the next cycle",
    "DeleteBlock": "these blocks are deleted by the next cycle", "Dismiss": "is deleted when its site is too full",
}  # fmt: skip


def of_dataset(snapshot: Snapshot, dataset_id: int, now: int) -> list[dict[str, Any]]:
    """For each policy in force with something of the dataset in its partition: ``partition``, ``file``, and ``sites``.

    A site: ``site``, ``blocks``, and ``lines``: those that decided some blocks, with ``number``, ``text``, ``action``, ``taken`` (blocks),
    ``tests``, ``would`` (in words) and ``stays``. Raises what the enforcer's rules raise, PartitionError.
    """
    alone = _only(snapshot, dataset_id)
    known = facts.gather(alone, detox_settings().protected_sites, now)
    found = []
    for policy in readable().values():
        sites = _sites(alone, policy, known, now)
        if sites:
            found.append({"partition": policy.partition, "file": policy.file, "sites": sites})
    return found


def _only(snapshot: Snapshot, dataset_id: int) -> Snapshot:
    """A snapshot with this dataset and what belongs to it; sites, groups and the like as they are."""
    ids = pl.Series([dataset_id], dtype=pl.UInt32)
    tables = {
        name: snapshot.of_datasets(name, ids) if table.chunked else snapshot.frame(name)
        for name, table in TABLES.items()
        if name not in ("files", "replica_files")
    }
    return Snapshot.from_frames(tables, snapshot.version, snapshot.time)


def _sites(alone: Snapshot, policy: Policy, known: Facts, now: int) -> list[dict[str, Any]]:
    image, _ = build_image(alone, policy, definitions(alone), known, now)
    image.newest = int(alone.frame("block_replicas")["last_update"].max() or 0)  # type: ignore[arg-type]
    given = Given(alone, policy, known, pl.DataFrame(), image.newest, now)
    columns = given.columns(image)
    found = []
    for replica in range(len(image.replica_site)):
        lines = [line | _words(line) for line in read_stack(image, columns, given, replica) if line["taken"]]
        blocks = int(image.replica["num_blocks"][replica])
        found.append({"site": image.sites.names[image.replica_site[replica]], "blocks": blocks, "lines": lines})
    return sorted(found, key=lambda entry: str(entry["site"]))


def _words(line: dict[str, Any]) -> dict[str, Any]:
    return {"would": _WOULD.get(line["action"], line["action"]), "stays": line["action"] in _STAYS}
