"""Proposals about other copies of the dataset: one more, one less, complete ones, ones at sites that are ready."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import polars as pl

from detox.counterfactual import edits
from detox.counterfactual.asked import Asked
from detox.counterfactual.costs import Change

_COUNTS = {
    "dataset.num_full_disk_copy", "dataset.num_full_copy", "dataset.on_tape", "dataset.has_incomplete_replica",
    "dataset.on_protected_site", "replica.num_full_disk_copy_common_owner", "replica.num_full_other_copy_common_owner",
    "blockreplica.num_full_disk_copy", "blockreplica.on_tape", "blockreplica.is_last_transfer_source",
}  # fmt: skip
_MOST_COPIES = 3


def proposals(asked: Asked) -> Iterator[Change]:
    """Changes of copies, where the policy looks at any."""
    if "replica.incomplete" in asked.variables or not _COUNTS.isdisjoint(asked.variables):
        yield from _completed(asked)
    if not _COUNTS.isdisjoint(asked.variables):
        yield from _more(asked)
        yield from _less(asked)
        yield from _ready(asked)
    if "dataset.on_protected_site" in asked.variables:
        yield from _protected_sites(asked)


def _more(asked: Asked) -> Iterator[Change]:
    """One full copy, two, … at the target sites of a kind that have most room and nothing of it."""
    there = _holding(asked)["site_id"].to_list()
    sites = asked.decisions.sites.join(
        asked.inputs.snapshot.frame("sites").select("site_id", pl.col("storage_type").cast(pl.String)), on="site_id"
    ).filter(pl.col("status") == "READY", ~pl.col("site_id").is_in(there))  # fmt: skip
    room = pl.when(pl.col("quota") < 0).then(2**62).otherwise(pl.col("quota") - pl.col("occupied_after"))
    group, time = int(asked.rows["group_id"][0]), int(asked.rows["last_update"].max() or 0)  # type: ignore[arg-type]
    for kind, words in (("DISK", "disk"), ("MSS", "tape")):
        roomy = sites.filter(pl.col("storage_type") == kind).sort(room, "site", descending=[True, False])
        for number in range(1, min(len(roomy), _MOST_COPIES if kind == "DISK" else 1) + 1):
            chosen = roomy.head(number)

            def apply(inputs: object, ids: tuple[int, ...] = tuple(chosen["site_id"])) -> object:
                for site_id in ids:
                    inputs = edits.full_copy(inputs, asked.subject, site_id, group, time)  # type: ignore[arg-type]
                return inputs

            more = "one full copy more" if number == 1 else f"{number} full copies more"
            text = f"there had been {more} on {words}, at {', '.join(chosen['site'])}"
            yield Change("copy", f"copies on {words}", text, 0, number, apply, number=number)  # type: ignore[arg-type]


def _less(asked: Asked) -> Iterator[Change]:
    """Each other copy away, then all of them."""
    others = _holding(asked).filter(pl.col("site_id") != asked.subject.site_id)
    lists = [others[place : place + 1] for place in range(min(len(others), 6))]
    for chosen in [*lists, *([others] if len(others) > 1 else [])]:
        copies = "copy" if len(chosen) == 1 else "copies"
        text = f"there had been no {copies} at {', '.join(chosen['site'])}"
        apply = partial(edits.without_copy, dataset_id=asked.subject.dataset_id, site_ids=tuple(chosen["site_id"]))
        yield Change("copy", "copies elsewhere", text, len(chosen), 0, apply, 0.5, number=len(chosen))


def _completed(asked: Asked) -> Iterator[Change]:
    for site_id, site, whole in _holding(asked).select("site_id", "site", "complete").iter_rows():
        if not whole:
            own = site_id == asked.subject.site_id
            text = (
                "all files of its blocks had been there" if own else f"all files of its blocks at {site} had been there"
            )
            apply = partial(edits.complete, dataset_id=asked.subject.dataset_id, site_id=site_id)
            yield Change("complete", site, text, False, True, apply, 0.0 if own else 0.5, everywhere=True)


def _ready(asked: Asked) -> Iterator[Change]:
    """Other sites with a copy that are not ready."""
    sites = asked.decisions.sites.filter(pl.col("status") != "READY", pl.col("site_id") != asked.subject.site_id)
    for site_id, site, status in (
        sites.join(_holding(asked), on="site_id", how="semi").select("site_id", "site", "status").iter_rows()
    ):
        text = f"the status of {site} had been READY (it was {status})"
        apply = partial(edits.site_status, site_id=site_id, status="READY")
        yield Change("site", site, text, status, "READY", apply, everywhere=True)


def _protected_sites(asked: Asked) -> Iterator[Change]:
    names = asked.inputs.facts.protected_sites
    for site in _holding(asked)["site"]:
        listed = site in names
        text = f"{site} had {'not ' if listed else ''}been in the list of protected sites"
        apply = partial(edits.protected_site, site=site, listed=not listed)
        yield Change("site", site, text, listed, not listed, apply)


def _holding(asked: Asked) -> pl.DataFrame:
    """Sites with something of the dataset in the image: site_id, site, complete (all that is there is)."""
    image = asked.decisions.image.filter(pl.col("dataset_id") == asked.subject.dataset_id)
    return image.group_by("site_id", "site").agg(pl.col("complete").all()).sort("site")
