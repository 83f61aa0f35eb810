"""Attribute sources read what is right, and say what is wrong, and where; HTTP ones from a real server."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import polars as pl
import pytest

from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused, InventoryError
from inventory.resolve import applied
from inventory.snapshot import Snapshot
from inventory.sources import base
from inventory.sources.base import Context, SourceFailed, SourceWrong, kinds, make
from inventory.sources.sanity import believe

NOW = int(datetime(2024, 6, 10, 12, tzinfo=UTC).timestamp())
DAY = 86400
GB = 10**9


@pytest.fixture
def places(settings, tmp_path: Path) -> Path:
    settings.SOURCE_DIR = tmp_path / "sources"
    settings.SOURCE_DIR.mkdir()
    settings.SOURCE_HOSTS = ["127.0.0.1"]
    return settings.SOURCE_DIR


def snapshot() -> Snapshot:
    changes = ChangeSet("test", 1)
    changes.put("sites", [{"name": "T2_A"}]).put("groups", [{"name": "Ana", "level": "Dataset"}])
    changes.put("datasets", [{"name": name, "last_update": NOW - 100 * DAY} for name in ("/a", "/b")])
    changes.put("blocks", [{"dataset": name, "name": "x", "size": 10 * GB, "num_files": 1} for name in ("/a", "/b")])
    changes.put("files", [
        {"dataset": name, "block": "x", "lfn": f"/store{name}/1.root", "size": 10 * GB} for name in ("/a", "/b")
    ])  # fmt: skip
    return applied(Snapshot.from_frames({}), changes, NOW - 100 * DAY)


def fetched(kind: str, directory: Path, now: int = NOW, **configuration: object) -> pl.DataFrame:
    return make(kind, dict(configuration)).fetch(Context(now, snapshot(), directory / "state"))


def test_the_built_in_kinds_are_there_and_know_what_they_give(places: Path) -> None:
    assert {"csv", "parquet", "http-json", "access-log"} <= set(kinds())
    source = make("csv", {"path": "a.csv", "columns": {"dataset": "name", "usage_rank": "rank"}})
    assert source.provides() == ("usage_rank",)
    assert make("access-log", {"attributes": ["num_access"]}).provides() == ("num_access",)


@pytest.mark.parametrize(("kind", "configuration", "words"), [
    ("cvs", {}, "there are access-log, csv"),
    ("csv", {"path": "../secret"}, "DYNAMO_SOURCE_DIR"),
    ("csv", {"path": "/etc/passwd"}, "DYNAMO_SOURCE_DIR"),
    ("csv", {"path": "a\0b"}, "DYNAMO_SOURCE_DIR"),
    ("csv", {"path": 3}, "is not of type"),
    ("csv", {"file": "a.csv"}, "no such setting; there are columns, path"),
    ("parquet", {"path": "a", "columns": {"rank": "usage_rank"}}, "'rank'"),
    ("parquet", {"path": "a", "columns": {"usage_rank": "rank"}}, "incomplete"),
    ("http-json", {"url": "ftp://127.0.0.1/x"}, "not an http"),
    ("http-json", {"url": "http://127.0.0.1:x/"}, "no address"),
    ("http-json", {"url": "http://[::1/x"}, "no address"),
    ("http-json", {"url": "http://evil.example/x"}, "DYNAMO_SOURCE_HOSTS (127.0.0.1)"),
    ("http-json", {"url": "http://127.0.0.1@evil.example/x"}, "without user name"),
    ("http-json", {"url": "http://127.0.0.1/x", "token": "s3cret.token"}, "DYNAMO_SOURCE_TOKEN_NAME"),
    ("http-json", {"url": "http://127.0.0.1/x", "seconds": 0.0}, "seconds"),
    ("access-log", {"path": "../*"}, "glob"),
    ("access-log", {"window": 0}, "window"),
    ("access-log", {"attributes": ["demand_rank"]}, "demand_rank; there are"),
])  # fmt: skip
def test_a_wrong_configuration_is_refused_before_anything_is_read(
    places, kind: str, configuration: dict, words: str
) -> None:
    with pytest.raises(SourceWrong) as caught:
        make(kind, configuration)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value) or kind != "http-json" or "is not a name" in str(caught.value)


def test_files_are_read_with_columns_called_otherwise(places: Path) -> None:
    (places / "a.csv").write_text("name,rank,more\n/a,1.5,x\n/b,,y\n")
    columns = {"dataset": "name", "usage_rank": "rank"}
    expected = [{"dataset": "/a", "usage_rank": 1.5}, {"dataset": "/b", "usage_rank": None}]
    assert fetched("csv", places, path="a.csv", columns=columns).to_dicts() == expected
    pl.read_csv(places / "a.csv").write_parquet(places / "a.parquet")
    assert fetched("parquet", places, path="a.parquet", columns=columns).to_dicts() == expected


@pytest.mark.parametrize(("text", "words"), [
    (b"", "cannot be read as csv"),
    (b"dataset,num_access\n", None),
    (b"dataset\n/a\n", "none of the columns"),
    (b"num_access\n1\n", "has no column 'dataset'"),
    (b"dataset,num_acces\n/a,1\n", "unknown column 'num_acces'"),
    (b"dataset,num_access\n/a,1\n/a,2\n", ":3: dataset: '/a' is missing or there twice"),
    (b"dataset,num_access\n,1\n", ":2: dataset"),
    (b"dataset,num_access\n/a,many\n", ":2: num_access: 'many' is not a whole number"),
    (b"dataset,num_access\n/a,-1\n", ":2: num_access: '-1'"),
    (b"dataset,num_access\n/a,1.5\n", ":2: num_access: '1.5'"),
    (b"dataset,usage_rank\n/a,nan\n", ":2: usage_rank: 'nan' is not a number"),
    (b"dataset,num_access,last_access\n/a,1,2\n/b,1", ":3: has 2 columns of 3; is the file cut off?"),
    (b"dataset,num_access\n/a\0,1\n", ":2: has a NUL byte"),
    (b"dataset,num_access\n/" + b"a" * 10_000_000 + b",1\n", "more than 1000 characters"),
    (b"\xff\xfe\x00", "NUL byte"),
])  # fmt: skip
def test_a_mistake_in_a_csv_file_is_told_with_its_place(places: Path, text: bytes, words: str | None) -> None:
    (places / "a.csv").write_bytes(text)
    if words is None:
        assert fetched("csv", places, path="a.csv").is_empty()
        return
    with pytest.raises(ChangeRefused) as caught:
        fetched("csv", places, path="a.csv")
    assert words in str(caught.value) and "a.csv" in str(caught.value)
    assert len(str(caught.value)) < 5000


def test_a_parquet_file_that_is_cut_off_or_of_wrong_types_is_told(places: Path) -> None:
    pl.DataFrame({"dataset": ["/a"], "num_access": [1]}).write_parquet(places / "a.parquet")
    data = (places / "a.parquet").read_bytes()
    (places / "a.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(ChangeRefused, match="cannot be read as parquet"):
        fetched("parquet", places, path="a.parquet")
    for values, words in (
        (["x"], "not a whole number"),
        ([1.5], "not a whole number"),
        ([[1]], "lists"),
        ([True], "not a whole"),
    ):
        pl.DataFrame({"dataset": ["/a"], "num_access": values}).write_parquet(places / "a.parquet")
        with pytest.raises(ChangeRefused, match=words):
            fetched("parquet", places, path="a.parquet")
    with pytest.raises(ChangeRefused, match=r"none.parquet.*cannot be read"):
        fetched("parquet", places, path="none.parquet")


class Answers(BaseHTTPRequestHandler):
    """``/ok``: good; the others each do one thing wrong."""

    seen: list[str | None] = []

    def do_GET(self) -> None:
        rows = [{"name": "/a", "rank": 1.5}, {"name": "/b", "rank": 2}]
        type(self).seen.append(self.headers.get("Authorization"))
        port = self.server.server_address[1]
        moved = {
            "/moved": "/ok",
            "/loop": "/loop",
            "/away": f"http://localhost:{port}/ok",
            "/port": "http://127.0.0.1:1/ok",
        }
        bodies = {
            "/ok": json.dumps({"data": {"rows": rows}}).encode(), "/list": json.dumps(rows).encode(),
            "/cut": json.dumps(rows).encode()[:-5], "/nul": b"[\0]", "/text": b'"text"', "/empty": b"",
            "/nested": b'[{"name": "/a", "rank": [1]}]', "/mixed": b'[{"name": "/a", "rank": "x"}, {"name": "/b", "rank": 2}]',
            "/twice": b'[{"name": "/a", "rank": 1}, {"name": "/a", "rank": 2}]', "/large": b" " * 3000 + b"[]",
            "/deep": b"[" * 100_000,
        }  # fmt: skip
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.end_headers()
        elif self.path in bodies:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(bodies[self.path])
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b"[")
        elif self.path == "/slow":
            self.server.waiting.wait(30)  # type: ignore[attr-defined]
        else:
            self.send_error(500)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    running.waiting = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.waiting.set()  # type: ignore[attr-defined]
    running.shutdown()
    thread.join()
    running.server_close()


COLUMNS = {"dataset": "name", "usage_rank": "rank"}
ROWS = [{"dataset": "/a", "usage_rank": 1.5}, {"dataset": "/b", "usage_rank": 2.0}]


@pytest.mark.parametrize(("path", "rows"), [("/ok", "data.rows"), ("/list", ""), ("/moved", "data.rows")])
def test_json_is_fetched(places, server: str, path: str, rows: str) -> None:
    assert fetched("http-json", places, url=server + path, rows=rows, columns=COLUMNS).to_dicts() == ROWS


@pytest.mark.parametrize(("path", "words"), [
    ("/cut", "is it cut off?"), ("/nul", "NUL byte"), ("/text", "not a list of objects"), ("/empty", "not JSON"),
    ("/nested", "row 1: rank is a list"), ("/mixed", ":1: usage_rank: 'x' is not a number"),
    ("/twice", ":2: dataset: '/a' is missing or there twice"), ("/large", "more than 2000 bytes"), ("/none", "answers 500"),
    ("/away", "leads elsewhere, to http://localhost"), ("/port", "leads elsewhere, to http://127.0.0.1:1/ok"),
    ("/loop", "without end"), ("/short", "cannot be read"), ("/deep", "more than 2000 bytes"),
])  # fmt: skip
def test_an_answer_that_cannot_be_used_is_told(places, server: str, path: str, words: str) -> None:
    with pytest.raises(InventoryError) as caught:
        fetched("http-json", places, url=server + path, columns=COLUMNS, most_bytes=2000)
    assert words in str(caught.value) and server in str(caught.value)


def test_a_document_that_is_nested_too_deeply_is_told(places, server: str) -> None:
    with pytest.raises(ChangeRefused, match="not JSON"):
        fetched("http-json", places, url=server + "/deep", columns=COLUMNS)


def test_a_server_that_does_not_answer_in_time_is_told(places, server: str) -> None:
    with pytest.raises(SourceFailed, match="cannot be read"):
        fetched("http-json", places, url=server + "/slow", seconds=0.3)
    with pytest.raises(SourceFailed, match="cannot be read"):
        fetched("http-json", places, url="http://127.0.0.1:1/x")


def test_a_token_comes_from_the_environment_or_a_file_and_is_never_told(places, server: str, monkeypatch) -> None:
    with pytest.raises(SourceFailed, match="neither DYNAMO_SOURCE_TOKEN_POP nor"):
        fetched("http-json", places, url=server + "/list", columns=COLUMNS, token="POP")
    Answers.seen.clear()
    monkeypatch.setenv("DYNAMO_SOURCE_TOKEN_POP", "abc")
    fetched("http-json", places, url=server + "/list", columns=COLUMNS, token="POP")
    (places / "token").write_text("from file\n")
    monkeypatch.setenv("DYNAMO_SOURCE_TOKEN_POP_FILE", str(places / "token"))
    fetched("http-json", places, url=server + "/list", columns=COLUMNS, token="POP")
    assert Answers.seen == ["Bearer abc", "Bearer from file"]


def log(places: Path, name: str, text: str, age: int = 0) -> None:
    path = places / "accesses" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    # The order of the files must not hang on how quickly the test writes them.
    os.utime(path, ns=((NOW - age) * 10**9, (NOW - age) * 10**9))


def test_accesses_become_counts_last_access_and_a_rank_with_decay(places: Path) -> None:
    log(places, "1.csv", "day,dataset,accesses\n2024-06-01,/a,10\n2024-06-09,/a,20\n2024-06-09,/b,0\n")
    found = fetched("access-log", places, half_life=1.0)
    rows = {row["dataset"]: row for row in found.to_dicts()}
    end = int(datetime(2024, 6, 10, tzinfo=UTC).timestamp()) - 1
    assert (rows["/a"]["num_access"], rows["/a"]["last_access"]) == (30, end)
    idle = (NOW - end) / DAY
    weighed = 20 * 0.5**idle + 10 * 0.5 ** (idle + 8)
    assert rows["/a"]["usage_rank"] == pytest.approx(idle - weighed / 10, abs=0.001)
    plain = fetched("access-log", places, half_life=0.0)
    assert plain.filter(pl.col("dataset") == "/a")["usage_rank"][0] == pytest.approx(idle - 30 / 10, abs=0.001)


def test_files_are_counted_for_their_dataset_and_unknown_ones_passed_over(places: Path) -> None:
    log(places, "1.jsonl", "\n".join(
        json.dumps({"day": "2024-06-09", "lfn": lfn, "accesses": 3}) for lfn in ("/store/a/1.root", "/store/a/1.root", "/store/zz")
    ))  # fmt: skip
    assert fetched("access-log", places).select("dataset", "num_access").rows() == [("/a", 6)]


def test_reading_again_changes_nothing_and_a_later_file_corrects_a_day(places: Path) -> None:
    log(places, "1.csv", "day,dataset,accesses\n2024-06-08,/a,1\n2024-06-09,/a,2\n2024-06-09,/b,5\n", age=100)
    first = fetched("access-log", places)
    assert fetched("access-log", places).equals(first)
    log(places, "2.csv", "day,dataset,accesses\n2024-06-09,/a,7\n", age=50)
    corrected = fetched("access-log", places)
    assert corrected.select("dataset", "num_access").rows() == [("/a", 8)]
    assert fetched("access-log", places).equals(corrected)
    log(places, "1.csv", "day,dataset,accesses\n2024-06-08,/a,4\n", age=10)
    assert fetched("access-log", places)["num_access"].to_list() == [11]


def test_a_mistake_in_one_file_leaves_all_days_as_they_were(places: Path) -> None:
    log(places, "1.csv", "day,dataset,accesses\n2024-06-08,/a,1\n", age=100)
    before = fetched("access-log", places)
    log(places, "2.csv", "day,dataset,accesses\n2024-06-09,/a,2\n", age=50)
    log(places, "3.csv", "day,dataset,accesses\n09.06.2024,/a,2\n2024-06-09,/a,-2\n2024-06-09,,1\n", age=40)
    with pytest.raises(ChangeRefused) as caught:
        fetched("access-log", places)
    assert [
        part in str(caught.value)
        for part in ("3.csv:2: day: '09.06.2024'", "3.csv:3: accesses: '-2'", "3.csv:4: dataset")
    ] == [True] * 3
    (places / "accesses" / "3.csv").unlink()
    (places / "accesses" / "2.csv").unlink()
    assert fetched("access-log", places).equals(before)


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "2024-06-20", "9999-12-31"])
def test_a_day_that_cannot_be_is_refused_and_not_kept(places: Path, day: str) -> None:
    log(places, "1.csv", "day,dataset,accesses\n2024-06-08,/a,1\n", age=100)
    before = fetched("access-log", places)
    log(places, "2.csv", f"day,dataset,accesses\n{day},/b,2\n", age=50)
    with pytest.raises(ChangeRefused, match=f"2.csv:2: day: '{day}' is not a day like 2024-05-31 from 1970-01-01 to"):
        fetched("access-log", places)
    (places / "accesses" / "2.csv").unlink()
    assert fetched("access-log", places).equals(before)


def test_days_beyond_the_window_only_tell_the_last_access(places: Path) -> None:
    log(places, "1.csv", "day,dataset,accesses\n2024-05-01,/a,9\n2024-06-09,/b,5\n")
    found = fetched("access-log", places, window=10)
    assert found.select("dataset", "num_access").rows() == [("/a", 0), ("/b", 5)]
    assert found["last_access"][0] == int(datetime(2024, 5, 2, tzinfo=UTC).timestamp()) - 1
    later = fetched("access-log", places, now=NOW + 100 * DAY, window=10)
    assert later["num_access"].to_list() == [0, 0]
    assert later["last_access"].to_list() == [
        found["last_access"][0],
        int(datetime(2024, 6, 10, tzinfo=UTC).timestamp()) - 1,
    ]


def test_a_log_without_files_or_columns_fails(places: Path) -> None:
    with pytest.raises(SourceFailed, match="no file matches"):
        fetched("access-log", places)
    log(places, "1.csv", "date,dataset\n2024-06-09,/a\n")
    with pytest.raises(ChangeRefused, match="has no column 'day'"):
        fetched("access-log", places)


def test_a_link_out_of_the_directory_is_not_followed(places: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text("day,dataset,accesses\n2024-06-09,/a,1\n")
    (places / "accesses").mkdir()
    (places / "accesses" / "x.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(SourceFailed, match="no file matches"):
        fetched("access-log", places)


def test_sums_of_random_logs_are_those_of_a_plain_loop(places: Path) -> None:
    import random

    rng = random.Random(4)
    truth: dict[date, dict[str, int]] = {}
    for number in range(8):
        days = {date(2024, 6, 1) + timedelta(days=rng.randint(0, 8)) for _ in range(3)}
        rows = [(day, rng.choice("abc"), rng.randint(0, 5)) for day in days for _ in range(rng.randint(1, 4))]
        for day in days:
            truth[day] = {}
        for day, name, count in rows:
            truth[day][name] = truth[day].get(name, 0) + count
        text = "".join(f"{day},/{name},{count}\n" for day, name, count in rows)
        log(places, f"{number}.csv", f"day,dataset,accesses\n{text}", age=100 - number)
        found = dict(fetched("access-log", places).select("dataset", "num_access").rows())
        names = {name for counts in truth.values() for name in counts}
        assert found == {f"/{name}": sum(counts.get(name, 0) for counts in truth.values()) for name in names}


@pytest.mark.parametrize(("rows", "unknown", "last", "words"), [
    ([], 0, None, "no rows"), ([1, 2], 0, 10, "80% less than the last good one (10)"), ([1, 2], 2, None, "2 of 2 datasets"),
    ([0, 0], 0, 2, "num_access is 0 for all datasets"), ([None, None], 0, 2, "num_access is never given"),
])  # fmt: skip
def test_an_answer_gone_mad_is_not_believed(rows: list, unknown: int, last: int | None, words: str) -> None:
    frame = pl.DataFrame(
        {"dataset": [str(n) for n in range(len(rows))], "num_access": rows},
        schema={"dataset": pl.String, "num_access": pl.Int64},
    )
    with pytest.raises(SourceFailed) as caught:
        believe(frame, unknown, last, 0.2, 0.5)
    assert words in str(caught.value)


def test_an_answer_that_is_a_little_less_is_believed() -> None:
    frame = pl.DataFrame({"dataset": ["a", "b"], "num_access": [0, 1]})
    believe(frame, 1, 2, 0.2, 0.5)


@dataclass(frozen=True)
class OwnSource:
    """An installation's own kind: a rank for one dataset."""

    rank: float = 1.0

    def check(self) -> None:
        """Anything can work."""

    def provides(self) -> tuple[str, ...]:
        return ("usage_rank",)

    def fetch(self, context: Context) -> pl.DataFrame:
        return pl.DataFrame({"dataset": ["/a"], "usage_rank": [self.rank]})


def test_an_installed_package_adds_its_own_kind(places, monkeypatch) -> None:
    entry = EntryPoint("own", "tests.inventory.test_sources:OwnSource", base.PLUGINS)
    monkeypatch.setattr(base, "entry_points", lambda group: EntryPoints([entry]).select(group=group))
    kinds.cache_clear()
    try:
        assert fetched("own", places, rank=2.5).to_dicts() == [{"dataset": "/a", "usage_rank": 2.5}]
        with pytest.raises(SourceWrong, match="is not of type"):
            make("own", {"rank": "high"})
        taken = EntryPoint("csv", "tests.inventory.test_sources:OwnSource", base.PLUGINS)
        monkeypatch.setattr(base, "entry_points", lambda group: EntryPoints([taken]).select(group=group))
        kinds.cache_clear()
        with pytest.raises(ValueError, match="there is one of that name already"):
            kinds()
    finally:
        kinds.cache_clear()
