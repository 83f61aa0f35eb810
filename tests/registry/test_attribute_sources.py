"""Sources are read on time, written as what changed, on record whatever happens, and stop cycles where they are told to."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from detox.cycle import run_cycle, try_cycle
from dynamo_site.gauges import attribute_sources as gauges
from dynamo_site.health import check_all
from dynamo_site.pages.alarms import alarms
from inventory.errors import ChangeRefused
from inventory.sources.base import SourceFailed
from registry import attribute_sources, tasks
from registry.attribute_sources import SourceInTrouble
from registry.source_models import AttributeFetch, AttributeSource, OnTrouble
from scheduler.models import Run
from tests.detox import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
POLICY = store.POLICY.replace("Delete dataset", "Protect dataset.usage_rank < 0\nDelete dataset")


@pytest.fixture
def ranks(settings, tmp_path: Path, inventory) -> Path:
    """A CSV file of ranks of the datasets of the inventory."""
    settings.SOURCE_DIR, settings.HISTORY_DIR = tmp_path / "sources", tmp_path / "history"
    settings.DETOX_ENFORCER_PROTECTED = ""
    settings.SOURCE_DIR.mkdir()
    store.full_site(inventory)
    path = settings.SOURCE_DIR / "ranks.csv"
    path.write_text("dataset,usage_rank\n/Old/A/AOD,5\n/New/A/AOD,-1\n/Gone/A/AOD,3\n")
    return path


def source(**more: object) -> AttributeSource:
    given = {"name": "ranks", "kind": "csv", "configuration": {"path": "ranks.csv"}, **more}
    row = AttributeSource(**given)
    row.full_clean()
    row.save()
    return row


def values(inventory) -> dict[str, float | None]:
    return dict(inventory.snapshot().frame("datasets").select("name", "usage_rank").rows())


def test_only_what_changed_is_written_once(inventory, ranks: Path) -> None:
    row = attribute_sources.fetch(source(), "alice")
    assert (row.good, row.rows, row.unknown, row.changed) == (True, 3, 1, 2)
    assert row.version == inventory.snapshot().version
    assert values(inventory)["/Old/A/AOD"] == 5
    assert Run.objects.get(pk=row.run).author == "alice"
    again = attribute_sources.fetch(attribute_sources.named("ranks"), "alice")
    assert (again.changed, again.version, again.run) == (0, None, None)
    ranks.write_text("dataset,usage_rank\n/Old/A/AOD,6\n/New/A/AOD,-1\n/Gone/A/AOD,3\n")
    third = attribute_sources.fetch(attribute_sources.named("ranks"), "alice")
    assert (third.changed, values(inventory)["/Old/A/AOD"]) == (1, 6)


@pytest.mark.parametrize(("text", "error", "words"), [
    ("dataset,usage_rank\n", SourceFailed, "no rows"),
    ("dataset,usage_rank\n/Old/A/AOD,1\n", SourceFailed, "less than the last good one"),
    ("dataset,usage_rank\n/a,1\n/b,1\n/c,2\n", SourceFailed, "not in the inventory"),
    ("dataset,usage_rank\n/Old/A/AOD,0\n/New/A/AOD,0\n/Gone/A/AOD,0\n", SourceFailed, "0 for all"),
    ("dataset,usage_rank\n/Old/A/AOD,9\n/New/A/AOD,x\n", ChangeRefused, ":3: usage_rank"),
])  # fmt: skip
def test_what_cannot_be_right_changes_nothing_and_is_on_record(inventory, ranks: Path, text, error, words) -> None:
    attribute_sources.fetch(source(), "alice")
    before = inventory.snapshot().version
    ranks.write_text(text)
    with pytest.raises(error):
        attribute_sources.fetch(attribute_sources.named("ranks"), "alice")
    row, now = attribute_sources.named("ranks"), timezone.now()
    assert inventory.snapshot().version == before
    assert words in row.error and words in AttributeFetch.objects.first().error and row.good_rows == 3
    assert "fails since" in attribute_sources.trouble(row, now) and words in attribute_sources.trouble(row, now)
    ranks.write_text("dataset,usage_rank\n/Old/A/AOD,5\n/New/A/AOD,-1\n/Gone/A/AOD,3\n")
    attribute_sources.fetch(row, "alice")
    assert attribute_sources.trouble(attribute_sources.named("ranks"), now) == ""


def test_a_reading_that_is_interrupted_says_nothing_of_its_source(inventory, ranks: Path) -> None:
    attribute_sources.fetch(source(), "alice")
    row, reading = attribute_sources.named("ranks"), attribute_sources.Reading(rows=3)
    with pytest.raises(KeyboardInterrupt), attribute_sources._on_record(row, "alice", reading):
        raise KeyboardInterrupt
    last = AttributeFetch.objects.first()
    assert last is not None and (last.good, last.error, last.rows) == (False, "interrupted", 3)
    assert attribute_sources.trouble(attribute_sources.named("ranks"), timezone.now()) == ""


def test_sources_are_due_by_their_hours_and_sooner_while_they_fail(inventory, ranks: Path) -> None:
    row, now = source(every=10), timezone.now()
    assert attribute_sources.due(now) == [row]
    attribute_sources.fetch(row, "alice")
    assert attribute_sources.due(timezone.now()) == []
    assert attribute_sources.due(timezone.now() + timedelta(hours=11)) == [row]
    ranks.unlink()
    with pytest.raises(ChangeRefused):
        tasks.read_source("ranks")
    assert attribute_sources.due(timezone.now()) == []
    assert attribute_sources.due(timezone.now() + timedelta(minutes=16)) == [row]
    AttributeSource.objects.update(enabled=False)
    assert attribute_sources.due(timezone.now() + timedelta(days=9)) == []


def test_a_source_that_is_to_stop_cycles_does_so_until_it_is_well(inventory, ranks: Path) -> None:
    named = {"dataset": "dataset", "usage_rank": "usage_rank"}
    row = source(on_trouble=OnTrouble.STOP, configuration={"path": "ranks.csv", "columns": named})
    with pytest.raises(SourceInTrouble, match=r"'ranks' \(usage_rank\) has not been read yet"):
        run_cycle(store.parsed(POLICY), "alice")
    assert Run.objects.filter(application="detox").first().state == "failed"
    assert try_cycle(store.parsed(POLICY), "alice").state == "done"
    attribute_sources.fetch(row, "alice")
    assert run_cycle(store.parsed(POLICY), "alice").state == "done"
    AttributeSource.objects.update(good_at=timezone.now() - timedelta(hours=80))
    with pytest.raises(SourceInTrouble, match=r"more than 72 hours ago.*manage.py sources run"):
        run_cycle(store.parsed(POLICY), "alice")
    assert run_cycle(store.parsed(), "alice").state == "done", "this policy does not look at it"
    AttributeSource.objects.update(on_trouble=OnTrouble.LAST_GOOD)
    assert run_cycle(store.parsed(POLICY), "alice").state == "done"


def test_trouble_is_an_alarm_and_only_what_stops_cycles_is_ill_health(inventory, ranks: Path) -> None:
    row = source()
    ranks.unlink()
    with pytest.raises(ChangeRefused):
        attribute_sources.fetch(row, "alice")
    assert [
        alarm
        for alarm in alarms(timezone.now())
        if "ranks fails since" in alarm.text and "last good values are used" in alarm.text
    ]
    assert check_all()["sources"].ok
    AttributeSource.objects.update(on_trouble=OnTrouble.STOP)
    part = check_all()["sources"]
    assert not part.ok and "no Detox cycle starts" in part.detail
    values = {family.name: family.samples[0].value for family in gauges() if family.samples}
    assert values["dynamo_attribute_source_trouble"] == 1


def test_commands_list_check_and_read(inventory, ranks: Path) -> None:
    def told(*arguments: str) -> str:
        out = io.StringIO()
        call_command("sources", *arguments, stdout=out)
        return out.getvalue()

    assert "no attribute source" in told("list")
    source()
    assert "has not been read yet" in told("list")
    before = inventory.snapshot().version
    assert "3 rows, 1 of unknown datasets, 2 would change" in told("check", "ranks")
    assert inventory.snapshot().version == before
    assert json.loads(told("check", "ranks", "--json"))["changed"] == 2
    assert json.loads(told("run", "ranks", "--json"))["version"] == inventory.snapshot().version
    assert "3 rows, 1 of unknown datasets, 0 changed: nothing to write" in told("run", "ranks")
    (row,) = json.loads(told("list", "--json"))
    assert (row["name"], row["rows"], row["trouble"], row["provides"][0]) == ("ranks", 3, "", "usage_rank")
    assert {"csv", "parquet", "http-json", "access-log"} <= set(json.loads(told("kinds", "--json")))
    assert "half_life" in told("kinds")
    with pytest.raises(CommandError, match="there is no attribute source 'none'; there are ranks"):
        told("run", "none")
    page = Client().get(reverse("sources")).content.decode()
    assert "ranks" in page and "good" in page and "No reading yet" not in page
    ranks.write_text("x")
    with pytest.raises(CommandError, match="no column 'dataset'"):
        told("run", "ranks")
    # The first mistake of the file, wherever it lies.
    assert "ranks.csv: unknown column &#x27;x&#x27;" in Client().get(reverse("sources")).content.decode()
    assert Client().get(reverse("sources") + "?format=json").json()["sources"][0]["name"] == "ranks"


def test_the_admin_form_refuses_what_can_never_work_and_forgets_old_counts(admin_client: Client, ranks: Path) -> None:
    row = source(good_rows=100)
    address = reverse("admin:registry_attributesource_change", args=[row.pk])
    form = {
        "name": "ranks", "kind": "csv", "configuration": '{"path": "../x"}', "enabled": "on", "every": "24", "stale_after": "72",
        "on_trouble": "last good", "most_lost": "0.2", "most_unknown": "0.9",
    }  # fmt: skip
    assert "does not lead to a file below" in admin_client.post(address, form).content.decode()
    assert admin_client.post(address, form | {"configuration": '{"path": "other.csv"}'}).status_code == 302
    row.refresh_from_db()
    assert (row.configuration, row.good_rows, row.changed_by) == ({"path": "other.csv"}, None, "admin")
    assert admin_client.get(reverse("admin:registry_attributefetch_changelist")).status_code == 200


def test_old_readings_are_forgotten(inventory, ranks: Path, monkeypatch) -> None:
    monkeypatch.setattr(attribute_sources, "_KEPT", 2)
    row = source()
    for _ in range(4):
        attribute_sources.fetch(row, "alice")
    assert row.fetches.count() == 2
