"""Files that cannot be an inventory: each is refused with what is wrong and where, and nothing is changed."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import tarfile

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from inventory import tables_archive
from inventory.log_models import UpdateRecord
from tests.inventory.tables import TABLES, archived, write_tables

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "inventory")]


def refused(*arguments):
    before = UpdateRecord.objects.count()
    with pytest.raises(CommandError) as error:
        call_command("inventory", "load", *map(str, arguments), stdout=io.StringIO())
    assert UpdateRecord.objects.count() == before
    return str(error.value)


@pytest.fixture
def archive(tmp_path):
    return archived(write_tables(tmp_path / "tables"), tmp_path / "t.tgz")


def with_member(path, name, data=b"", **about):
    """A tar archive of the good tables and one member more."""
    with tarfile.open(path, "w:gz") as tar:
        for file, text in {**TABLES, name: None}.items():
            content = data if text is None else text.encode()
            member = tarfile.TarInfo(file)
            member.size = len(content)
            for key, value in about.items() if text is None else ():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_an_archive_that_is_cut_off(archive, tmp_path, part):
    whole = archive.read_bytes()
    cut = tmp_path / "cut.tgz"
    cut.write_bytes(whole[: int(part * len(whole))])
    assert "cut.tgz: cannot be read" in refused(cut)


def test_an_archive_with_a_changed_byte_fails_its_checksum(archive, tmp_path):
    content = bytearray(archive.read_bytes())
    content[-5] ^= 1
    (tmp_path / "bad.tgz").write_bytes(content)
    assert "bad.tgz: cannot be read" in refused(tmp_path / "bad.tgz")


@pytest.mark.parametrize("name", ["../../../../tmp/escaped.tsv", "/etc/escaped.tsv", "a/../../b/escaped.tsv"])
def test_an_archive_writes_nowhere(tmp_path, name):
    path = with_member(tmp_path / "t.tgz", name, b"x")
    before = sorted(tmp_path.rglob("*"))
    call_command("inventory", "load", str(path), stdout=io.StringIO())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_is_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("T2_Secret\tP\t1\n")
    link = with_member(tmp_path / "t.tgz", "quotas.tsv", type=tarfile.SYMTYPE, linkname=str(secret))
    call_command("inventory", "load", str(link), stdout=io.StringIO())
    twice = with_member(tmp_path / "two.tgz", "other/sites.tsv", TABLES["sites.tsv"].encode())
    assert "holds a second sites.tsv" in refused(twice)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(tables_archive, "_ALWAYS", 1024 * 1024)
    zeros = with_member(tmp_path / "zeros.tgz", "quotas.tsv", bytes(50 * 1024 * 1024))
    assert "unpacked it has more than" in refused(zeros)
    header = tmp_path / "header.tgz"
    with tarfile.open(header, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("sites.tsv")
        member.pax_headers = {"comment": "x" * 20_000_000}
        tar.addfile(member)
    assert "unpacked it has more than" in refused(header)
    trailing = tmp_path / "trailing.tgz"
    with gzip.open(trailing, "wb") as stream:
        stream.write(gzip.decompress(archived(write_tables(tmp_path / "t"), tmp_path / "u.tgz").read_bytes()))
        stream.write(bytes(50 * 1024 * 1024))
    assert "unpacked it has more than" in refused(trailing)


@pytest.mark.parametrize("content", [b"", b"not an archive", bytes(5000), b"PK\x03\x04" + bytes(500)])
def test_what_is_no_archive(tmp_path, content):
    path = tmp_path / "x.tgz"
    path.write_bytes(content)
    assert str(path) in refused(path)


@pytest.mark.parametrize(
    ("table", "text", "told"),
    [
        ("datasets", "/A\tVALID\t1\t1.0\n", "datasets.tsv:1: 4 columns instead of 5"),
        ("datasets", "/A\tVALID\tsoon\t1.0\t1\n", "datasets.tsv:1: last_update: 'soon' is not a whole number"),
        ("datasets", "/A\tVALID\t1\t1.0\t1\n/A\tVALID\t1\t1.0\t1\n", "datasets.tsv:2: the same name as in line 1"),
        ("datasets", "/A\tVALID\t1\t1.0\t1", "datasets.tsv:1: the last line has no line end"),
        ("datasets", "/A\0\tVALID\t1\t1.0\t1\n", r"datasets.tsv:1: name: '/A\x00' holds a control character"),
        ("datasets", f"/{'A' * 10_000_000}\tVALID\t1\t1.0\t1\n", "… is longer than 512 characters"),
        ("datasets", b"/\xff\tVALID\t1\t1.0\t1\n", "datasets.tsv:1: is not UTF-8"),
        ("quotas", "T1_Disk\tNowhere\t5\n", "there is no partition 'Nowhere'"),
    ],
    ids=itertools.count(),
)
def test_tables_with_mistakes(tmp_path, table, text, told):
    message = refused(write_tables(tmp_path / "tables", **{table: text}))
    assert told in message and len(message) < 5000


def exported(tmp_path):
    call_command("inventory", "load", str(write_tables(tmp_path / "tables")), stdout=io.StringIO())
    call_command("inventory", "export", str(tmp_path / "out"), stdout=io.StringIO())
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.drop("status"), "status"),
        (lambda rows: rows.with_columns(num_access=pl.lit("many")), "many"),
        (lambda rows: rows.with_columns(name=pl.lit(None, pl.String)), "name is empty in 2 rows"),
        (lambda rows: pl.concat([rows, rows]), "2 keys are there more than once"),
        (lambda rows: rows.with_columns(name=pl.lit("/A\0")), "/A"),
        (lambda rows: rows.with_columns(name=pl.lit("A" * 10_000_000)), "longer"),
        (lambda rows: rows.with_columns(dataset_id=pl.lit(-1)), "datasets.parquet"),
    ],
)
def test_parquet_tables_with_mistakes(tmp_path, change, told):
    directory = exported(tmp_path)
    file = directory / "datasets.parquet"
    change(pl.read_parquet(file)).write_parquet(file)
    message = refused(directory)
    assert told in message and len(message) < 20_000


def test_parquet_that_is_cut_off_or_a_bomb(tmp_path):
    directory = exported(tmp_path)
    file = directory / "datasets.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "datasets.parquet: cannot be read" in refused(directory)
    pl.DataFrame({"x": pl.repeat(1, 50_000_000, eager=True)}).write_parquet(file)
    assert "50000000 rows in" in refused(directory)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1:1: is not JSON"),
        ('{"site": [{"name": "A"}', ":1:24: is not JSON"),
        ('{"site": [{"name": "A", "name": "B"}]}', "has the key 'name' twice"),
        ('{"site": [{"status": "ready"}]}', "name"),
        ('{"site": [{"name": 5}]}', "name"),
        ('{"site": "A"}', "site"),
        ('{"site": [{"name": "A\\u0000"}]}', "name"),
        ('{"site": [{"name": "A\0"}]}', ":1:22: is not JSON"),
        (json.dumps({"site": [{"name": "A" * 10_000_000}]}), "name"),
        ('{"site": [{"name": NaN}]}', "NaN is not JSON"),
        ('{"dataset": [{"name": "/A", "blocks": [{"name": "b", "files": [{"name": "/f", "size": -5}]}]}]}', "size"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5000, "cannot be read"),
        (b'{"site": "\xff"}', "cannot be read"),
    ],
    ids=itertools.count(),
)
def test_documents_with_mistakes(tmp_path, text, told):
    path = tmp_path / "d.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refused(path)
    assert told in message and len(message) < 5000
