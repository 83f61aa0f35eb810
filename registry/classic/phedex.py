"""Calls of the PhEDEx data service about data: blockreplicas, subscriptions, nodes, data, lfn2pfn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from inventory import client
from inventory.paths import PathError, lfn_mistakes, pfns
from inventory.schema import MAX_LFN
from inventory.snapshot import Snapshot
from registry.classic.envelope import Call, Parameter, Streamed, endpoint
from registry.classic.rendering import listed, lower
from registry.classic.replicas import ReplicaFilter, block_replicas, datasets_with_replicas, sites_of
from registry.classic.subscriptions import subscriptions
from registry.errors import Refused
from registry.naming import matches

_BLOCK = Parameter("block", "list", longest=768)
_DATASET = Parameter("dataset", "list")
_NODE = Parameter("node", "list", longest=255)
_SE = Parameter("se", "list", longest=512)
_GROUP = Parameter("group", longest=255)
_FALLBACK = "gfal2"
_MOST_PATHS = 10_000
Listing = Callable[[Snapshot, ReplicaFilter], Iterator[str]]


@endpoint(
    _BLOCK, _DATASET, _NODE, _SE, Parameter("complete", "boolean"), Parameter("custodial", "boolean"),
    Parameter("subscribed", "boolean"), _GROUP, Parameter("update_since", "integer"), Parameter("create_since", "integer"),
    Parameter("show_dataset", "boolean", default=False),
)  # fmt: skip
def blockreplicas(call: Call) -> Any:
    """Blocks with their replicas: of datasets, or of blocks (globs), inside these datasets with ``show_dataset``; without either none."""
    if call["show_dataset"]:
        return _listed(call, datasets_with_replicas, "dataset")
    return _listed(call, block_replicas, "block")


@endpoint(_DATASET, _BLOCK, _NODE, _SE, _GROUP, Parameter("suspended", "boolean"), Parameter("move", "boolean"))
def subscribed(call: Call) -> Any:
    """Datasets with the sites that have them, wholly or some blocks of them; nothing is ever suspended or moved."""
    if call["suspended"] or call["move"]:
        return {"dataset": []}
    return _listed(call, subscriptions, "dataset")


def _listed(call: Call, listing: Listing, member: str) -> Any:
    blocks, datasets = call["block"], call["dataset"]
    for block in blocks or ():
        if "#" not in block:
            raise Refused(f"block: {block[:200]!r} is no block; give dataset#block, either part may be a glob")
    if not blocks and not datasets:
        return {member: []} if call.phedex else []
    values = call.values
    since = [values[name] for name in ("update_since", "create_since") if values.get(name) is not None]
    # As PhEDEx had it: who gives blocks means these.
    which = ReplicaFilter(
        datasets=[block.partition("#")[0] for block in blocks] if blocks else datasets, blocks=blocks or None,
        nodes=call["node"], hosts=call["se"], complete=values.get("complete"), custodial=values.get("custodial"),
        subscribed=values.get("subscribed"), group=call["group"], since=max(since, default=None),
    )  # fmt: skip
    return Streamed(listed(listing(client.snapshot(), which), member))


@endpoint(_NODE)
def nodes(call: Call) -> dict[str, Any]:
    """Sites that match, or all."""
    sites = client.snapshot().frame("sites").sort("name")
    if call["node"] is not None:
        sites = sites.filter(matches("name", call["node"]))
    kind, technology = lower("storage_type").alias("kind"), pl.lit("").alias("technology")
    return {"node": sites.select("name", kind, technology, id="site_id", se="host").to_dicts()}


@endpoint(Parameter("block", longest=768))
def data(call: Call) -> Any:
    """A block with its files, once for each site that has them."""
    dataset, separator, block = (call["block"] or "").partition("#")
    if call["block"] and not separator:
        raise Refused(f"block: {call['block'][:200]!r} is no block; give dataset#block")
    snapshot = client.snapshot()
    ids = snapshot.datasets_called(pl.Series([dataset]))
    blocks = snapshot.of_datasets("blocks", ids).filter(pl.col("name") == block)
    if blocks.is_empty():
        return {"dbs": []}
    row, of_dataset = blocks.row(0, named=True), snapshot.of_datasets("datasets", ids).row(0, named=True)
    shown = {
        "name": f"{dataset}#{block}", "bytes": row["size"], "files": row["num_files"], "is_open": _yes_no(row["is_open"]),
        "time_create": row["last_update"], "time_update": row["last_update"],
        "file": _files(snapshot, ids, row["block_id"]),
    }  # fmt: skip
    around = {
        "name": dataset, "is_open": _yes_no(of_dataset["is_open"]), "is_transient": "n",
        "time_update": of_dataset["last_update"], "block": [shown],
    }  # fmt: skip
    return {"dbs": [{"dataset": [around]}]}


def _yes_no(value: bool) -> str:
    return "y" if value else "n"


def _files(snapshot: Snapshot, ids: pl.Series, block: int) -> list[dict[str, Any]]:
    """The block's files, once for each site that has them."""
    own = pl.col("block_id") == block
    files = snapshot.of_datasets("files", ids).filter(own)
    checksums = [_checksum(*row) for row in files.select("crc32", "adler32").iter_rows()]
    lfn = pl.concat_str("directory", pl.lit("/"), "base_name")
    files = files.select("file_id", "size", lfn.alias("lfn"), pl.Series("checksum", checksums, pl.String))
    replicas = snapshot.of_datasets("block_replicas", ids).filter(own)
    replicas = replicas.join(sites_of(snapshot, None), on="site_id")
    replicas = replicas.select("site_id", "node", "complete", time_create="last_update")
    there = snapshot.of_datasets("replica_files", ids).filter(own).select("site_id", "file_id")
    complete = replicas.filter("complete").join(files, how="cross")
    partly = replicas.filter(~pl.col("complete")).join(there, on="site_id").join(files, on="file_id")
    columns = ["lfn", "node", "size", "checksum", "time_create"]
    return pl.concat([complete.select(columns), partly.select(columns)]).sort("node", "lfn").to_dicts()


def _checksum(crc32: int | None, adler32: int | None) -> str:
    known = {"cksum": crc32, "adler32": None if adler32 is None else f"{adler32:08x}"}
    return ",".join(f"{algorithm}:{value}" for algorithm, value in known.items() if value is not None)


@endpoint(
    Parameter("protocol", required=True, longest=64), Parameter("node", "list", required=True, longest=255),
    Parameter("lfn", "list", longest=MAX_LFN),
)  # fmt: skip
def lfn2pfn(call: Call) -> dict[str, Any]:
    """Where files are at sites, by protocol (or ``gfal2`` where the site has no rule for it); ``pfn`` is null where nothing says."""
    lfns = pl.Series("lfn", call["lfn"] or [], pl.String)
    _check_lfns(lfns)
    snapshot = client.snapshot()
    sites = snapshot.frame("sites").filter(matches("name", call["node"])).sort("name").to_dicts()
    if lfns.len() * len(sites) > _MOST_PATHS:
        raise Refused(f"lfn, node: {lfns.len()} × {len(sites)} names at once; at most {_MOST_PATHS}")
    return {
        "mapping": [
            {
                "protocol": call["protocol"], "custodial": None, "destination": None, "space_token": None,
                "node": site["name"], "lfn": lfn, "pfn": pfn,
            }
            for site in sites
            for lfn, pfn in zip(lfns, _physical(snapshot, site, lfns, call["protocol"]), strict=True)
        ]
    }  # fmt: skip


def _check_lfns(lfns: pl.Series) -> None:
    mistakes = lfn_mistakes(lfns)
    for lfn, mistake in zip(lfns, mistakes, strict=True):
        if mistake is not None:
            raise Refused(f"lfn: {lfn[:200]!r} {mistake}")


def _physical(snapshot: Snapshot, site: dict[str, Any], lfns: pl.Series, protocol: str) -> list[str | None]:
    """Physical names at a site; each by the first protocol that gives one."""
    rules = snapshot.frame("path_rules").filter(pl.col("site_id") == site["site_id"])
    known = set(rules["protocol"])
    chosen = [name for name in (protocol, _FALLBACK) if name in known] or [""]
    found: list[str | None] = [None] * lfns.len()
    for name in chosen:
        lacking = [place for place, pfn in enumerate(found) if pfn is None]
        for place, pfn in zip(lacking, _by_protocol(rules, site, lfns.gather(lacking), name), strict=True):
            found[place] = pfn
    return found


def _by_protocol(rules: pl.DataFrame, site: dict[str, Any], lfns: pl.Series, protocol: str) -> list[str | None]:
    try:
        return pfns(rules, site, lfns, protocol).to_list()
    except PathError:
        if lfns.len() == 1:
            return [None]
    return [_by_protocol(rules, site, lfns.slice(place, 1), protocol)[0] for place in range(lfns.len())]
