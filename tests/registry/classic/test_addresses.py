"""Every command of the first Dynamo has its address, under each of its names, and is in the documentation."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve, reverse

from registry.classic.envelope import ENDPOINTS

_LISTED = """
request/copy request/pollcopy request/cancelcopy request/delete request/polldelete request/canceldelete
inventory/datasets inventory/groups inventory/sites inventory/stats/size inventory/stats/replication inventory/stats/usage
inventory/inject inventory/injectsync inventory/delete inventory/deletesync inventory/blockreplicas inventory/subscriptions
inventory/requestlist inventory/transferrequests inventory/nodes inventory/data inventory/lfn2pfn
detox/lock/lock detox/lock/unlock detox/lock/list detox/lock/set detoxlock/lock detoxlock/unlock detoxlock/list detoxlock/set
detox/partitions detox/cycles detox/summary detox/sitedetail detox/datasets detox/dump detox/policy
detox/test/partitions detox/test/cycles detox/test/summary detox/test/sitedetail detox/test/datasets detox/test/dump
detox/test/policy applock/check applock/lock applock/unlock applock/current
transfers/current transfers/history transfers/held/summary transfers/held/detail deletions/history
"""
COMMANDS = _LISTED.split()
CHANGING = {
    "copy",
    "delete",
    "cancelcopy",
    "canceldelete",
    "inject",
    "injectsync",
    "deletesync",
    "lock",
    "unlock",
    "set",
}


@pytest.mark.parametrize("prefix", ["data", "registry", "phedexdata"])
def test_every_command_has_its_address(prefix: str) -> None:
    for command in COMMANDS:
        view = resolve(f"/{prefix}/{command}").func
        assert view in ENDPOINTS, command
        assert reverse(f"{prefix}-{command.replace('/', '-')}") == f"/{prefix}/{command}"


@pytest.mark.parametrize("command", COMMANDS)
def test_only_what_changes_something_needs_a_known_user(command: str, db: None) -> None:
    changes = ENDPOINTS[resolve(f"/data/{command}").func].changes
    assert changes == (command.rsplit("/", 1)[1] in CHANGING)
    if changes:
        for prefix in ("data", "registry", "phedexdata"):
            answer = Client().post(f"/{prefix}/{command}", {})
            assert (answer.status_code, set(answer.json())) == (401, {"result", "message"})


def test_every_command_is_documented() -> None:
    page = (settings.BASE_DIR / "docs" / "classic-interface.md").read_text()
    assert [command for command in COMMANDS if f"| `{command}` |" not in page] == []


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/data/none/such", "/registry/inventory", "/phedexdata/inventory/none", "/data/"])
def test_an_unknown_command_is_not_found(address: str) -> None:
    answer = Client().get(address)
    assert (answer.status_code, answer.json()["result"]) == (404, "Not Found")
