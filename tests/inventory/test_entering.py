"""`manage.py inventory set | partitions | quota | path-rules`: what operators enter on a running inventory."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from inventory import entering
from inventory.errors import ChangeRefused
from inventory.log_models import UpdateRecord

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]

PARTITIONS = "# who owns what\nDisk: site.storage_type == DISK\nTape: site.storage_type == MSS\nAll: [Disk, Tape]\n"


def command(*arguments: Any) -> str:
    out = io.StringIO()
    call_command("inventory", *(str(argument) for argument in arguments), stdout=out)
    return out.getvalue().rstrip("\n")


def told(*arguments: Any) -> Any:
    return json.loads(command(*arguments, "--json"))


def refused(*arguments: Any) -> str:
    with pytest.raises(CommandError) as error:
        command(*arguments)
    return str(error.value)


def file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.fixture
def sites(inventory):
    backend = {"backend": "file:///data", "storage_type": "DISK", "status": "READY"}
    inventory.put(sites=[{"name": name, **backend} for name in ("T2_A", "T2_B", "T1_C")], groups=[{"name": "Ops"}])
    return inventory


def test_take_a_site_out_and_in_again(sites):
    assert told("set", "sites", "T2_A", "status=morgue", "--author", "eve")["status"] == "MORGUE"
    assert UpdateRecord.objects.latest("sequence").author == "eve"
    assert told("set", "sites", "T2_A", "status=READY", "host=se.a.org")["host"] == "se.a.org"
    assert told("set", "sites", "T2_A")["status"] == "READY"


def test_add_a_site_and_a_group_by_hand(sites):
    made = told("set", "--new", "sites", "T2_D", "storage_type=disk", "status=ready", "backend=root://d.org/")
    assert (made["storage_type"], made["backend"]) == ("DISK", "root://d.org/")
    assert told("set", "groups", "Heavy", "level=block", "--new")["level"] == "Block"
    assert "is there already" in refused("set", "groups", "Heavy", "--new")


def test_change_facts_of_a_dataset(sites):
    sites.put(datasets=[{"name": "/A/B/C", "status": "PRODUCTION"}])
    now = told("set", "datasets", "/A/B/C", "status=VALID", "num_access=3", "usage_rank=1.5", "is_open=no")
    assert (now["status"], now["num_access"], now["usage_rank"], now["is_open"]) == ("VALID", 3, 1.5, False)


def test_wrong_facts_are_refused_all_at_once(sites):
    before = sites.snapshot().version
    text = refused("set", "sites", "T2_A", "status=BROKEN", "hots=x", "nothing")
    assert "READY, WAITROOM" in text
    assert "did you mean host" in text
    assert "'nothing'" in text
    assert "did you mean T2_A" in refused("set", "sites", "T2_AA", "status=READY")
    assert "true or false" in refused("set", "datasets", "/A", "is_open=perhaps", "--new")
    assert "a number" in refused("set", "datasets", "/A", "num_access=many", "--new")
    assert sites.snapshot().version == before


def test_partitions_follow_their_file(sites, tmp_path):
    path = file(tmp_path / "partitions.txt", PARTITIONS)
    assert told("partitions", path)["changed"] == ["Disk", "Tape", "All"]
    assert told("partitions", path)["version"] is None, "the same again changes nothing"
    assert told("partitions")["All"] == "[Disk, Tape]"
    assert "Disk: site.storage_type == DISK" in command("partitions")
    file(path, "Disk: site.storage_type == DISK and site.status == READY\n")
    assert "left as they are: All, Tape" in command("partitions", path)
    assert "removed: All, Tape" in command("partitions", path, "--remove-others")
    assert list(told("partitions")) == ["Disk"]


def test_a_wrong_partitions_file_changes_nothing(sites, tmp_path):
    path = file(tmp_path / "partitions.txt", "Disk: site.storage_typ == DISK\nAll: [Disk, Tape]\n")
    text = refused("partitions", path)
    assert "partitions.txt:1" in text
    assert told("partitions") == {}
    assert "cannot be read" in refused("partitions", tmp_path / "none.txt")


def test_an_empty_inventory_has_no_quotas_to_list(inventory):
    assert command("quota") == "there are no quotas"
    assert told("quota") == []
    assert "no 'T2_*'" in refused("quota", "T2_*")


def test_quotas_by_site_and_by_glob(sites, tmp_path):
    command("partitions", file(tmp_path / "partitions.txt", PARTITIONS))
    assert [row["quota"] for row in told("quota", "T2_*", "Disk", "1.5")] == [15 * 10**11] * 2
    assert told("quota", "T1_C", "Tape", "none")[0]["quota"] == -1
    listed = command("quota")
    assert "T2_A Disk: quota 1.5 TB, present 0 B" in listed
    assert "T1_C Tape: quota no limit" in listed
    assert told("quota", "T2_A", "Disk", "0")[0]["quota"] == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("T2_Z", "Disk", "1"), "no 'T2_Z'"),
        (("T2_A", "Disc", "1"), "did you mean Disk"),
        (("T2_A", "Disk", "-3"), "neither TB"),
        (("T2_A", "Disk", "lots"), "neither TB"),
        (("T2_A", "Disk", "nan"), "neither TB"),
        (("T2_A", "All", "1"), "is a union"),
    ],
)
def test_wrong_quotas_are_refused(sites, tmp_path, arguments, why):
    command("partitions", file(tmp_path / "partitions.txt", PARTITIONS))
    # A number that begins with a dash comes after `--`, as everywhere.
    assert why in refused("quota", "--", *arguments)


RULES = """# SITE PROTOCOL PATTERN TEMPLATE [CHAIN]
T2_A direct /store/(.*) /pnfs/a/{0}
T2_A root (/pnfs/.*) root://a.org/{0} direct
T2_A root /other/(.*) root://a.org//other/{0}
"""


def test_path_rules_replace_those_of_the_site(sites, tmp_path):
    path = file(tmp_path / "rules.txt", RULES)
    command("path-rules", path)
    assert (
        command("path-rules", "--site", "T2_A", "--lfn", "/store/x", "--protocol", "root") == "root://a.org//pnfs/a/x"
    )
    assert command("path-rules", "--site", "T2_B", "--lfn", "/store/x") == "file:///data/store/x"
    file(path, "T2_A root /store/(.*) root://a.org//plain/{0}\n")
    command("path-rules", path, "--author", "eve")
    assert [rule["chain"] for rule in told("path-rules") if rule["protocol"] == "root"] == [None]
    assert len(told("path-rules")) == 2, "rules for another protocol stay"
    assert command("path-rules", "--site", "T2_A", "--lfn", "/store/x", "--protocol", "root") == "root://a.org//plain/x"


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("T2_A root /store", "has 3 words"),
        ("T2_A root /store/( root://a.org//x", "not a regular expression"),
        ("T2_A root /store/(.*) {0}", "fixed place"),
        ("T2_A root /store/(.*) root://a.org//{1}", "more captures"),
        ("T2_Q root /store/(.*) root://a.org//{0}", "T2_Q"),
    ],
)
def test_wrong_path_rules_are_refused(sites, tmp_path, rule, why):
    text = refused("path-rules", file(tmp_path / "rules.txt", f"# first\n{rule}\n"))
    assert why in text
    assert told("path-rules") == []


def test_no_name_leads_out_of_a_site(sites):
    assert "'..'" in refused("path-rules", "--site", "T2_A", "--lfn", "/store/../etc")
    assert "no site" in refused("path-rules", "--lfn", "/store/x")


@given(st.text())
def test_a_quota_is_bytes_or_a_clear_refusal(text):
    refusal = ""
    try:
        size = entering.quota_bytes(text)
    except ChangeRefused as error:
        refusal, size = str(error), 0
    assert repr(text) in refusal or size == -1 or (not refusal and 0 <= size <= 2**63 - 1)
