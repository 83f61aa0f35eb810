"""Real inventory servers for tests: processes of ``manage.py inventory_server`` on the test's database."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from inventory import client
from inventory.remote import ServerBackend
from testbed.processes import free_ports

TOKEN = "a-token-of-tests"
MANAGE = Path(settings.BASE_DIR) / "manage.py"


@dataclass
class Server:
    """A server with its own directories; ``environment`` is what its processes get."""

    home: Path
    environment: dict[str, str]
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    @property
    def image(self) -> Path:
        return self.home / "image"

    @property
    def checkpoints(self) -> Path:
        return self.home / "checkpoint"

    @property
    def history(self) -> Path:
        return self.home / "history"

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text()

    def start(self, *arguments: str, wait: bool = True) -> Server:
        """Start it; returns when it is ready."""
        self.home.mkdir(exist_ok=True)
        places = {"INVENTORY_URL": self.url, "INVENTORY_TOKEN": TOKEN, "INVENTORY_IMAGE_DIR": str(self.image),
                  "INVENTORY_CHECKPOINT_DIR": str(self.checkpoints), "INVENTORY_HISTORY_DIR": str(self.history)}  # fmt: skip
        with (self.home / "server.log").open("w") as log:
            command = [sys.executable, str(MANAGE), "inventory_server", *arguments]
            self.process = subprocess.Popen(command, env={**self.environment, **places}, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while wait and "ready at" not in self.log:
            assert self.process.poll() is None and time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """As when a machine loses power."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """Stop it cleanly; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def end(self) -> None:
        """Whatever its state."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def client(self, local: bool = True, token: str = TOKEN) -> ServerBackend:
        """A client that maps the image, or that does not know where it is."""
        return ServerBackend(self.url, token, self.image if local else None)

    def command(self, *arguments: str) -> tuple[int, str]:
        """Run a subcommand of ``manage.py inventory`` in this process; its exit status and output."""
        out = io.StringIO()
        places = {"INVENTORY_CHECKPOINT_DIR": self.checkpoints, "INVENTORY_IMAGE_DIR": self.image,
                  "INVENTORY_HISTORY_DIR": self.history}  # fmt: skip
        with client.using(self.client()), override_settings(**places):
            try:
                call_command("inventory", *arguments, stdout=out)
            except SystemExit as end:
                return end.code, out.getvalue()
        return 0, out.getvalue()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run another management command of this installation."""
        places = {"INVENTORY_URL": self.url, "INVENTORY_TOKEN": TOKEN, "INVENTORY_IMAGE_DIR": str(self.image),
                  "INVENTORY_CHECKPOINT_DIR": str(self.checkpoints), "INVENTORY_HISTORY_DIR": str(self.history)}  # fmt: skip
        command = [sys.executable, str(MANAGE), *arguments]
        return subprocess.run(
            command,
            env={**os.environ, **self.environment, **places},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
