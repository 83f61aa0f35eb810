"""However TSV tables are damaged, they are read or refused; nothing else happens."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused
from inventory.naming import in_names
from inventory.resolve import applied
from inventory.snapshot import Snapshot
from inventory.tables_tsv import read_tables
from tests.inventory.tables import TABLES, write_tables

BITS = st.sampled_from(
    [
        b"\t",
        b"\n",
        b"\r\n",
        b"\0",
        b"-",
        b"0",
        b"9" * 25,
        b"\xff",
        b'"',
        b" ",
        b"",
        b"1e3",
        b"nan",
        "ü".encode(),
        b"\xef\xbb\xbf",
    ]
)
DAMAGES = st.lists(
    st.tuples(st.sampled_from(sorted(TABLES)), st.integers(0, 200), st.integers(0, 5), BITS), min_size=1, max_size=3
)


def damaged(damages: list[tuple[str, int, int, bytes]]) -> dict[str, bytes]:
    """Tables with some bytes replaced: file, place, number of bytes taken out, bytes put in."""
    contents = {name: text.encode() for name, text in TABLES.items()}
    for name, place, length, bits in damages:
        data = contents[name]
        start = place % (len(data) + 1)
        contents[name] = data[:start] + bits + data[start + length :]
    return {name.removesuffix(".tsv"): data for name, data in contents.items()}


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(DAMAGES)
def test_damaged_tables_are_read_or_refused(damages):
    with tempfile.TemporaryDirectory() as directory:
        try:
            tables = read_tables(write_tables(Path(directory), **damaged(damages)))
        except ChangeRefused as error:
            told = str(error)
        else:
            told = ""
    if told:
        assert ".tsv" in told
        return
    lines = sum(len(data.splitlines()) for name, data in damaged(damages).items())
    read = sum(tables.frames[name.removesuffix(".tsv")].height for name in TABLES)
    assert read == lines
    assert_can_be_committed(tables.snapshot())


def assert_can_be_committed(snapshot: Snapshot) -> None:
    """What could be read is a possible inventory by the server's own rules, but for names that it judges more strictly."""
    changes = ChangeSet("tester", 1)
    for table in ("groups", "sites", "datasets", "blocks", "dataset_replicas", "block_replicas"):
        if snapshot.frame(table).height:
            changes.put(table, in_names(snapshot, table))
    judged = list(stricter(changes))
    assert all("name" in problem or "not within" in problem for problem in judged), judged


def stricter(changes: ChangeSet) -> list[str]:
    """What the server says against the change set."""
    try:
        applied(Snapshot.from_frames({}), changes, 0)
    except ChangeRefused as error:
        return [str(problem) for problem in error.problems]
    return []
