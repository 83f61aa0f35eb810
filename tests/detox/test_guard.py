"""The guard: cycles that would delete unusually much wait until somebody has looked at exactly that plan."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from detox import guard, monitor
from detox.confirming import CannotConfirm, CycleRefused
from detox.cycle import run_cycle, try_cycle
from detox.models import Cycle, CycleState, SiteState
from detox.settings import DetoxSettings, SettingsError
from inventory.changes import ChangeSet
from inventory.models import TunedSetting
from scheduler.models import Run
from tests.detox import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "history_dir")]


def limits(site: float, partition: float) -> None:
    for name, value in (("guard_site_share", site), ("guard_partition_share", partition)):
        TunedSetting.objects.filter(component="detox", name=name).update(value=value)


def refused(**options: object) -> Cycle:
    with pytest.raises(CycleRefused):
        run_cycle(store.parsed(), "alice", **options)
    return Cycle.objects.first()


def without_wrong(inventory) -> None:
    inventory.commit(ChangeSet("test", 1).delete("datasets", [{"name": "/Wrong/A/AOD"}]))


@pytest.fixture
def guarded(inventory):
    """T2_A would lose 6 of 8 TB, T2_B 2 of 4."""
    store.full_site(inventory)
    limits(0.3, 1.0)
    return inventory


def test_a_cycle_that_would_delete_much_of_a_site_changes_nothing(guarded) -> None:
    version = guarded.snapshot().version
    cycle = refused()
    assert (cycle.state, cycle.ended is not None) == (CycleState.REFUSED, True)
    assert (guarded.snapshot().version, store.wanted_deletions()) == (version, [])
    assert {row.state for row in cycle.sites.all()} == {SiteState.IDLE}
    harmless = store.POLICY.replace("Dismiss\n", "Protect\n").replace("Delete dataset", "Protect dataset")
    run_cycle(store.parsed(harmless), "alice")
    assert (guarded.snapshot().version, store.wanted_deletions()) == (version, []), (
        "the next run finished nothing of it"
    )


def test_it_says_which_site_how_much_and_by_which_lines(guarded) -> None:
    with pytest.raises(CycleRefused) as caught:
        run_cycle(store.parsed(), "alice")
    cycle = Cycle.objects.get()
    assert monitor.guard_texts(cycle) == [
        "T2_A would lose 75% (6 TB of 8 TB) of Physics, limit 30%; largest lines: line 0 (Dismiss) 6 TB",
        "T2_B would lose 50% (2 TB of 4 TB) of Physics, limit 30%; largest lines: "
        "line 3 (Delete dataset.status == INVALID) 2 TB",
    ]
    assert all(text in str(caught.value) for text in (*monitor.guard_texts(cycle), f"--confirm {cycle.pk}"))
    run = Run.objects.get(pk=cycle.run)
    assert run.state == "done"
    assert "refused by the guard" in "\n".join(run.log_lines.values_list("text", flat=True))


def test_of_many_sites_it_names_those_that_would_lose_most() -> None:
    whole = {"site": None, "present": 300, "deleted": 200, "new": 200, "limit": 0.2, "lines": []}
    sites = [{**whole, "site": f"T2_{number:02}", "present": 100, "deleted": number} for number in range(31, 60)]
    texts = guard.all_told([*sites, whole], "Physics", {})
    assert texts[0].startswith("all sites together")
    assert [text.split()[0] for text in texts[1:-1]] == [f"T2_{number}" for number in range(59, 54, -1)]
    assert texts[-1] == "24 more sites over the limit"
    assert guard.all_told(sites[:6], "Physics", {})[-1].startswith("T2_31")


def test_a_limit_of_the_partition_counts_all_sites_together(guarded) -> None:
    limits(1.0, 0.6)
    assert monitor.guard_texts(refused()) == [
        "all sites together would lose 67% (8 TB of 12 TB) of Physics, limit 60%; largest lines: "
        "line 0 (Dismiss) 6 TB, line 3 (Delete dataset.status == INVALID) 2 TB"
    ]
    limits(1.0, 0.7)
    assert run_cycle(store.parsed(), "alice").state == CycleState.DONE


def test_a_cycle_within_the_limits_runs_unhindered(guarded) -> None:
    limits(0.76, 0.67)
    assert run_cycle(store.parsed(), "alice").guard == []
    assert len(store.wanted_deletions()) == 12


def test_once_confirmed_the_plan_is_carried_out_and_who_did_it_is_on_record(guarded) -> None:
    first = refused()
    assert monitor.refused() == [first]
    done = run_cycle(store.parsed(), "olga", confirms=first.pk)
    assert (done.state, done.author, done.confirms_id) == (CycleState.DONE, "olga", first.pk)
    assert len(store.wanted_deletions()) == 12
    assert monitor.refused() == []
    with pytest.raises(CannotConfirm, match=f"confirmed by olga already, and carried out as cycle {done.pk}"):
        run_cycle(store.parsed(), "olga", confirms=first.pk)


def test_what_would_go_besides_what_was_confirmed_is_refused_again(guarded) -> None:
    first = refused()
    guarded.put(**store.dataset("/Another/A/AOD", 800, sites=("T2_A",), blocks=3))
    second = refused(confirms=first.pk)
    assert second.confirms_id == first.pk
    assert [text.split(" (")[0] for text in monitor.guard_texts(second)] == ["T2_A would lose 82%"]
    assert store.wanted_deletions() == []
    assert run_cycle(store.parsed(), "olga", confirms=second.pk).state == CycleState.DONE


def test_other_data_of_the_same_size_is_not_what_was_confirmed(guarded) -> None:
    first = refused()
    guarded.put(datasets=[{"name": "/Raw/A/RAW", "status": "INVALID"}])
    guarded.put(**store.dataset("/Other/A/AOD", 800, sites=("T2_B",), status="INVALID"))
    without_wrong(guarded)
    second = refused(confirms=first.pk)
    assert [finding["site"] for finding in second.guard] == ["T2_B"]


def test_less_than_was_confirmed_may_go(guarded) -> None:
    first = refused()
    without_wrong(guarded)
    assert run_cycle(store.parsed(), "olga", confirms=first.pk).state == CycleState.DONE


def test_only_a_refused_cycle_of_the_same_text_and_partition_can_be_confirmed(guarded) -> None:
    first = refused()
    other = store.parsed(store.POLICY.replace("0.5", "0.4"))
    with pytest.raises(CannotConfirm, match="another text"):
        run_cycle(other, "olga", confirms=first.pk)
    with pytest.raises(CannotConfirm, match="not one of partition DataOps"):
        run_cycle(store.parsed(store.POLICY.replace("Physics", "DataOps")), "olga", confirms=first.pk)
    done = run_cycle(store.parsed(), "olga", confirms=first.pk)
    for number in (done.pk, 10**30, -1):
        with pytest.raises(CannotConfirm, match="only a cycle that the guard refused"):
            run_cycle(store.parsed(), "olga", confirms=number)


def test_a_test_run_tells_what_the_guard_would_say(guarded) -> None:
    cycle = try_cycle(store.parsed(), "tina")
    assert cycle.state == CycleState.DONE
    assert len(monitor.summary(cycle)["guard"]) == 2
    assert monitor.refused() == []


def test_a_refused_cycle_can_be_looked_at_but_is_not_among_those_that_ended_well(guarded) -> None:
    cycle = refused()
    assert monitor.find_cycle(cycle.pk, test=None) == cycle
    for number in ("latest", cycle.pk):
        with pytest.raises(monitor.CycleUnknown):
            monitor.find_cycle(number)


def test_a_cycle_keeps_the_texts_of_policy_and_partitions(guarded) -> None:
    cycle = refused()
    assert cycle.policy == store.POLICY
    assert cycle.partitions == {row["name"]: row["definition"] for row in store.PARTITIONS}
    assert {row.site: row.quota for row in cycle.sites.all()} == {"T2_A": 8 * store.TB, "T2_B": 8 * store.TB}


def test_the_command_refuses_and_confirms(guarded, settings, tmp_path) -> None:
    path = tmp_path / "Physics.txt"
    path.write_text(store.POLICY)
    with pytest.raises(CommandError, match="T2_A would lose 75%"):
        call_command("detox", "run", str(path))
    cycle = Cycle.objects.get()
    out = io.StringIO()
    call_command("detox", "show", str(cycle.pk), stdout=out)
    assert "refused" in out.getvalue()
    assert "guard: T2_A would lose 75%" in out.getvalue()
    out = io.StringIO()
    call_command("detox", "run", str(path), "--confirm", str(cycle.pk), "--author", "olga", stdout=out)
    assert "done" in out.getvalue()
    assert Cycle.objects.first().author == "olga"


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_part(share: float) -> None:
    with pytest.raises(SettingsError, match="guard_site_share"):
        DetoxSettings(guard_site_share=share)
