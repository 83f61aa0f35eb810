"""One contract for every kind of storage, over the real thing: a directory, and a running XRootD server."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fileops.errors import StorageError
from fileops.storage import Storage, storage_for, storage_of
from fileops.storage.base import CHUNK
from inventory.changes import ChangeSet
from inventory.resolve import applied
from inventory.snapshot import Snapshot
from testbed import xrootd
from testbed.processes import answers
from tests.services.servers import XrootdSite

LFN = "/store/mc/Run1/a.root"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Place:
    """A storage, and the directory that it lies in."""

    storage: Storage
    root: Path
    hand_over: Callable[[], None]

    def put(self, lfn: str, content: bytes) -> Path:
        path = self.root / lfn.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.hand_over()
        return path


@pytest.fixture(params=["file", "root"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        return Place(storage_of("A", tmp_path.as_uri()), tmp_path, lambda: None)
    server: XrootdSite = request.getfixturevalue("xrootd_site")
    for child in server.root.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
    return Place(storage_of("A", server.url), server.root, server.hand_over)


@pytest.fixture(scope="module")
def xrootd_site(xrootd_sites: Callable[[], XrootdSite]) -> XrootdSite:
    return xrootd_sites()


def code_of(call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(StorageError) as caught:
        call(*arguments)
    assert caught.value.site == "A"
    return errno.errorcode[caught.value.code]


def test_what_is_written_is_read_listed_and_removed(place: Place) -> None:
    storage, content = place.storage, os.urandom(CHUNK + 1000)
    assert storage.write(LFN, [content[:5000], content[5000:]]) == len(content)
    assert b"".join(storage.read(LFN)) == content == (place.root / LFN.lstrip("/")).read_bytes()
    entry = storage.stat(LFN)
    assert (entry.name, entry.kind, entry.size) == ("a.root", "file", len(content))
    assert abs(entry.modified - time.time()) < 60
    assert storage.list("/store/mc/Run1") == [entry]
    assert [(found.name, found.kind) for found in storage.list("/store/mc")] == [("Run1", "directory")]
    assert storage.checksum(LFN) == zlib.adler32(content)
    storage.remove(LFN)
    assert storage.list("/store/mc/Run1") == []
    storage.rmdir("/store/mc/Run1")
    assert storage.list("/store/mc") == []


def test_an_empty_file_is_a_file(place: Place) -> None:
    assert place.storage.write(LFN, []) == 0
    assert place.storage.stat(LFN).size == 0
    assert b"".join(place.storage.read(LFN)) == b""
    assert place.storage.checksum(LFN) == zlib.adler32(b"")


def test_many_entries_are_listed_all_and_in_order(place: Place) -> None:
    for name in (*(f"f{number:04}" for number in range(1200)), "x/y"):
        path = place.root / "dir" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    place.hand_over()
    names = [entry.name for entry in place.storage.list("/dir")]
    assert names == [*(f"f{number:04}" for number in range(1200)), "x"]


def test_each_mistake_has_its_error_code(place: Place) -> None:
    storage = place.storage
    place.put(LFN, b"content")
    assert code_of(storage.stat, "/store/none") == "ENOENT"
    assert code_of(storage.remove, "/store/none") == "ENOENT"
    assert code_of(storage.checksum, "/store/none") == "ENOENT"
    assert code_of(storage.list, "/store/none") == "ENOENT"
    assert code_of(lambda: list(storage.read("/store/none"))) == "ENOENT"
    assert code_of(storage.rename, "/store/none", "/store/other") == "ENOENT"
    assert code_of(storage.write, LFN, [b"other"]) == "EEXIST"
    assert code_of(storage.rmdir, "/store/mc") == "ENOTEMPTY"
    assert code_of(storage.remove, "/store/mc") == "EISDIR"
    assert (place.root / LFN.lstrip("/")).read_bytes() == b"content"


def test_rename_keeps_the_content_and_never_replaces(place: Place) -> None:
    storage = place.storage
    storage.write("/store/a", [b"one"])
    storage.rename("/store/a", "/store/b")
    assert b"".join(storage.read("/store/b")) == b"one"
    storage.write("/store/a", [b"two"])
    assert code_of(storage.rename, "/store/a", "/store/b") == "EEXIST"
    assert b"".join(storage.read("/store/b")) == b"one"
    assert b"".join(storage.read("/store/a")) == b"two"


def test_making_a_directory_twice_is_no_error(place: Place) -> None:
    place.storage.mkdir("/a/b/c")
    place.storage.mkdir("/a/b/c")
    assert (place.root / "a/b/c").is_dir()


OUTSIDE = [
    "/../secret", "/store/../../secret", "/store/..", "..", "../secret", "secret", "", "/", "//secret", "/store//secret",
    "/store/./secret", "/.", "/store/secret/", "/store/\0secret", "/store/..\\..\\secret", "/store/%2e%2e/%2e%2e/secret",
    "/store/\n../secret", "/store/secret?x=/../..", "\\..\\secret", "/" + "x" * 1100,
]  # fmt: skip


@pytest.mark.parametrize("lfn", OUTSIDE, ids=range(len(OUTSIDE)))
def test_no_name_leads_out_of_the_root(place: Place, lfn: str) -> None:
    secret = place.root.parent / "secret"
    secret.write_bytes(b"secret")
    place.put("/store/keep", b"kept")
    storage = place.storage
    calls = (
        storage.stat, storage.remove, storage.rmdir, storage.mkdir, storage.list, storage.checksum, storage.url,
        lambda name: list(storage.read(name)), lambda name: storage.write(name, [b"x"]),
        lambda name: storage.rename(name, "/store/other"), lambda name: storage.rename("/store/keep", name),
    )  # fmt: skip
    for call in calls:
        assert code_of(call, lfn) in ("EINVAL", "ENAMETOOLONG")
    assert secret.read_bytes() == b"secret"
    assert (place.root / "store/keep").read_bytes() == b"kept"
    secret.unlink()


def test_a_rule_cannot_lead_out_either(place: Place) -> None:
    storage = storage_of("A", place.storage.url("/x").removesuffix("/x") + "/", lambda lfn: f"/data/../..{lfn}")
    assert code_of(storage.stat, "/secret") == "EINVAL"


def by_rules(backend: str, *rules: tuple[str, str]) -> Storage:
    rows = [
        {"site": "A", "protocol": "file", "position": 0, "lfn_pattern": pattern, "pfn_template": template}
        for pattern, template in rules
    ]
    sites = [{"name": "A", "backend": backend}]
    changes = ChangeSet("test", 1).put("sites", sites).put("path_rules", rows)
    return storage_for(applied(Snapshot.from_frames({}), changes, 1000), "A")


def test_the_site_s_rules_say_where_a_file_lies(tmp_path: Path) -> None:
    storage = by_rules(tmp_path.as_uri(), (r"/store/([^/]+)/(.*)", f"{tmp_path.as_uri()}/disk-{{0}}/{{1}}"))
    storage.write("/store/mc/a.root", [b"x"])
    assert (tmp_path / "disk-mc" / "a.root").read_bytes() == b"x"
    assert code_of(storage.stat, "/elsewhere/a.root") == "EINVAL"
    assert code_of(storage.stat, "/store/../a.root") == "EINVAL"


def test_rules_that_lead_out_of_the_backend_are_refused(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    storage = by_rules(inside.as_uri(), (r"/store/(.*)", f"{tmp_path.as_uri()}/{{0}}"))
    assert code_of(storage.write, "/store/a.root", [b"x"]) == "EINVAL"
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


@pytest.fixture
def linked(tmp_path: Path) -> tuple[Storage, Path]:
    """A storage with links out of it: a directory, a file, and one that leads nowhere."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    (root / "dangling").symlink_to(outside / "made")
    (root / "up").symlink_to("..")
    (root / "plain").write_bytes(b"plain")
    return storage_of("A", root.as_uri()), outside


def test_links_in_a_directory_are_not_followed(linked: tuple[Storage, Path]) -> None:
    storage, outside = linked
    for call in (
        lambda: list(storage.read("/link/secret")), lambda: list(storage.read("/file")), lambda: storage.checksum("/file"),
        lambda: storage.stat("/link/secret"), lambda: storage.list("/link"), lambda: storage.remove("/link/secret"),
        lambda: storage.write("/link/new", [b"x"]), lambda: storage.write("/up/outside/new", [b"x"]),
        lambda: storage.mkdir("/link/new/er"), lambda: storage.rename("/plain", "/link/plain"), lambda: storage.rmdir("/link/x"),
    ):  # fmt: skip
        assert code_of(call) == "EPERM"
    assert code_of(storage.write, "/dangling", [b"x"]) == "EEXIST"
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"


def test_removing_a_link_removes_the_link_only(linked: tuple[Storage, Path]) -> None:
    storage, outside = linked
    storage.remove("/file")
    assert (outside / "secret").read_bytes() == b"secret"


def test_where_nothing_is_mounted_no_file_is_gone(tmp_path: Path) -> None:
    storage = storage_of("A", f"file://{tmp_path / 'disk'}")
    for act in (storage.remove, storage.stat, storage.list, lambda lfn: list(storage.read(lfn))):
        assert code_of(act, LFN) == "EHOSTDOWN"
    (tmp_path / "disk").mkdir()
    assert code_of(lambda: storage.remove(LFN)) == "ENOENT"


def test_a_fifo_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    storage = storage_of("A", tmp_path.as_uri())
    assert code_of(lambda: list(storage.read("/fifo"))) == "EISDIR"
    assert storage.stat("/fifo").kind == "other"


@pytest.mark.parametrize("backend", ["", "https://x/", "file://host/path", "file:relative", "root:///path", "nonsense"])
def test_a_backend_that_cannot_be_used_says_what_is_wanted(backend: str) -> None:
    with pytest.raises(StorageError, match=r"root://host:port/ is wanted") as caught:
        storage_of("A", backend)
    assert caught.value.code == errno.EPROTONOSUPPORT


def test_a_root_below_the_server_s_is_where_files_go(xrootd_site: XrootdSite) -> None:
    storage = storage_of("A", f"{xrootd_site.url}/data/cms")
    storage.write(LFN, [b"x"])
    assert (xrootd_site.root / "data/cms" / LFN.lstrip("/")).read_bytes() == b"x"


@pytest.mark.slow
def test_a_site_that_is_down_is_known_in_seconds_and_seen_again_at_once(xrootd_sites: Callable[[], XrootdSite]) -> None:
    site = xrootd_sites()
    storage = storage_of("A", site.url)
    storage.write("/store/a", [b"x"])
    site.stop()
    begun = time.monotonic()
    assert code_of(storage.stat, "/store/a") in ("ECONNREFUSED", "ETIMEDOUT", "ECONNRESET")
    assert code_of(storage.write, "/store/b", [b"x"]) in ("ECONNREFUSED", "ETIMEDOUT", "ECONNRESET")
    assert time.monotonic() - begun < 30
    site.start()
    assert storage.stat("/store/a").size == 1


def test_a_server_that_tells_no_checksum_is_read_instead(xrootd_sites: Callable[[], XrootdSite]) -> None:
    site = xrootd_sites()
    site.stop()
    state = site.session.directory / f"{site.name}-state"
    command = xrootd.prepare(site.root, state, site.port)
    configuration = state / "xrootd.cfg"
    lines = [line for line in configuration.read_text().splitlines() if "chksum" not in line]
    configuration.write_text("\n".join(lines) + "\n")
    site.session.start(site.name, command, lambda: answers(site.port))
    storage = storage_of("A", site.url)
    storage.write(LFN, [b"some content"])
    assert storage.checksum(LFN) == zlib.adler32(b"some content")


def test_without_the_client_library_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['XRootD'] = None\n"
        "from fileops.storage import storage_of\n"
        "storage_of('T2_X', 'root://127.0.0.1:1094/')\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "T2_X is an XRootD site" in told.stderr
    assert "pip install 'dynamo-data-management[xrootd]'" in told.stderr
