"""A fresh database for each schedule: a copied file, or an emptied database of a server."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.core.management import call_command
from django.db import connection, connections

from inventory.log_models import FollowerPosition, Leadership, UpdatePart, UpdateRecord
from inventory.relational import MODELS
from tests.inventory.faults.processes import Process


def made() -> None:
    """Make the tables. Meant for a process of its own."""
    if connection.vendor == "mysql":
        name = connection.settings_dict["NAME"]
        connection.settings_dict["NAME"] = ""
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {connection.ops.quote_name(name)}")
        connection.close()
        connection.settings_dict["NAME"] = name
    call_command("migrate", "inventory", verbosity=0)
    connection.close()


def removed() -> None:
    """Take away what :func:`made` made. Meant for a process of its own."""
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {connection.ops.quote_name(connection.settings_dict['NAME'])}")


def fresh(template: Path, copy: Path, output: Path) -> None:
    """Have this process's children use an empty database: ``copy`` of the file ``template`` where it is a file."""
    database = connections["default"]
    if database.vendor == "sqlite":
        shutil.copy(template, copy)
        database.settings_dict["NAME"] = str(copy)
    else:
        Process(output, _emptied).end()


def _emptied() -> None:
    for model in (UpdatePart, UpdateRecord, Leadership, FollowerPosition, *MODELS.values()):
        model._default_manager.all().delete()
    connection.close()
