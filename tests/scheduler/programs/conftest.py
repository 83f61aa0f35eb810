"""Programs that really run, kept by this process as a worker's child would."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User

from scheduler import applications
from scheduler.models import Application, Level
from scheduler.programs import keeper


@pytest.fixture
def places(settings, tmp_path):
    """Directories of this test's own."""
    settings.APPLICATION_DIR = tmp_path / "applications"
    programs = tmp_path / "programs"
    programs.mkdir()
    settings.APPLICATION_PROGRAM_DIRS = [str(programs)]
    return programs


@pytest.fixture
def tune(monkeypatch):
    """Call it with settings of the scheduler."""

    def tune(**values: float) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"DYNAMO_SCHEDULER_{name.upper()}", str(value))

    tune(grace=1)
    return tune


@pytest.fixture
def alice(db):
    """May run programs with rights, by her role."""
    user = User.objects.create_user("alice")
    user.groups.add(Group.objects.create(name="application:operator"))
    return user


@dataclasses.dataclass
class Ran:
    """What became of a program."""

    application: Application
    log: str


@pytest.fixture
def run(inventory, empty_redis, places, tune):
    """Call it with a program's text: it runs to its end."""

    def run(text: str, *arguments: str, author: str = "bob", level: str = Level.READ, limit: float = 30) -> Ran:
        application = applications.submit(
            author, content=text.encode(), arguments=arguments, level=level, limit=limit, title="probe"
        )
        return kept(application)

    return run


def kept(application: Application) -> Ran:
    """Run a submitted program to its end."""
    keeper.keep(application.pk)
    application.refresh_from_db()
    return Ran(application, applications.log(application, most=1 << 24).text)


def processes_with(text: str) -> list[str]:
    """Command lines of living processes that have ``text`` in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found
