"""What there is: datasets, replicas, files, sites, statistics; injections and invalidations of metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dynamo_client.calls import Call, answered
from dynamo_client.descriptors import listing, verb
from dynamo_client.effects import Rows, Steps
from dynamo_client.paging import listed
from dynamo_client.records import (
    BlockReplica,
    Dataset,
    DatasetReplica,
    File,
    Injection,
    Location,
    Quota,
    Site,
    Statistic,
    Table,
)  # fmt: skip
from dynamo_client.upload import Upload
from dynamo_client.verbs.base import Base, given, quoted, several

Document = Mapping[str, Any] | Path
_LONGEST_QUERY = 3000


class InventoryVerbs(Base):
    """Verbs on the inventory."""

    @listing
    def datasets(self, /, *names: str, **filters: Any) -> Rows[Dataset]:
        """Datasets with these names (globs), or all."""
        yield from listed(self.session, Dataset, "datasets", {"name": list(names) or None, **filters})

    @listing
    def dataset_replicas(self, /, *datasets: str, **filters: Any) -> Rows[DatasetReplica]:
        """Datasets at sites: of these datasets (globs), or all."""
        yield from listed(
            self.session, DatasetReplica, "dataset-replicas", {"dataset": list(datasets) or None, **filters}
        )

    @listing
    def block_replicas(self, /, *datasets: str, **filters: Any) -> Rows[BlockReplica]:
        """Blocks at sites: of these datasets (globs), or all."""
        yield from listed(self.session, BlockReplica, "replicas", {"dataset": list(datasets) or None, **filters})

    @listing
    def files(self, /, *datasets: str, **filters: Any) -> Rows[File]:
        """Files of these datasets (globs)."""
        yield from listed(self.session, File, "files", {"dataset": list(datasets) or None, **filters})

    @listing
    def sites(self, /, *names: str, **filters: Any) -> Rows[Site]:
        """Sites with these names (globs), or all."""
        yield from listed(self.session, Site, "sites", {"name": list(names) or None, **filters})

    @listing
    def quotas(self, /, **filters: Any) -> Rows[Quota]:
        """Every partition at every site, with how much of its quota is used; by ``site``, ``partition`` …"""
        yield from listed(self.session, Quota, "quotas", filters)

    @verb
    def set_quotas(self, quotas: Iterable[Mapping[str, Any]]) -> Steps[int]:
        """Set quotas, all or none: ``site``, ``partition``, ``quota`` (bytes; -1: no limit), and ``before``, what it has to be now.

        The inventory's version with them.
        """
        call = Call("PATCH", "quotas", json={"quotas": [dict(quota) for quota in quotas]})
        return int((yield from answered(self.session, call))["version"])

    @listing
    def statistics(self, /, statistic: str = "size", **question: Any) -> Rows[Statistic]:
        """``size``, ``replication`` or ``usage``, by ``list_by``; further keywords choose (``data_type="mc"``)."""
        yield from listed(self.session, Statistic, f"statistics/{quoted(statistic)}", question)

    @verb
    def query(self, sql: str, *, limit: int | None = None, at_version: int | None = None) -> Steps[Table]:
        """The first ``limit`` rows (None: the server's) of a SELECT over the inventory's tables."""
        call = Call("POST", "query", {"at_version": at_version}, given({"sql": sql, "limit": limit}))
        return Table.of((yield from answered(self.session, call)))

    @listing
    def lfn2pfn(
        self, lfns: str | Iterable[str], sites: str | Iterable[str], protocol: str | None = None
    ) -> Rows[Location]:
        """Physical names of files at sites (globs); without a protocol the sites' own."""
        at = several(sites)
        for some in _fitting(several(lfns)):
            yield from listed(self.session, Location, "lfn2pfn", {"lfn": some, "site": at, "protocol": protocol})

    @verb
    def inject(
        self, document: Document, *, wait: bool = False, told: Callable[[int, int], None] | None = None
    ) -> Steps[Injection]:
        """Queue metadata (a document, or a file with one) to be added; with ``wait`` it is in the inventory when this returns.

        ``told(bytes, of bytes)`` hears how far the upload is.
        """
        return (yield from self._injected("injections", document, wait, told))

    @verb
    def invalidate(
        self, document: Document, *, wait: bool = False, told: Callable[[int, int], None] | None = None
    ) -> Steps[Injection]:
        """Queue metadata to be removed: the same shape, names suffice."""
        return (yield from self._injected("invalidations", document, wait, told))

    @verb
    def injection(self, number: int) -> Steps[Injection]:
        """Where an injection stands."""
        found = yield from self._get(f"injections/{number}")
        return Injection.of(found)

    @verb
    def invalidation(self, number: int) -> Steps[Injection]:
        """Where an invalidation stands."""
        found = yield from self._get(f"invalidations/{number}")
        return Injection.of(found)

    def _injected(
        self, path: str, document: Document, wait: bool, told: Callable[[int, int], None] | None
    ) -> Steps[Injection]:
        upload = Upload.of_file(document, told) if isinstance(document, Path) else Upload(document, told)
        call = Call("POST", path, {"wait": "true" if wait else None}, upload=upload)
        return Injection.of((yield from answered(self.session, call)))


def _fitting(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in parts that fit into the address of a call."""
    part: list[str] = []
    length = 0
    for name in names:
        length += len(quoted(name)) + len("&lfn=")
        if part and length > _LONGEST_QUERY:
            yield part
            part, length = [], len(quoted(name))
        part.append(name)
    if part:
        yield part
