"""``dynamo-policy``: the `policy` command by itself, for repositories of policies and their pre-commit hooks."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """``dynamo-policy check FILE…`` is ``manage.py policy check FILE…``: `check` needs no database, server or settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynamo_site.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line([sys.argv[0], "policy", *sys.argv[1:]])
