"""CSV that commands and pages write is safe to open in a spreadsheet."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import polars as pl
import pytest

from inventory.spreadsheets import written

ROOT = Path(__file__).parents[2]
# Read in again as it is written; and what has guarded its pieces itself.
EXACT = {
    "inventory/exporting.py",
    "inventory/sources/reading.py",
    "registry/api/formats.py",
    "inventory/spreadsheets.py",
}


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =1"])
def test_what_a_spreadsheet_would_take_for_a_formula_is_text(name):
    frame = pl.DataFrame({"name": [name, "/a/b/c"], "size": [-1, 2], name: ["", ""]})
    rows = list(csv.reader(io.StringIO(written(frame), newline="")))
    assert rows == [["name", "size", f"'{name}"], [f"'{name}", "-1", ""], ["/a/b/c", "2", ""]]
    assert written(frame.select("size"), "\t") == "size\n-1\n2\n"


def test_nothing_else_writes_csv():
    found = set()
    for folder in ("inventory", "scheduler", "registry", "fileops", "detox", "dealer", "consistency", "dynamo_site"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                written_here = isinstance(node, ast.Attribute) and node.attr in ("write_csv", "sink_csv")
                if written_here or (isinstance(node, ast.Import) and any(name.name == "csv" for name in node.names)):
                    found.add(str(path.relative_to(ROOT)))
    assert found == EXACT
