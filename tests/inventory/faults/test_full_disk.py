"""A disk that is really full: for the log, the checkpoints and the image, each told clearly, with nothing lost."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from django.core.management import call_command
from django.db import connections

from inventory.changes import ChangeSet
from inventory.errors import InventoryUnavailable
from tests.inventory.makers import D, small
from tests.inventory.serving import Server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    directory = tmp_path / "small"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(directory)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here: that needs root")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """No room at all inside the block."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(b"\0" * 4096)
    try:
        yield
    finally:
        ballast.unlink()


def many(name: str, number: int = 20_000) -> ChangeSet:
    """Files whose names do not compress well enough to fit into what is left."""
    numbers = pl.select(number=pl.int_range(number)).select(
        dataset=pl.lit(D), block=pl.lit("b1"), size=pl.lit(1),
        lfn=pl.format("/store/{}/{}", pl.lit(name), pl.col("number").hash(7)),
    )  # fmt: skip
    return ChangeSet("a", 1, transaction=name).put("files", numbers)


@pytest.fixture
def server(tmp_path: Path, child_environment: Callable[..., dict[str, str]]) -> Iterator[Server]:
    server = Server(tmp_path / "server", child_environment())
    server.home.mkdir()
    yield server
    server.end()


def placed(server: Server, name: str, disk: Path) -> None:
    """Have the server's directory ``name`` on ``disk``."""
    (disk / name).mkdir()
    (server.home / name).symlink_to(disk / name)


def files(server: Server, version: int) -> int:
    """Number of files in the server's inventory, not before ``version``."""
    return server.client(local=False).snapshot(at_least=version).frame("files").height


@pytest.fixture
def database_on(small_disk: Path, server: Server) -> Path:
    """The server's database is a file on the small disk."""
    database = small_disk / "log.sqlite3"
    template = connections.create_connection("default")
    template.settings_dict = {**template.settings_dict, "NAME": str(database)}
    if template.vendor != "sqlite":
        pytest.skip("the database server has its own disk")
    connections["default"].close()
    before = connections["default"].settings_dict["NAME"]
    connections["default"].settings_dict["NAME"] = str(database)
    call_command("migrate", "inventory", verbosity=0)
    connections["default"].close()
    connections["default"].settings_dict["NAME"] = before
    server.environment["DATABASE_URL"] = f"sqlite:///{database}"
    return small_disk


def test_a_full_disk_for_the_log_refuses_writes_and_nothing_is_half_there(server, database_on):
    server.start()
    client = server.client()
    client.commit(small())
    changes = many("large")
    with full(database_on), pytest.raises(InventoryUnavailable, match=r"no space left|disk is full"):
        client.commit(changes)
    assert files(server, 1) == 3
    assert client.commit(changes).version == 2 and files(server, 2) == 20_003
    server.kill()
    server.start()
    assert files(server, 2) == 20_003 and client.commit(changes).version == 2


def test_a_full_disk_for_checkpoints_is_told_and_the_log_serves_instead(server, small_disk):
    placed(server, "checkpoint", small_disk)
    server.start()
    server.client().commit(small())
    with full(small_disk):
        assert server.stop() == 0
    assert "No space left on device" in server.log and not list((small_disk / "checkpoint").iterdir())
    server.start()
    assert files(server, 1) == 3
    assert server.stop() == 0
    assert [path.name for path in (small_disk / "checkpoint").iterdir()] == ["1"]


def test_a_full_disk_for_the_image_ends_the_server_and_the_next_has_everything(server, small_disk):
    placed(server, "image", small_disk)
    server.start()
    client = server.client(local=False)
    client.commit(small())
    assert files(server, 1) == 3
    changes = many("large")
    with full(small_disk):
        # It is acknowledged if the answer goes out before the version cannot be written.
        with contextlib.suppress(InventoryUnavailable):
            client.commit(changes)
        assert server.process.wait(60) == 3
        assert "committed, but its image cannot be written" in server.log and "No space left" in server.log
        server.start(wait=False)
        assert server.process.wait(60) == 1
        assert "image directory" in server.log and "Traceback" not in server.log
    server.start()
    assert files(server, 2) == 20_003
    assert client.commit(changes).version == 2


def test_without_a_small_disk_nothing_here_would_have_been_tested(small_disk):
    with full(small_disk), pytest.raises(OSError, match="No space left"):
        (small_disk / "one").write_bytes(b"x" * 4096)
    shutil.rmtree(small_disk / "one", ignore_errors=True)
