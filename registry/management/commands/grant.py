"""``manage.py grant USER ROLE TARGET``: give a user a role on a target, or take it away."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry import rights
from registry.errors import RegistryError


class Command(BaseCommand):
    help = "Give USER the ROLE on TARGET (kept as the Django group TARGET:ROLE); without arguments: list who has what."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", nargs="?")
        parser.add_argument("role", nargs="?", help=f"e.g. {', '.join(rights.ROLES)}")
        parser.add_argument("target", nargs="?", help=f"e.g. {', '.join(rights.TARGETS)}")
        parser.add_argument("--revoke", action="store_true", help="take the role away")
        parser.add_argument("--sites", default="", help="only at these sites: globs, separated by commas")
        parser.add_argument("--groups", default="", help="only for these groups of owners: globs, separated by commas")
        parser.add_argument("--json", action="store_true", help="list as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        given = [options[name] for name in ("user", "role", "target")]
        if all(given):
            self._change(*given, revoke=options["revoke"], limits={name: options[name] for name in ("sites", "groups")})
        elif any(given):
            raise CommandError("give USER, ROLE and TARGET, or none of them to list all")
        else:
            self._list(options["json"])

    def _change(self, user: str, role: str, target: str, *, revoke: bool, limits: dict[str, str]) -> None:
        account = User.objects.filter(username=user).first()
        if account is None:
            raise CommandError(f"there is no user {user}; manage.py createsuperuser or the admin pages make one")
        try:
            changed = rights.revoke(account, role, target) if revoke else rights.grant(account, role, target)
            if any(limits.values()) and not revoke:
                changed |= rights.limit(account, role, target, **limits)
        except RegistryError as error:
            raise CommandError(str(error)) from error
        has = "has no longer" if revoke else "has"
        self.stdout.write(f"{user} {has} the role {role} on {target}" + ("" if changed else " (as before)"))

    def _list(self, as_json: bool) -> None:
        rows = User.objects.filter(groups__name__contains=":").values_list("username", "groups__name")
        granted = [
            dict(zip(("user", "target", "role"), (user, *name.split(":", 1)), strict=True)) for user, name in rows
        ]
        granted.sort(key=lambda row: (row["user"], row["target"], row["role"]))
        if as_json:
            self.stdout.write(json.dumps(granted))
        for row in [] if as_json else granted:
            self.stdout.write(f"{row['user']} {row['role']} {row['target']}")
