"""Every list: what it has, filters, order, fields; compared with a plain evaluation of the same rows."""

from __future__ import annotations

import fnmatch
import operator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.registry.api.reading.makers import DATASETS, GROUPS, SITES, blocks_of, files_of

LISTS = (
    "datasets", "blocks", "replicas", "dataset-replicas", "files", "sites", "groups", "partitions", "quotas", "statistics/size",
    "statistics/replication", "statistics/usage", "history", "history/1",
)  # fmt: skip
COMPARE = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}


def plain(rows: list[dict], query: dict[str, object]) -> list[dict]:
    """What the query means, said without any frame."""
    found = [row for row in rows if all(_holds(row, name, value) for name, value in query.items() if name != "order")]
    for name in reversed([part for part in str(query.get("order", "")).split(",") if part]):
        label = name.removeprefix("-")
        found.sort(key=lambda row: (row[label] is not None, row[label] or 0) if not isinstance(row[label], str) else (True, row[label]),
                   reverse=name.startswith("-"))  # fmt: skip
    return found


def _holds(row: dict, name: str, given: object) -> bool:
    label, _, kind = name.partition("__")
    value = row[label]
    if kind == "null":
        return (value is None) == (given == "true")
    if kind in COMPARE:
        return value is not None and COMPARE[kind](value, type(value)(given))
    values = given if isinstance(given, list) else [given]
    shown = str(value).lower() if isinstance(value, bool) else value
    same = value is not None and any(
        str(shown) == str(one) or (isinstance(value, str) and fnmatch.fnmatchcase(value, str(one))) for one in values
    )
    return same != (kind == "not")


def test_lists_have_what_the_inventory_has(reader, stocked):
    assert [row["name"] for row in reader.rows("datasets")] == DATASETS
    assert [row["name"] for row in reader.rows("sites")] == list(SITES)
    assert {row["name"] for row in reader.rows("groups")} == {"None", *GROUPS}
    blocks = reader.rows("blocks")
    assert [(row["dataset"], row["name"]) for row in blocks] == [
        (name, block) for name in DATASETS for block in blocks_of(name)
    ]
    replicas = reader.rows("replicas", limit=1000)
    there = stocked.snapshot().named("block_replicas").collect()
    assert [
        (row["dataset"], row["block"], row["site"], row["group"], row["size"], row["complete"]) for row in replicas
    ] == there.select("dataset", "block", "site", "group", "size", "complete").rows()
    lfns = [row["lfn"] for row in reader.rows("files", limit=1000)]
    assert lfns == [row["lfn"] for name in DATASETS for block in blocks_of(name) for row in files_of(name, block)]


def test_sums_of_datasets_and_of_their_replicas(reader, stocked):
    blocks, replicas = reader.rows("blocks"), reader.rows("replicas", limit=1000)
    for row in reader.rows("datasets"):
        own = [block for block in blocks if block["dataset"] == row["name"]]
        assert (row["size"], row["num_files"], row["num_blocks"]) == (
            sum(block["size"] for block in own), sum(block["num_files"] for block in own), len(own),
        )  # fmt: skip
    for row in reader.rows("dataset-replicas"):
        own = [one for one in replicas if (one["dataset"], one["site"]) == (row["dataset"], row["site"])]
        whole = len(blocks_of(row["dataset"])) == len(own) and all(one["complete"] for one in own)
        assert (row["size"], row["num_files"], row["num_blocks"], row["complete"]) == (
            sum(one["size"] for one in own), sum(one["num_files"] for one in own), len(own), whole,
        )  # fmt: skip
    for row in reader.rows("quotas"):
        if row["partition"] != "Both":
            group = {"Analysis": "AnalysisOps", "Data": "DataOps"}[row["partition"]]
            present = sum(one["size"] for one in replicas if (one["site"], one["group"]) == (row["site"], group))
            assert row["present"] == present
            assert row["quota"] == (10**12 if (row["site"], row["partition"]) == ("T2_A", "Analysis") else 0)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("datasets", {"name": "/Prim0[1-3]/*"}), ("datasets", {"name": [DATASETS[3], DATASETS[7], "/no/such/one"]}),
        ("datasets", {"name__not": "*RAW", "status": ["VALID", "INVALID"]}), ("datasets", {"software_version__null": "true"}),
        ("datasets", {"usage_rank__ge": "0.5", "order": "-usage_rank"}), ("datasets", {"order": "software_version,-name"}),
        ("datasets", {"size__gt": "400", "order": "-size,name"}), ("datasets", {"num_blocks": "3"}),
        ("datasets", {"last_access__null": "true"}), ("datasets", {"status__not": "VALID", "order": "-status"}),
        ("blocks", {"dataset": "/Prim0*", "name": "b?"}), ("blocks", {"dataset": DATASETS[3], "order": "-name"}),
        ("replicas", {"site": "T2_*", "complete": "true", "dataset": "*AOD"}), ("replicas", {"group__not": "DataOps"}),
        ("replicas", {"block": "0000000[1-5]*", "site__not": "T2_A"}), ("replicas", {"size__le": "0", "order": "site,-block"}),
        ("replicas", {"dataset": [DATASETS[1], DATASETS[2]], "group": "No*"}), ("dataset-replicas", {"complete": "false", "growing": "true"}),
        ("dataset-replicas", {"num_blocks__lt": "3", "order": "-num_files"}), ("files", {"adler32__null": "false"}),
        ("files", {"lfn": "*/2.root", "size__ge": "150"}), ("files", {"dataset": DATASETS[5], "block": "b0"}),
        ("files", {"crc32": "ffffffff"}), ("sites", {"status": "READY", "order": "-name"}), ("sites", {"host": "*.example.org"}),
        ("partitions", {"kind": "union"}), ("groups", {"name": "A*"}), ("quotas", {"site": "T2_A", "quota__gt": "0"}),
        ("quotas", {"order": "-present,site"}), ("statistics/size", {"key": "m*"}), ("statistics/usage", {"size__gt": "5000"}),
    ],
)  # fmt: skip
def test_filters_and_order_mean_what_they_say(reader, stocked, path, query):
    everything = reader.rows(path, limit=1000)
    found = reader.rows(path, limit=1000, **query)
    wanted = plain(everything, query)
    if "order" in query:
        names = [name.removeprefix("-") for name in query["order"].split(",")]
        assert [[row[name] for name in names] for row in found] == [[row[name] for name in names] for row in wanted]
        assert sorted(map(str, found)) == sorted(map(str, wanted))
    else:
        assert found == [row for row in everything if row in wanted]
    assert (
        0 <= len(found) < len(everything)
        or "order" in query
        or query in ({"host": "*.example.org"}, {"last_access__null": "true"})
    )


VALUES = {
    "site": ["T2_A", "T2_*", "*", "T?_*", "nowhere", "[", "None"], "dataset": [DATASETS[0], "/Prim0*", "*RAW", "/", "**"],
    "block": ["b0", "b*", "*1"], "group": ["None", "DataOps", "*Ops"], "complete": ["true", "false"], "size__ge": ["0", "300", "999999"],
    "size__lt": ["303", "400"], "site__not": ["T2_B", "T1*"], "dataset__not": ["*AOD", DATASETS[1]], "num_files__gt": ["0", "2"],
}  # fmt: skip


@given(
    query=st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 6), max_size=4),
    order=st.lists(
        st.sampled_from(["site", "-site", "size", "-size", "block", "-complete", "dataset", "-last_update"]),
        max_size=3, unique_by=lambda name: name.lstrip("-"),
    ),
    limit=st.integers(1, 40),
)  # fmt: skip
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_filters_in_any_order_over_all_pages(reader, stocked, query, order, limit):
    chosen = {name: VALUES[name][place % len(VALUES[name])] for name, place in query.items()}
    everything = reader.rows("replicas", limit=1000)
    ordering = {"order": ",".join(order)} if order else {}
    found = reader.all_rows("replicas", limit=max(limit, 4), **chosen, **ordering)
    wanted = plain(everything, chosen | ordering)
    assert sorted(map(str, found)) == sorted(map(str, wanted))
    names = [name.removeprefix("-") for name in order]
    assert [[row[name] for name in names] for row in found] == [[row[name] for name in names] for row in wanted]
    # Rows that are alike stand as they do in the table.
    if not order:
        assert found == [row for row in everything if row in wanted]


@pytest.mark.parametrize("path", LISTS)
def test_fields_are_chosen_and_come_in_that_order(reader, stocked, path):
    (first, *_) = reader.rows(path)
    names = list(first)[::-1][:3]
    assert [list(row) for row in reader.rows(path, fields=",".join(names))] == [names] * len(reader.rows(path))


def test_what_is_of_one_dataset(reader, stocked):
    name = "%2FPrim05%2FEra-v2%2FAOD"
    for part in ("blocks", "replicas", "files"):
        assert reader.rows(f"datasets/{name}/{part}") == reader.rows(part, dataset=DATASETS[5]) != []
    (history, *_) = reader.rows(f"datasets/{name}/history", table="datasets")
    assert (history["what"], history["object"], history["values"]["status"]) == (
        "made", {"dataset": DATASETS[5]}, {"old": None, "new": "INVALID"},
    )  # fmt: skip
    assert reader.get(f"datasets/{name}").json() == reader.rows("datasets", name=DATASETS[5])[0]


def test_single_objects(reader, stocked):
    assert reader.get("sites/T2_A").json()["host"] == "t2_a.example.org"
    assert reader.get("groups/DataOps").json() == {"name": "DataOps", "level": "Dataset"}
    assert reader.get("partitions/Both").json()["kind"] == "union"
    assert reader.get("blocks/%2FPrim05%2FEra-v2%2FAOD%23b0").json()["size"] == 453
    lfn = files_of(DATASETS[2], "b0")[1]["lfn"]
    assert reader.get(f"files/{lfn.replace('/', '%2F')}").json()["size"] == 121


@pytest.mark.parametrize(
    "path",
    [
        "datasets/%2Fno", "datasets/%2FPrim0*", "datasets/%2Fno/blocks", "datasets/%2Fno/replicas", "datasets/%2Fno/files",
        "datasets/%2Fno/history", "blocks/%2FPrim05%2FEra-v2%2FAOD%23no", "blocks/no", "files/%2Fno", "files/no", "sites/T2_*",
        "groups/nobody", "partitions/x", "history/99",
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(reader, stocked, path):
    status, problem = reader.problem(path)
    assert (status, problem["type"]) == (404, "/api/v1/problems/not-found")
    assert problem["detail"].startswith(("there is no", "dataset"))


def test_statistics_are_those_of_the_classic_interface_in_bytes(reader, stocked):
    from inventory import statistics

    snapshot = stocked.snapshot()
    for by in statistics.CATEGORIES:
        classic = statistics.size(snapshot, by, {"site": ["T2_.*"]}, physical=False)["content"]
        found = reader.rows("statistics/size", list_by=by, site="T2_.*", physical="false")
        assert [row["key"] for row in found] == [row["key"] for row in classic]
        assert [row["size"] / 1e12 for row in found] == pytest.approx([row["size"] for row in classic])
        means = statistics.replication(snapshot, by)["content"]
        shown = {row["key"]: (row["mean"], row["rms"]) for row in reader.rows("statistics/replication", list_by=by)}
        assert shown == {row["key"]: pytest.approx((row["mean"], row["rms"])) for row in means}
    usage = statistics.usage(snapshot, "group")
    flat = [(row["site"], one["key"]) for row in usage["content"] for one in row["usage"]]
    found = reader.rows("statistics/usage", list_by="group")
    assert sorted((row["site"], row["key"]) for row in found) == sorted(flat)


def test_physical_names(reader, stocked):
    found = reader.rows("lfn2pfn", site="T2_[AB]", lfn=["/store/a", "/store/b"])
    assert [(row["site"], row["pfn"]) for row in found] == [
        (site, f"root://{site.lower()}.example.org//store-root{lfn}") for site in ("T2_A", "T2_B") for lfn in ("/store/a", "/store/b")
    ]  # fmt: skip
