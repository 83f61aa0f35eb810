"""Every page: of an empty Dynamo, of one with something of everything, without the inventory, and asked wrongly."""

from __future__ import annotations

import json
import re

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from detox.models import Cycle
from inventory import client as inventory_client
from inventory.errors import InventoryUnavailable
from inventory.models import TunedSetting
from tests.dynamo_site.conftest import EVIL, Filled
from tests.dynamo_site.makers import addresses, away

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("directories")]
LISTS = (
    "front",
    "detox",
    "dealer",
    "requests",
    "locks",
    "files",
    "activity",
    "checks",
    "runs",
    "sources",
    "statistics",
    "dealer-rules",
    "datasets",
    "sites",
    "policies",
    "quotas",
)
NEED_INVENTORY = (
    "statistics",
    "dealer-rules",
    "datasets",
    "sites",
    "groups",
    "quotas",
    "dataset",
    "dataset-now",
    "site",
    "group",
)


def text_of(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status, f"{address}: {answer.content[:300]!r}"
    return answer.content.decode()


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_dynamo_says_that_there_is_nothing(client, inventory, name: str) -> None:
    assert re.search(r"\b([Nn]o|[Nn]othing|None|Nobody)\b", text_of(client, reverse(name)))


@pytest.mark.slow
def test_every_page_with_data_is_shown_escaped_and_has_its_json(client, filled: Filled) -> None:
    for address in addresses(filled):
        page = text_of(client, address)
        assert not re.search(r"<script(?! src=)|<style|style=|javascript:| on[a-z]+=", page), address
        if "This page as JSON" in page:
            given = client.get(
                re.search(r'href="([^"]+)">This page as JSON', page)[1]
                .replace("&amp;", "&")
                .replace("?", f"{address.partition('?')[0]}?", 1)
            )
            assert given["Content-Type"] == "application/json", address
            json.loads(given.content)
    assert EVIL not in text_of(client, reverse("request", args=[filled.waiting]))
    assert "&lt;script&gt;" in text_of(client, reverse("request", args=[filled.waiting]))


@pytest.mark.slow
def test_what_pages_tell(client, filled: Filled) -> None:
    front = text_of(client, "/")
    assert "many are missing" in front and "maintenance" in front and "file operations held: no_source" in front
    cycle = text_of(client, reverse("detox-cycle", args=[filled.deleting]))
    assert "Total" in cycle and "deletion stops at 50.0 %" in cycle and f"dump?cycle={filled.deleting}" in cycle
    assert "thin bar: after cycle" in text_of(client, reverse("detox-cycle", args=[filled.after]))
    assert "test run" in text_of(client, reverse("detox-cycle", args=[filled.test]))
    site = text_of(client, reverse("detox-site", args=[filled.deleting, "T2_A"]) + "?sort=dataset&order=up&q=/Old*")
    assert "/Old/A/AOD" in site and "/Raw/A/RAW" not in site
    why = text_of(client, reverse("detox-why", args=[filled.deleting]) + "?site=T2_A&dataset=/Raw/A/RAW")
    assert "by line 1" in why and "matched, decided 2 of 2 blocks" in why and "were not reached" in why
    assert "What would have turned it" in why and "Nothing that was tried" in why
    older = text_of(client, reverse("detox-why", args=[filled.deleting]) + "?site=T2_A&dataset=/Older/A/AOD")
    assert "It would have stayed if" in older and "In the order of deletion: number 1 of" in older
    assert "Protect dataset.name == /*/*/RAW" in text_of(client, reverse("detox-policy", args=[filled.deleting]))
    found = text_of(client, reverse("detox-cycle", args=[filled.deleting]) + "?q=/Older/*")
    assert found.count('href="/detox/') > 2 and "/Older/A/AOD" in found
    assert "waits: " in text_of(client, reverse("requests"))
    dealer = text_of(client, reverse("dealer-cycle", args=[filled.dealer]))
    assert f"/requests/{filled.request}/" in dealer and "Progress by now" in dealer
    assert "/Locked1/" in text_of(client, reverse("locks")) and "/Locked-1/" not in text_of(client, reverse("locks"))
    assert "/Locked-1/" in text_of(client, reverse("locks") + "?which=all")
    assert "fell" in text_of(client, reverse("activity")) and "T2_A → T2_B" in text_of(
        client, reverse("activity") + "?by=link"
    )
    assert "broke" in text_of(client, reverse("runs") + "?state=failed&application=detox")
    assert "thesis" not in text_of(client, reverse("locks") + "?q=nobody")


@pytest.mark.slow
def test_the_header_is_red_when_the_last_cycle_is_late_and_only_then(client, filled: Filled) -> None:
    assert 'class="top late"' not in text_of(client, reverse("detox-cycle", args=[filled.after]))
    TunedSetting.objects.create(component="detox", name="late_after", value=0.0)
    assert 'class="top late"' in text_of(client, reverse("detox-cycle", args=[filled.after]))
    assert 'class="top late"' not in text_of(client, reverse("detox-cycle", args=[filled.deleting]))


@pytest.mark.slow
def test_cycles_are_found_by_partition_kind_and_date(client, filled: Filled) -> None:
    newest, test = reverse("detox-cycle", args=[filled.after]), reverse("detox-cycle", args=[filled.test])
    assert client.get("/detox/").url == newest and client.get("/detox/?partition=Physics").url == newest
    assert client.get("/detox/?test").url == test
    Cycle.objects.filter(pk=filled.deleting).update(started="2020-01-01T12:00Z")
    assert client.get("/detox/?at=2020-01-01").url == reverse("detox-cycle", args=[filled.deleting])
    for wrong in ("x", "9999-12-31", "2020-13-01"):
        assert client.get(f"/detox/?at={wrong}").url == newest
    assert "no cycle of Mars" in text_of(client, "/detox/?partition=Mars").lower().replace("mars", "Mars")


@pytest.mark.slow
def test_without_the_inventory_pages_of_the_database_go_on(client, filled: Filled) -> None:
    with away():
        with pytest.raises(InventoryUnavailable):
            inventory_client.snapshot()
        for address in addresses(filled):
            needs = any(address.partition("?")[0] == reverse(name) for name in NEED_INVENTORY)
            page = text_of(client, address, 503 if needs else 200)
            assert ("Not available now" in page) == needs, address
        assert "The inventory cannot be read" in text_of(client, "/")


@pytest.mark.slow
def test_wrong_parameters_are_answered_in_words(client, filled: Filled) -> None:
    cycle, site = reverse("detox-cycle", args=[filled.deleting]), reverse("detox-site", args=[filled.deleting, "T2_A"])
    for address in (f"{site}?page=x", f"{site}?page=-1", f"{site}?page=²", f"{site}?page=99999999999999999999", "/requests/?page=x",
                    "/runs/?page=0", f"{cycle}?before=x", f"{cycle}?before={'9' * 5000}", f"{cycle}?scale=x", "/activity/?period=x&by=x", "/statistics/?statistic=x"):  # fmt: skip
        text_of(client, address)
    unknown = {f"{site}?sort=bad": "cannot sort by", "/detox/999/": "cycle 999", "/dealer/999/": "no cycle 999",
               f"{reverse('detox-site', args=[filled.deleting, 'T9'])}": "is not a site",
               f"{reverse('detox-why', args=[filled.deleting])}?site=T2_A&dataset=/No/A/AOD": "had nothing",
               f"{reverse('detox-why', args=[filled.deleting])}": "is not a site",
               f"/consistency/{filled.check}/nothing/": "has no list", "/nothing/": "no page"}  # fmt: skip
    for address, words in unknown.items():
        assert words in text_of(client, address, 404), address
    for name in ("request", "run", "check", "detox-cycle", "dealer-cycle"):
        text_of(client, f"{reverse(name, args=[10**30])}", 404)
    assert "at most" in text_of(client, f"{cycle}?q={'+'.join('*' * 51)}")
    assert "no category &#x27;moon&#x27;" in text_of(client, "/statistics/?list_by=moon")
    assert "site: &#x27;[&#x27; is no regular expression" in text_of(client, "/statistics/?site=[")


@pytest.mark.slow
def test_pages_are_only_read(client, filled: Filled) -> None:
    changing = ("/applications/", "/sequences/", "/application-locks/")
    for address in addresses(filled):
        # Nobody known is sent to the login where somebody may change something.
        assert client.post(address).status_code == (302 if address in changing else 405), address
        head = client.head(address)
        assert head.status_code == 200 and not head.content, address


def test_nothing_from_elsewhere_and_no_script_runs_on_pages(client, inventory) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert "unsafe-eval" in client.get("/admin/login/")["Content-Security-Policy"]


@pytest.mark.slow
def test_a_list_of_a_check_is_a_file(client, filled: Filled) -> None:
    answer = client.get(f"/consistency/{filled.check}/spared/")
    assert "attachment" in answer["Content-Disposition"] and answer.content.decode().startswith("kind\t")


def test_the_front_page_tells_when_each_engine_comes_next(client, inventory) -> None:
    assert text_of(client, "/").count("not scheduled") == 4
    call_command("setup_schedules")
    assert "not scheduled" not in text_of(client, "/")


@pytest.mark.slow
def test_a_statistic_is_the_same_in_the_api_and_as_a_file(client, filled: Filled) -> None:
    page = text_of(client, "/statistics/?statistic=size&list_by=site&site=T2_A&site_status=READY&physical=n")
    link = re.search(r'href="(/api/v1/statistics/size[^"]+)">The same query', page)[1].replace("&amp;", "&")
    rows = client.get(link).json()["results"]
    assert [row["key"] for row in rows] == ["T2_A"]
    lines = b"".join(client.get(f"{link}&format=csv")).decode().splitlines()
    assert lines == ["key,size", f"T2_A,{rows[0]['size']}"]


@pytest.mark.slow
def test_what_would_happen_to_a_dataset_now(client, filled: Filled) -> None:
    address = reverse("dataset-now") + "?name="
    assert "line 1" in text_of(client, f"{address}/Raw/A/RAW") and "stays" in text_of(client, f"{address}/Raw/A/RAW")
    assert "when its site is too full" in text_of(client, f"{address}/New/A/AOD")
    assert "<!doctype" not in client.get(f"{address}/New/A/AOD", headers={"hx-request": "true"}).content.decode()
    assert "no dataset" in text_of(client, f"{address}/No/A/AOD", 404)
