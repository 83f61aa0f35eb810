"""What a wheel brings besides the Python modules: a page without its template fails only where it is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
OF_THE_CLIENT = [
    ROOT / "dynamo_client" / name for name in ("README.md", "pyproject.toml", "build", "dynamo_client.egg-info")
]
"""By which it is made into a package of its own, and what that leaves."""


def test_templates_static_files_and_policies_are_packaged() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    (patterns,) = setuptools["package-data"].values()
    for package in (name.removesuffix("*") for name in setuptools["packages"]["find"]["include"]):
        directories = [path for path in (ROOT / package).rglob("*") if (path / "__init__.py").exists()]
        packaged = {
            file for place in [ROOT / package, *directories] for pattern in patterns for file in place.glob(pattern)
        }
        others = {file for file in (ROOT / package).rglob("*.*") if file.suffix not in (".py", ".pyc")}
        others = {file for file in others if not any(file.is_relative_to(left) for left in OF_THE_CLIENT)}
        assert others <= packaged, package
