"""A running server with an inventory in it, users with tokens for it, and servers that misbehave."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.auth.models import User

from dynamo_client import Dynamo
from dynamo_client.command import main
from registry import rights, tokens
from tests.registry.makers import inventory_of_the_tests

VARIABLES = (
    "DYNAMO_URL", "DYNAMO_TOKEN", "DYNAMO_TOKEN_FILE", "DYNAMO_CONFIG", "DYNAMO_PROFILE", "DYNAMO_TIMEOUT", "DYNAMO_PATIENCE",
    "DYNAMO_CERTIFICATE", "DYNAMO_KEY", "DYNAMO_AUTHORITIES", "BEARER_TOKEN", "BEARER_TOKEN_FILE", "X509_USER_PROXY",
    "X509_USER_CERT", "X509_USER_KEY", "X509_CERT_DIR",
)  # fmt: skip


@pytest.fixture(autouse=True)
def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[Any]:
    """The directory of the user's configuration, empty; nothing of who runs the tests is taken."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    place = tmp_path / "config" / "dynamo"
    place.mkdir(parents=True)
    return place


@pytest.fixture
def server(transactional_db: None, inventory, empty_redis, live_server) -> str:
    """Address of a running Dynamo with the inventory of the registry's tests."""
    inventory.commit(inventory_of_the_tests())
    return live_server.url


@pytest.fixture
def token(server: str) -> str:
    """Token of ann, who may administer the inventory."""
    user = User.objects.create_user("ann")
    rights.grant(user, "admin", "inventory")
    return tokens.create(user)[1]


@pytest.fixture
def ann(server: str, token: str) -> Iterator[Dynamo]:
    with Dynamo(server, token=token, patience=1) as client:
        yield client


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command: exit code, output, errors."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        # The server runs in this process too; the lines of its log are not the command's output.
        lines = [line for line in out.splitlines(keepends=True) if not (line.startswith('{"') and '"logger"' in line)]
        return code, "".join(lines), err

    return run


@pytest.fixture
def dynamo(server: str, token: str, monkeypatch, command) -> Callable[..., tuple[int, str, str]]:
    """Run the command as ann against the running server."""
    monkeypatch.setenv("DYNAMO_URL", server)
    monkeypatch.setenv("DYNAMO_TOKEN", token)
    return command


@dataclass
class Answer:
    """What a server that is played gives; ``cut``: it ends the connection before it has said all."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    @property
    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass
class Asked:
    """What that server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        packed = self.headers.get("content-encoding") == "gzip"
        return json.loads(zlib.decompress(self.body, 16 + zlib.MAX_WBITS) if packed else self.body)


class PlayedServer(ThreadingHTTPServer):
    """Gives the answers one after the other, the last one for ever; keeps what it was asked."""

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.asked = answers, list[Asked]()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: PlayedServer

    def do_GET(self) -> None:
        answer = self.server.answers[min(len(self.server.asked), len(self.server.answers) - 1)]
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.command, self.path, headers, self.rfile.read(length)))
        if answer.cut:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content)

    do_POST = do_DELETE = do_GET  # noqa: N815 - so the base class looks for them

    def log_message(self, *arguments: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def played() -> Iterator[Callable[..., PlayedServer]]:
    """Call it with answers for a server that gives them."""
    started: list[PlayedServer] = []

    def start(*answers: Answer) -> PlayedServer:
        started.append(PlayedServer(answers))
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()
