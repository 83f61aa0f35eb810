"""Wrong documents are refused as a whole, with every mistake and its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.errors import ChangeRefused
from inventory.injection import plan, plan_deletion
from tests.inventory.injecting import EMPTY, NOW, base, dataset, file, refusals, replica


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


FILES = "dataset[0].blocks[0].files[0]"


def of_file(**changed: Any) -> dict[str, Any]:
    entry = {key: value for key, value in {"name": "/d/1", "size": 1, **changed}.items() if value is not ...}
    return {"dataset": [dataset("/D", b=[entry])]}


@pytest.mark.parametrize(
    ("document", "mistake"),
    [
        (None, "document: has to be an object with dataset, datasetreplica, group, site, not null"),
        ([], "document: has to be an object with dataset, datasetreplica, group, site, not a list"),
        ("{}", "document: has to be an object with dataset, datasetreplica, group, site, not '{}'"),
        ({"datasets": []}, "document: unknown key 'datasets' (did you mean dataset?)"),
        ({"dataset": {}}, "dataset: has to be a list, not an object"),
        ({"dataset": [1]}, "dataset[0]: has to be an object, not 1"),
        ({"dataset": nested(100_000)}, "dataset[0]: has to be an object, not a list"),
        ({"dataset": [{}]}, "dataset[0]: 'name' is missing"),
        ({"dataset": [{"name": None}]}, "dataset[0]: 'name' is null"),
        ({"dataset": [{"name": ""}]}, "dataset[0].name: is empty"),
        ({"dataset": [{"name": 7}]}, "dataset[0].name: has to be a text, not 7"),
        ({"dataset": [{"name": nested(100_000)}]}, "dataset[0].name: has to be a text, not a list"),
        ({"dataset": [{"name": "/D\0"}]}, "dataset[0].name: '/D\\x00' has control characters"),
        ({"dataset": [{"name": "/D\ud800"}]}, "dataset[0].name: '/D\\ud800' is not valid text"),
        ({"dataset": [{"name": "/D#b"}]}, "dataset[0].name: '/D#b' has a '#', which begins the block's name"),
        ({"dataset": [{"name": "x" * 513}]}, f"dataset[0].name: '{'x' * 60}'… is longer than 512 characters"),
        ({"dataset": [{"name": "/D", "status": "good"}]}, "dataset[0].status: 'good' is none of UNKNOWN, DELETED"),
        ({"dataset": [{"name": "/D", "state": "valid"}]}, "dataset[0]: unknown key 'state' (did you mean status?)"),
        ({"dataset": [{"name": "/D"}, {"name": "/D"}]}, "dataset[1]: /D is in the document twice; first as dataset[0]"),
        ({"dataset": [{"name": "/D", "blocks": "b"}]}, "dataset[0].blocks: has to be a list, not 'b'"),
        ({"dataset": [{"name": "/D", "blocks": ["b"]}]}, "dataset[0].blocks[0]: has to be an object, not 'b'"),
        ({"dataset": [{"name": "/D", "blocks": [{"name": "x" * 256}]}]}, "dataset[0].blocks[0].name: 'xxxx"),
        ({"dataset": [{"name": "/D", "blocks": [{"name": "b"}, {"name": "/D#b"}]}]}, "dataset[0].blocks[1]: /D b is in the document twice"),
        (of_file(name=...), f"{FILES}: 'name' is missing"),
        (of_file(name="d/1"), f"{FILES}.name: 'd/1' is not absolute"),
        (of_file(name="/d/../1"), f"{FILES}.name: '/d/../1' has a part '.' or '..'"),
        (of_file(name="/d//1"), f"{FILES}.name: '/d//1' has an empty part"),
        (of_file(name="/d/\n1"), f"{FILES}.name: '/d/\\n1' has control"),
        (of_file(name="/d" * 1000), f"{FILES}.name: '/d/d"),
        (of_file(size=...), f"{FILES}: 'size' is missing"),
        (of_file(size=None), f"{FILES}: 'size' is null"),
        (of_file(size=-1), f"{FILES}.size: has to be a whole number of bytes from 0 to {2**48}, not -1"),
        (of_file(size=True), f"{FILES}.size: has to be a whole number of bytes from 0 to {2**48}, not true"),
        (of_file(size=1.0), f"{FILES}.size: has to be a whole number of bytes from 0 to {2**48}, not 1.0"),
        (of_file(size="1"), f"{FILES}.size: has to be a whole number of bytes from 0 to {2**48}, not '1'"),
        (of_file(size=float("nan")), f"{FILES}.size: has to be a whole number"),
        (of_file(size=10**5000), f"{FILES}.size: has to be a whole number of bytes from 0 to {2**48}, not a number of more"),
        (of_file(adler32="xyz"), f"{FILES}.adler32: has to be 8 hexadecimal digits or a number of 32 bits, not 'xyz'"),
        (of_file(adler32="123456789"), f"{FILES}.adler32: has to be 8 hexadecimal digits"),
        (of_file(adler32=2**32), f"{FILES}.adler32: has to be 8 hexadecimal digits"),
        (of_file(adler32=True), f"{FILES}.adler32: has to be 8 hexadecimal digits or a number of 32 bits, not true"),
        (of_file(cksum="ff"), f"{FILES}.cksum: has to be decimal digits"),
        (of_file(cksum="1", crc32=2), f"{FILES}: 'crc32' and 'cksum' mean the same, and differ: 2 and 1"),
        (of_file(md5="x"), f"{FILES}: unknown key 'md5'"),
        (of_file(site="Z"), f"{FILES}: there is no site 'Z'"),
        ({"dataset": [dataset("/D", b=["/d/1"])]}, f"{FILES}: has to be an object, not '/d/1'"),
        ({"dataset": [dataset("/D", b=[file("/d/1")], c=[file("/d/1")])]}, "dataset[0].blocks[1].files[0]: /d/1 is in the document twice"),
        ({"dataset": [dataset("/D", b=[file("/x/1")])]}, f"{FILES}: '/x/1' exists in another block, /X#b"),
        ({"site": [{"name": "N", "status": "up"}]}, "site[0].status: 'up' is none of READY, WAITROOM, MORGUE, UNKNOWN"),
        ({"site": [{"name": "N"}, {"name": "N"}]}, "site[1]: N is in the document twice; first as site[0]"),
        ({"group": [{"name": "N"}], "gruop": [{"name": "N"}]}, "gruop[0]: N is in the document twice; first as group[0]"),
        ({"group": [{"name": "N", "olevel": "file"}]}, "group[0].olevel: 'file' is none of Dataset, Block"),
        ({"datasetreplica": [{"site": "A"}]}, "datasetreplica[0]: 'dataset' is missing"),
        ({"datasetreplica": [replica("/Y", "A")]}, "datasetreplica[0]: there is no dataset '/Y'"),
        ({"datasetreplica": [replica("/X", "AA")]}, "datasetreplica[0]: there is no site 'AA' (did you mean A?)"),
        ({"datasetreplica": [replica("/X", "B", group="AnalysisOp")]}, "there is no group 'AnalysisOp' (did you mean AnalysisOps?)"),
        ({"datasetreplica": [replica("/X", "B", growing=1)]}, "datasetreplica[0].growing: has to be true or false, not 1"),
        ({"datasetreplica": [replica("/X", "B"), replica("/X", "B")]}, "datasetreplica[1]: /X B is in the document twice"),
        ({"datasetreplica": [replica("/X", "B", {"block": "c"})]}, "datasetreplica[0].blockreplicas[0]: dataset '/X' has no block 'c'"),
        ({"datasetreplica": [replica("/X", "B", {"block": "b", "files": ["/x/7"]})]}, "blockreplicas[0].files[0]: block 'b' has no file '/x/7'"),
        ({"datasetreplica": [replica("/X", "B", {"block": "b", "files": [7]})]}, "blockreplicas[0].files[0]: has to be a text, not 7"),
        ({"datasetreplica": [replica("/X", "B", {"block": "b", "files": [{}]})]}, "blockreplicas[0].files[0]: has to be a text, not null"),
        ({"datasetreplica": [replica("/X", "B", {"block": "b"}, {"block": "b"})]}, "blockreplicas[1]: /X b B is in the document twice"),
    ],
)  # fmt: skip
def test_mistake(document, mistake):
    assert mistake in "\n".join(refusals(base(), document))


def test_all_mistakes_at_once():
    document = {
        "dataset": [
            {"name": "/D", "status": "fine", "blocks": [{"name": "b", "files": [file("x", "1"), file("/y", -1)]}]}
        ],
        "site": [{"name": ""}],
        "datasetreplica": [{"dataset": "/D"}],
        "block": [],
    }
    assert len(refusals(base(), document)) == 7


def test_endless_mistakes_end():
    assert len(refusals(base(), {"dataset": [{"nam": 1}] * 100_000})) == 200


@pytest.mark.parametrize(
    ("document", "mistake"),
    [
        ([], "document: has to be an object"),
        ({"dataset": [{"name": "/Y"}]}, "dataset[0]: there is no dataset '/Y'"),
        ({"dataset": [{"name": "/X", "blocks": [{"name": "c"}]}]}, "dataset[0].blocks[0]: dataset '/X' has no block 'c'"),
        ({"dataset": [dataset("/X", b=["/x/7"])]}, f"{FILES}: block 'b' has no file '/x/7'"),
        ({"dataset": [dataset("/X", b=[7])]}, f"{FILES}: has to be an object or an LFN, not 7"),
        ({"site": [{"name": "Z"}]}, "site[0]: there is no site 'Z'"),
        ({"group": [{"name": "Z"}]}, "group[0]: there is no group 'Z'"),
        ({"group": [{"name": "None"}]}, "group[0]: group None stands for no group, and stays"),
        ({"datasetreplica": [replica("/X", "B")]}, "datasetreplica[0]: there is no replica of '/X' at 'B'"),
        ({"datasetreplica": [replica("/X", "A", {"block": "c"})]}, "there is no replica of block 'c' at 'A'"),
        ({"datasetreplica": [replica("/X", "A", {"block": "b", "files": ["/x/9"]})]}, "block 'b' has no file '/x/9'"),
    ],
)  # fmt: skip
def test_mistakes_of_invalidations(document, mistake):
    assert mistake in "\n".join(refusals(base(), document, plan_deletion))


KEYS = st.sampled_from([
    "dataset", "site", "group", "gruop", "datasetreplica", "name", "blocks", "files", "size", "block", "blockreplicas",
    "growing", "status", "adler32", "olevel",
])  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["/X", "b", "A", "/x/1", "AnalysisOps"])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.dictionaries(KEYS, ANYTHING, max_size=4) | ANYTHING)
def test_any_json_is_planned_or_refused(document):
    for planning in (plan, plan_deletion):
        for snapshot in (EMPTY, base_snapshot()):
            try:
                planned = planning(snapshot, document, NOW)
            except ChangeRefused:
                continue
            assert sum(planned.counts.values()) <= len(json.dumps(document))


_BASE: list[Any] = []


def base_snapshot():
    """Made once: the property test asks for it at each example."""
    if not _BASE:
        _BASE.append(base())
    return _BASE[0]
