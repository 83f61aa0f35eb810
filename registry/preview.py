"""What a request would do, before it is asked: nothing is kept by looking.

Where copies would go is known to Dealer, and which deletions would be carried out to the file operations: they stand above the
registry, so the settings name the functions that tell (``REGISTRY_COPY_PREVIEW``, ``REGISTRY_DELETION_PREVIEW``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings as installation
from django.utils.module_loading import import_string

from inventory.snapshot import Snapshot
from registry import approval
from registry.asking import Asker, Wanted
from registry.models import RequestKind
from registry.placing import Ready, check_new, existing, ready_copy, ready_deletion
from registry.settings import RegistrySettings
from registry.sizes import bytes_of


@dataclass(frozen=True)
class Part:
    """One item at one site: ``size``, ``num_files``: what would be copied there, or deleted; ``verdict``: what becomes of it.

    ``detail`` says more, e.g. why not. ``chance``: that the copy goes there, where one of several sites is drawn (None: it is not
    among them).
    """

    item: str
    site: str
    verdict: str
    detail: str = ""
    size: int = 0
    num_files: int = 0
    chance: float | None = None


@dataclass(frozen=True)
class Source:
    """Where an item would be copied from: bytes of its complete blocks at a site that can be read."""

    item: str
    site: str
    storage_type: str
    size: int


@dataclass(frozen=True)
class Room:
    """A site that was asked for, in the partition that serves requests; bytes. ``closed``: why it takes nothing now, or ""."""

    site: str
    quota: int
    present: int
    projected: int
    after: int
    closed: str


@dataclass(frozen=True)
class Outlook:
    """What would be done: ``size``, ``num_files`` in all; ``parts`` by item and site; ``refusal``: why nothing would be done.

    ``verdict``: accepted, refused, nothing left to do, or would wait (with ``refusal`` for what).
    """

    verdict: str
    refusal: str = ""
    size: int = 0
    num_files: int = 0
    parts: Sequence[Part] = ()
    sources: Sequence[Source] = ()
    rooms: Sequence[Room] = ()


@dataclass(frozen=True)
class Preview:
    """An outlook with what the desk itself would do: ``counted``: number of the open request that would be counted once more
    instead of a new one; ``approval``: name of the rule that would have it wait for a person; ``item_sizes``: bytes by item."""

    kind: str
    items: Sequence[str]
    sites: Sequence[str]
    group: str
    num_copies: int
    outlook: Outlook
    counted: int | None = None
    approval: str = ""
    version: int = 0
    item_sizes: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


Tell = Callable[[Snapshot, Ready], Outlook]


def preview(snapshot: Snapshot, kind: str, asker: Asker, wanted: Wanted, settings: RegistrySettings) -> Preview:
    """What asking for ``wanted`` would come to now. Raises Refused as asking would."""
    ready = (ready_copy if kind == RequestKind.COPY else ready_deletion)(snapshot, wanted, settings)
    found = existing(snapshot, kind, asker, ready)
    rule = None
    if found is None:
        check_new(kind, ready)
        rule = approval.rule_for(
            asker, kind, ready.group, ready.sites, ready.num_copies, lambda: bytes_of(snapshot, ready.items)
        )
    hook = "REGISTRY_COPY_PREVIEW" if kind == RequestKind.COPY else "REGISTRY_DELETION_PREVIEW"
    tell: Tell = import_string(getattr(installation, hook))
    return Preview(
        kind, ready.items, ready.sites, ready.group, ready.num_copies, tell(snapshot, ready),
        counted=None if found is None else found.pk, approval="" if rule is None else rule.name, version=snapshot.version,
        item_sizes={item: bytes_of(snapshot, [item]) for item in ready.items},
    )  # fmt: skip
