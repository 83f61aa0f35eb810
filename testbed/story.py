"""The story that the demo tells: each step does something with a running Dynamo, then checks on the disks that it is so."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db.models import Count

from dynamo_client import Dynamo
from fileops.models import Subscription
from inventory import client
from inventory.units import volume
from registry.models import AttributeSource, Request
from registry.source_models import OnTrouble
from scheduler import runs
from testbed import accounts, agreement, catalogue, damage, deciding, tables
from testbed.home import POLICIES, Home
from testbed.memory import Memory
from testbed.showing import show_pages
from testbed.sites import DISKS, FULL_SITES, ROOMY_SITES, TAPE, DemoSite, fill, quotas, site_document
from testbed.telling import Browser, Teller, decisive

GROUPS = [{"name": "AnalysisOps", "olevel": "Dataset"}, {"name": "DataOps", "olevel": "Block"}]
OWNERS = {"AnalysisOps": ("AnalysisOps",), "DataOpsDisk": ("DataOps",)}
POLICY = "Physics"
LOW_WATERMARK, HIGH_WATERMARK = 0.85, 0.90
_INJECTED_AT_ONCE = 50
_AUTHOR = ("--author", accounts.OPERATOR)


class Story:
    """The steps in order. Each is safe to begin again, and is remembered when it is done."""

    def __init__(self, home: Home, teller: Teller, num_datasets: int, seed: int) -> None:
        self.home, self.teller = home, teller
        self.sites = home.sites()
        self.memory = Memory.read(home.directory / "story.json")
        facts = self.memory.facts
        for name, value in (("now", int(time.time())), ("datasets", num_datasets), ("seed", seed)):
            facts.setdefault(name, value)
        self.datasets = catalogue.make_datasets(facts["seed"], facts["datasets"], DISKS, TAPE, facts["now"])
        self.password = self.token = ""

    def prepare(self) -> None:
        """Make the database, the accounts and the schedules."""
        # The home lets the sites' servers through, which must not read this; SQLite's other files take its mode.
        database = self.home.directory / "dynamo.sqlite3"
        database.touch(mode=0o600)
        database.chmod(0o600)
        call_command("migrate", verbosity=0)
        self.teller.run("setup_schedules", quiet=True)
        tables.quicken_schedules()
        self.password, self.token = accounts.ensure(self.home.directory)
        self.memory.note()

    def tell(self) -> None:
        """All steps that are not done yet."""
        steps: list[tuple[str, Callable[[], None]]] = [
            ("data", self._inject), ("quotas", self._set_quotas), ("copy", self._copy), ("detox", self._clean),
            ("damage", self._damage), ("repair", self._repair), ("agreement", self._compare), ("pages", self._show),
        ]  # fmt: skip
        self._correct_addresses()
        for name, step in steps:
            if name in self.memory.done:
                self.teller.tell(f"{name}: done at an earlier start")
                continue
            step()
            self.memory.finish(name)
        tables.calm_schedules()

    def _correct_addresses(self) -> None:
        """Where sites are may have changed since the last start: other ports, directories instead of servers."""
        known = dict(client.snapshot().frame("sites").select("name", "backend").iter_rows())
        moved = [site for site in self.sites if known.get(site.name, site.backend) != site.backend]
        if moved:
            rows = [{"name": site.name, "backend": site.backend} for site in moved]
            with runs.writer("sites", {}, accounts.OPERATOR) as run:
                run.commit(run.changes().put("sites", rows))
            self.teller.tell(f"new addresses: {', '.join(f'{site.name} {site.backend}' for site in moved)}")

    def _inject(self) -> None:
        self.teller.say("Production writes files at the sites and injects them through the API")
        written = fill(self.sites, self.datasets)
        with self._client() as dynamo:
            dynamo.inject({"site": site_document(self.sites), "group": GROUPS}, wait=True)
            for start in range(0, len(self.datasets), _INJECTED_AT_ONCE):
                some = self.datasets[start : start + _INJECTED_AT_ONCE]
                dynamo.inject(catalogue.injection_document(some), wait=True)
                self.memory.note(acknowledged=start + len(some))
        self._tell_ranks()
        snapshot = client.snapshot()
        present = agreement.files_present(snapshot).height
        self.teller.claim(present == written, f"{written} files on disk are {present} in the inventory")
        names = snapshot.frame("datasets")["name"]
        self.teller.claim(
            sorted(names) == sorted(dataset.name for dataset in self.datasets),
            f"each of the {len(self.datasets)} datasets that the API acknowledged is in the inventory, once",
        )
        counted = ", ".join(f"{snapshot.frame(name).height} {name}" for name in ("datasets", "blocks", "files"))
        self.teller.tell(f"{counted}; {written} file copies at {len(self.sites)} sites")

    def _tell_ranks(self) -> None:
        """A source for what a popularity service tells; the worker reads it again every day."""
        ranks = Path(settings.SOURCE_DIR) / "popularity.csv"
        ranks.parent.mkdir(exist_ok=True)
        tables.write_popularity(self.datasets, ranks)
        AttributeSource.objects.get_or_create(
            name="popularity",
            defaults={"kind": "csv", "configuration": {"path": ranks.name}, "on_trouble": OnTrouble.STOP},
        )
        self.teller.run("sources", "run", "popularity", *_AUTHOR)

    def _set_quotas(self) -> None:
        partitions = tables.partition_rows(POLICIES / "partitions.txt")
        rows = [{"site": site, "partition": name, "quota": size} for site, name, size in quotas(self.datasets, OWNERS)]
        with runs.writer("quotas", {}, accounts.OPERATOR) as run:
            run.commit(run.changes("demo-quotas").put("partitions", partitions).put("quotas", rows))
        self.memory.note(before=tables.used(self.sites))
        self._show_occupancy("Before")
        shares = {site: self._share(site) for site in (*FULL_SITES, *ROOMY_SITES)}
        over = tuple(site for site, share in shares.items() if share > HIGH_WATERMARK)
        self.teller.claim(
            over == FULL_SITES, f"{len(over)} sites are over their high watermark of {HIGH_WATERMARK:.0%}"
        )

    def _copy(self) -> None:
        self.teller.say("A physicist asks for a dataset at a site with room; Dealer places it")
        dataset = tables.copy_candidate(self.datasets, FULL_SITES, ROOMY_SITES)
        number = self._request(dataset.name)
        self.memory.note(request=number, copied=dataset.name)
        self.teller.tell(f"request {number}: one copy of {dataset.name} at {' or '.join(ROOMY_SITES)}")
        self.teller.run("dealer", "run", POLICY, *_AUTHOR)
        request = Request.objects.filter(pk=number)
        self.teller.until(
            "the copy request is carried out", request.filter(status="completed").exists, self._operations_by_state
        )
        place = self._site(request.get().actions.get().site)
        arrived, wanted = tables.intact_files(dataset, place), sum(1 for _ in dataset.files())
        self.teller.claim(
            arrived == wanted,
            f"{arrived} of {wanted} files are on the disk of {place.name}, size and checksum verified",
        )
        limits = deciding.dealer_limits(POLICY)
        self.teller.claim(
            limits.kept,
            f"Dealer kept within its limits: {limits.occupancy:.1%} full after placing (at most {limits.allowed_occupancy:.0%}), "
            f"{volume(limits.volume)} in a cycle (at most {volume(limits.allowed_volume)})",
        )

    def _request(self, dataset: str) -> int:
        """Ask, unless an earlier start has asked already."""
        asked = Request.objects.filter(items__item=dataset, user=accounts.PRODUCER).order_by("pk").first()
        if asked is not None:
            return int(asked.pk)
        with self._client() as dynamo:
            return int(dynamo.request_copy([dataset], ROOMY_SITES, group="AnalysisOps", copies=1).id)

    def _clean(self) -> None:
        self.teller.say("Three sites are over their high watermark: Detox deletes down to the low one")
        self.teller.run("detox", "run", POLICY, *_AUTHOR)
        self._until_idle("files are deleted")
        self._show_occupancy("After")
        before, after = self.memory.facts["before"], tables.used(self.sites)
        for site in FULL_SITES:
            freed, share = before[site] - after[site], after[site] / self._quota(site)
            self.teller.claim(
                freed > 0 and share <= LOW_WATERMARK,
                f"{site}: {volume(freed)} deleted from disk, {share:.1%} of the quota is used (at most {LOW_WATERMARK:.0%})",
            )
        for site in (*ROOMY_SITES, TAPE):
            self.teller.claim(after[site] >= before[site], f"{site}: nothing was deleted")
        self._explain()

    def _explain(self) -> None:
        cycle = deciding.cleaning_cycle(POLICY)
        for row in deciding.outcome_on_disks(cycle, self.datasets, self.sites).sort("decision").iter_rows(named=True):
            expected = 0 if row["decision"] == "deleted" else row["files"]
            self.teller.claim(
                row["on_disk"] == expected,
                f"{row['replicas']} block replicas {row['decision']}: {row['on_disk']} of {row['files']} files are on disk",
            )
        examples = deciding.examples(cycle, FULL_SITES[0])
        self.memory.note(cycle=cycle.pk, examples=examples)
        for dataset, _ in examples.values():
            self.teller.run("detox", "explain", str(cycle.pk), FULL_SITES[0], dataset, shown=decisive)

    def _damage(self) -> None:
        self.teller.say("Files are removed and added behind Dynamo's back")
        done = damage.do(client.snapshot(), self.sites)
        self.memory.note(damaged=done)
        self.teller.tell(f"{len(done['removed'])} files removed and {len(done['added'])} added at {done['site']}")

    def _repair(self) -> None:
        done = self.memory.facts["damaged"]
        self.teller.say("The consistency check finds them lost and dark, and repairs")
        for _ in range(2):  # lost is what two listings in a row did not show
            self.teller.run("consistency", "run", done["site"], *_AUTHOR)
        for name, wanted, kind in (("missing", done["removed"], "lost"), ("orphans", done["added"], "dark")):
            found = deciding.found_by_checks(done["site"], name)
            self.teller.claim(found == set(wanted), f"just the {len(wanted)} {kind} files were found {kind}")
        self._until_idle("lost files are copied and dark ones deleted")
        site = self._site(done["site"])
        back = [lfn for lfn in done["removed"] if site.path(lfn).exists()]
        left = [lfn for lfn in done["added"] if site.path(lfn).exists()]
        self.teller.claim(
            len(back) == len(done["removed"]), f"{len(back)} of {len(done['removed'])} lost files are back"
        )
        gone = len(done["added"]) - len(left)
        self.teller.claim(not left, f"{gone} of {len(done['added'])} dark files are gone")

    def _compare(self) -> None:
        self.teller.say("Inventory, database and disks are compared")
        found = agreement.compare(client.snapshot(), self.sites)
        for difference in found.differences[:10]:
            self.teller.tell(difference)
        self.teller.claim(
            not found.differences,
            f"{found.files} files on {len(self.sites)} disks are just those of the inventory, size and checksum",
        )
        told = self.teller.run("inventory", "verify")
        self.teller.claim(
            "tables" in told and "are equal" in told, "the database's tables are what the inventory holds"
        )
        self.teller.claim(self._open_operations() == 0, "no file operation is open")
        pending = Request.objects.exclude(status__in=("completed", "rejected", "cancelled")).count()
        self.teller.claim(pending == 0, "every request has ended")

    def _show(self) -> None:
        browser = Browser(self.home.web_url, accounts.OPERATOR, self.password)
        show_pages(self.teller, browser, self.memory.facts, FULL_SITES[0])

    def _client(self) -> Dynamo:
        return Dynamo(self.home.web_url, token=self.token)

    def _site(self, name: str) -> DemoSite:
        return next(site for site in self.sites if site.name == name)

    def _quota(self, site: str) -> int:
        return tables.total_quota(client.snapshot(), site, POLICY)

    def _share(self, site: str) -> float:
        return self._site(site).used() / self._quota(site)

    def _open_operations(self) -> int:
        open_rows = Subscription.objects.filter(open_key__isnull=False).count()
        return open_rows + Subscription.objects.filter(state="done", reported=False).count()

    def _operations_by_state(self) -> object:
        return list(Subscription.objects.values_list("operation", "state", "message").annotate(Count("id"))[:10])

    def _until_idle(self, what: str) -> None:
        self.teller.until(what, lambda: self._open_operations() == 0, self._operations_by_state)

    def _show_occupancy(self, title: str) -> None:
        self.teller.console.print(tables.occupancy(client.snapshot(), self.sites, POLICY, title))
