"""Pages by cursor while the inventory changes; cursors that are not ours."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inventory.changes import ChangeSet
from tests.registry.api.reading.makers import DATASETS, SITES, blocks_of

BY_NAME = ("", "dataset", "-site,block")
ORDERS = (*BY_NAME, "-size", "complete,-dataset")
KEY = ("dataset", "block", "site")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_together_are_the_list(reader, stocked, order, limit):
    query = {"order": order} if order else {}
    whole = reader.rows("replicas", limit=1000, **query)
    assert len(whole) == len({tuple(row[name] for name in KEY) for row in whole}) == 78
    assert reader.all_rows("replicas", limit=limit, **query) == whole


@given(
    order=st.sampled_from(ORDERS),
    limit=st.integers(3, 30),
    changes=st.lists(
        st.tuples(st.sampled_from(["whole", "in part", "remove"]), st.integers(0, 11), st.integers(0, 3)), max_size=8
    ),
)
@example("complete,-dataset", 3, [("in part", 11, 3), ("remove", 11, 3), ("whole", 11, 3)])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_that_stay_are_given_exactly_once_while_others_come_and_go(reader, stocked, order, limit, changes):
    query = {"order": order} if order else {}
    before = {tuple(row[name] for name in KEY) for row in reader.rows("replicas", limit=1000)}
    steps, touched = iter(changes), set()

    def change() -> None:
        step = next(steps, None)
        if step is not None:
            what, place, at = step
            _change(stocked, what, DATASETS[place], SITES[at])
            touched.update((DATASETS[place], block, SITES[at]) for block in blocks_of(DATASETS[place]))

    pages = reader.all_rows("replicas", between=change, limit=limit, **query)
    found = Counter(tuple(row[name] for name in KEY) for row in pages)
    assert before - touched <= found.keys() <= before | touched
    # What went and came back with another value belongs to another place of the list, which may be still to come.
    may_come_again = set() if order in BY_NAME else touched
    assert {key for key, times in found.items() if times > 1} <= may_come_again


def _change(inventory, what: str, dataset: str, site: str) -> None:
    """A replica of a dataset comes to a site, whole or with nothing of it yet, where there is none; or goes."""
    changes = ChangeSet("tester", inventory.leader_token)
    there = inventory.snapshot().named("dataset_replicas").select("dataset", "site").collect().rows()
    row = {"dataset": dataset, "site": site}
    if what == "remove":
        inventory.commit(changes.delete("dataset_replicas", [row]))
    elif (dataset, site) not in there:
        blocks = [{**row, "block": block, "complete": what == "whole"} for block in blocks_of(dataset)]
        changes.put("dataset_replicas", [{**row, "group": "DataOps"}]).put("block_replicas", blocks)
        inventory.commit(changes)


@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=1, max_size=25),
    others=st.lists(st.sampled_from([0.5, -1.0, float("nan"), None]), min_size=25, max_size=25),
    order=st.sampled_from(["number", "-number", "value,-number", "-value,number"]),
    limit=st.integers(1, 6),
)
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_where_values_are_missing(values, others, order, limit):
    import polars as pl

    from inventory.snapshot import Snapshot
    from registry.api import asked, cursors
    from registry.api.columns import Field, by_name
    from registry.api.frames import of_frame

    fields = by_name(
        Field("place", "integer", ""),
        Field("number", "integer", "", nullable=True),
        Field("value", "number", "", nullable=True),
    )
    rows = pl.DataFrame(
        {"place": range(len(values)), "number": values, "value": others[: len(values)]},
        schema={"place": pl.Int64, "number": pl.Int64, "value": pl.Float64},
    )
    wish = asked.read({"order": [order]}, fields)
    listed = of_frame(Snapshot.from_frames({}), rows, wish, {"place": int})
    found, after = [], None
    for _ in range(100):
        page = list(
            itertools.islice(
                (row for frame in listed.frames(after, limit) for row in frame.iter_rows(named=True)), limit
            )
        )
        if not page:
            break
        found += page
        text = cursors.written(listed.order, [page[-1][name] for name in listed.columns])
        after = cursors.read(text, listed.order, listed.kinds)
    whole = [row for frame in listed.frames(None, 1000) for row in frame.iter_rows(named=True)]
    assert found == whole
    assert sorted(row["place"] for row in found) == list(range(len(values)))


def test_the_next_page_is_for_the_same_question(reader, stocked):
    address = reader.get("replicas", {"limit": 3, "order": "-size", "site": "T2_*"}).json()["next"]
    cursor = address.rpartition("cursor=")[2]
    status, problem = reader.problem("replicas", {"limit": 3, "order": "size", "cursor": cursor})
    assert status == 400
    assert problem["errors"][0]["field"] == "cursor"
    assert "another list or order" in problem["detail"]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!",
        "W10",
        "é",
        "bnVsbA",
        "A" * 9000,
        "W1tdLFtdXQ",
        "W1tdLFsxLDIsIngiXV0",
        "W1tdLFsxLDIsMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjNdXQ",
    ],
)
def test_what_is_no_cursor_is_refused(reader, stocked, cursor):
    status, problem = reader.problem("replicas", {"cursor": cursor})
    assert status == 400
    assert problem["errors"][0]["field"] == "cursor"


def test_a_cursor_out_of_any_range_only_ends_the_list(reader, stocked):
    from registry.api.cursors import written

    for ids in ([2**40, 0, 0], [-5, -5, -5], [3, 2**62, -(2**63)]):
        answer = reader.get("replicas", {"cursor": written([], ids)})
        assert answer.status_code == 200, answer.content
