"""The client alone, as its users install it: a wheel in an environment that has nothing of the server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from django.conf import settings

from tests.client.conftest import Answer

ROOT = Path(settings.BASE_DIR)


def run(*words: str | Path, **options) -> str:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=250, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy: nothing is left in the source."""
    place = tmp_path_factory.mktemp("build")
    leave = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    shutil.copytree(ROOT / "dynamo_client", place / "dynamo_client", ignore=leave)
    command = (
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        place,
    )
    run(*command, place / "dynamo_client")
    [made] = place.glob("*.whl")
    return made


def test_both_packages_say_the_same() -> None:
    alone, whole = (
        tomllib.loads((ROOT / place / "pyproject.toml").read_text())["project"] for place in ("dynamo_client", ".")
    )
    assert alone["version"] == whole["version"]
    assert alone["scripts"].items() <= whole["scripts"].items()
    assert set(alone["dependencies"]) <= set(whole["dependencies"])


@pytest.mark.slow
def test_the_wheel_has_all_of_the_client_and_nothing_else(wheel: Path) -> None:
    listed = run(sys.executable, "-m", "zipfile", "--list", wheel).splitlines()[1:]
    files = {line.split()[0] for line in listed}
    source = {str(path.relative_to(ROOT)) for path in (ROOT / "dynamo_client").rglob("*.py")}
    assert source | {"dynamo_client/py.typed"} == {name for name in files if ".dist-info/" not in name}


@pytest.mark.slow
def test_it_runs_where_nothing_of_the_server_is(wheel: Path, tmp_path: Path, played) -> None:
    # The packages that it needs are taken from here, one by one: no index has to answer.
    venv.create(tmp_path / "alone", with_pip=False)
    python = tmp_path / "alone" / "bin" / "python"
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    here = Path(run(sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    for name in needed():
        for found in [*here.glob(name), *here.glob(f"{name}.py"), *here.glob(f"{name}.*.so")]:
            (own / found.name).symlink_to(found)
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    server = played(Answer(200, {"user": "ann", "rights": []}))
    environment = {"DYNAMO_URL": server.url, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    dynamo = tmp_path / "alone" / "bin" / "dynamo"
    assert json.loads(run(dynamo, "whoami", "--json", env=environment, cwd=tmp_path))["user"] == "ann"
    assert run(dynamo, "--version", env=environment, cwd=tmp_path) == "dynamo 0.1.0\n"
    story = "import sys; from dynamo_client import Dynamo; print(Dynamo().whoami().user, 'django' in sys.modules)"
    assert run(python, "-c", story, env=environment, cwd=tmp_path) == "ann False\n"


def needed() -> set[str]:
    """Names of the modules of what the client's package asks for, and of what that asks for."""
    from importlib.metadata import distribution

    from packaging.requirements import Requirement

    waiting, known, modules = ["httpx", "rich", "typer"], set(), set()
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        found = distribution(name)
        modules |= {str(file).split("/")[0].removesuffix(".py") for file in found.files or () if ".." not in str(file)}
        for line in found.requires or ():
            one = Requirement(line)
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                waiting.append(one.name)
    return {name.split(".")[0] if name.endswith(".so") else name for name in modules}
