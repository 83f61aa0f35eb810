"""A running server with an inventory in it, and users with tokens for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.contrib.auth.models import User

from dynamo_client import DynamoClient
from dynamo_client.command import main
from registry import rights, tokens
from tests.registry.makers import inventory_of_the_tests


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
def ann(server: str, token: str) -> Iterator[DynamoClient]:
    with DynamoClient(server, token, patience=1) as client:
        yield client


@pytest.fixture
def dynamo(server: str, token: str, monkeypatch, tmp_path, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command as ann: exit code, output, errors."""
    monkeypatch.setenv("DYNAMO_URL", server)
    monkeypatch.setenv("DYNAMO_TOKEN", token)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        # The server runs in this process too; the lines of its log are not the command's output.
        lines = [line for line in out.splitlines(keepends=True) if not line.startswith('{"event"')]
        return code, "".join(lines), err

    return run


class FlakyServer(ThreadingHTTPServer):
    """Answers with the given (status, Retry-After, body), one after the other; the last one for ever."""

    def __init__(self, answers: list[tuple[int, str | None, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.calls = answers, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FlakyServer

    def do_GET(self) -> None:
        answers = self.server.answers
        status, after, body = answers[min(self.server.calls, len(answers) - 1)]
        self.server.calls += 1
        self.send_response(status)
        if after is not None:
            self.send_header("Retry-After", after)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def flaky() -> Iterator[Callable[..., FlakyServer]]:
    """Call it with answers for a server that gives them."""
    started: list[FlakyServer] = []

    def start(*answers: tuple[int, str | None, str]) -> FlakyServer:
        started.append(FlakyServer(list(answers)))
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def envelope(data: object, result: str = "OK", message: str = "") -> str:
    return json.dumps({"result": result, "message": message, "data": data})
