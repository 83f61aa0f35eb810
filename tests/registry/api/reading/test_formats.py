"""The same rows in every format, whole and in pages, compressed and not."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inventory.changes import ChangeSet
from tests.registry.api.reading.test_lists import LISTS

TYPES = {
    "ndjson": "application/x-ndjson", "csv": "text/csv", "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}  # fmt: skip


def body_of(answer) -> bytes:
    data = b"".join(answer.streaming_content) if answer.streaming else answer.content
    encoding = answer.headers.get("Content-Encoding")
    if encoding == "gzip":
        return gzip.decompress(data)
    return pa.input_stream(io.BytesIO(data), compression=encoding).read() if encoding else data


def read_back(form: str, data: bytes) -> list[dict]:
    """Rows as JSON has them."""
    if form == "ndjson":
        return [json.loads(line) for line in data.splitlines()]
    if form == "csv":
        return list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    table = pq.read_table(io.BytesIO(data)) if form == "parquet" else pa.ipc.open_stream(data).read_all()
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]


def _plain(value: object) -> object:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def as_text(row: dict) -> dict[str, str]:
    """A row of JSON as CSV has it."""
    return {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else
        json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else str(value)
        for name, value in row.items()
    }  # fmt: skip


@pytest.mark.parametrize("form", TYPES)
@pytest.mark.parametrize("path", LISTS)
def test_every_format_reads_back_as_json(reader, stocked, path, form):
    wanted = reader.rows(path, limit=10_000)
    answer = reader.get(path, accept=TYPES[form])
    assert (answer.status_code, answer["Content-Type"]) == (200, TYPES[form])
    found = read_back(form, body_of(answer))
    if form == "csv":
        assert [
            {name: text.replace('": ', '":').replace(', "', ',"') for name, text in row.items()} for row in found
        ] == [as_text(row) for row in wanted]
    else:
        nested = [name for name in wanted[0] if form != "ndjson" and isinstance(wanted[0][name], dict)]
        for row in found:
            row.update((name, json.loads(row[name])) for name in nested)
        assert found == wanted


@pytest.mark.parametrize("form", TYPES)
def test_a_format_in_pages_links_to_the_next(reader, stocked, form):
    wanted = reader.rows("replicas", limit=1000)
    address, found = f"/api/v1/replicas?format={form}&limit=30&order=-size", []
    while address:
        answer = reader.client.get(address)
        found += read_back(form, body_of(answer))
        link = answer.headers.get("Link", "")
        address = link[1:].partition(">")[0]
        assert not link or link.endswith('>; rel="next"')
    assert sorted(row["size"] for row in found) == sorted(
        str(row["size"]) if form == "csv" else row["size"] for row in wanted
    )


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "gzip;q=0.5, zstd;q=0", "*", "br", "identity", "gzip;q=x", ""])
@pytest.mark.parametrize(
    "query", [{"limit": 1000}, {"format": "ndjson"}, {"format": "csv", "order": "-size"}, {"format": "arrow"}]
)
def test_compressed_as_the_caller_takes_it(reader, stocked, encoding, query):
    plain = body_of(reader.get("replicas", query))
    answer = reader.get("replicas", query, accept_encoding=encoding)
    assert body_of(answer) == plain
    expected = {"gzip": "gzip", "zstd": "zstd", "gzip;q=0.5, zstd;q=0": "gzip", "*": "zstd"}.get(encoding)
    assert answer.headers.get("Content-Encoding") == expected
    assert "Accept-Encoding" in answer["Vary"]


def test_parquet_is_not_compressed_a_second_time(reader, stocked):
    assert "Content-Encoding" not in reader.get("replicas", {"format": "parquet"}, accept_encoding="gzip, zstd").headers


@pytest.mark.parametrize("form", ["json", *TYPES])
def test_nothing_found_is_a_list_too(reader, stocked, form):
    answer = reader.get("replicas", {"format": form, "site": "nowhere"})
    data = body_of(answer)
    assert answer.status_code == 200
    assert (json.loads(data)["results"] if form == "json" else read_back(form, data)) == []


def test_a_spreadsheet_takes_no_name_for_a_formula(reader, inventory):
    names = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "plain=1", "'quoted"]
    inventory.commit(ChangeSet("test", 1).put("datasets", [{"name": name, "data_type": "=1+1"} for name in names]))
    answer = reader.get("datasets", {"format": "csv", "fields": "name,data_type,num_access"})
    found = read_back("csv", body_of(answer))
    assert [row["name"] for row in found] == ["'" + name if name[0] in "=+-@" else name for name in names]
    assert {row["data_type"] for row in found} == {"'=1+1"}
    assert {row["num_access"] for row in found} == {"0"}
    assert [row["name"] for row in reader.rows("datasets")] == names


def test_a_stream_is_made_piece_by_piece(stocked):
    """No piece waits for those behind it, and none is held after it was handed on."""
    from registry.api.asked import read
    from registry.api.columns import Field, by_name
    from registry.api.formats import FORMATS

    fields = by_name(Field("number", "integer", ""))
    handed = []

    def frames():
        for place in range(5):
            handed.append(place)
            yield pl.DataFrame({"number": range(100_000)})

    for form in FORMATS[1:]:
        handed.clear()
        parts = form.write(frames(), read({}, fields).fields)
        first = next(part for part in parts if len(part) > 1000)
        assert len(handed) <= 2
        assert len(first) < 2_000_000
        assert len([part for part in parts if part]) >= 4


def test_an_unknown_format(reader, stocked):
    status, problem = reader.problem("sites", {"format": "xml"})
    assert (status, problem["errors"][0]["field"]) == (400, "format")
    assert reader.get("sites", accept="application/xml").status_code == 406
    assert reader.get("sites", accept="text/html,*/*;q=0.1")["Content-Type"] == "application/json"
