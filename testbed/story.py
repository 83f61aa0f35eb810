"""The story that the demo tells: each step does something with a running Dynamo, then checks on the disks that it is so."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

from django.db import close_old_connections
from django.db.models import Count
from rich.console import Console

from dynamo_client.client import DynamoClient
from fileops.models import Subscription
from inventory import client
from registry.models import Request
from scheduler import runs
from testbed import accounts, agreement, catalogue, damage, tables
from testbed.memory import Memory
from testbed.processes import Supervisor
from testbed.services import MANAGE, POLICIES, Home
from testbed.sites import DISKS, FULL_SITES, ROOMY_SITES, TAPE, fill, quotas, site_document

GROUPS = [{"name": "AnalysisOps", "olevel": "Dataset"}, {"name": "DataOps", "olevel": "Block"}]
OWNERS = {"AnalysisOps": ("AnalysisOps",), "DataOpsDisk": ("DataOps",)}
POLICY = "Physics"
LOW_WATERMARK, HIGH_WATERMARK = 0.85, 0.90
_INJECTED_AT_ONCE = 50
_PATIENCE_SECONDS = 180.0


class ClaimFailed(RuntimeError):
    """What the demo claims is not so; the text says what was expected and what was found."""


class Story:
    """The steps in order. Each is safe to begin again, and is remembered when it is done."""

    def __init__(self, home: Home, supervisor: Supervisor, console: Console, num_datasets: int, seed: int) -> None:
        self.home, self.supervisor, self.console = home, supervisor, console
        self.sites = home.sites()
        self.memory = Memory.read(home.directory / "story.json")
        self.memory.facts.setdefault("now", int(time.time()))
        self.datasets = catalogue.make_datasets(seed, num_datasets, DISKS, TAPE, self.memory.facts["now"])
        self.password = self.token = ""

    def prepare(self) -> None:
        """Make the database, the accounts and the schedules; nothing runs yet."""
        self._say("Dynamo, small but whole")
        self._manage("migrate", "--verbosity", "0")
        self._manage("setup_schedules")
        tables.quicken_schedules()
        self.password, self.token = accounts.ensure(self.home.directory)
        where = "XRootD servers" if self.home.uses_xrootd else "directories"
        self._tell(
            f"database and schedules are made; {len(self.sites)} storage sites are {where}, one of them tape-like"
        )

    def tell(self) -> None:
        """All steps that are not done yet."""
        steps: list[tuple[str, Callable[[], None]]] = [
            ("data", self._inject), ("quotas", self._set_quotas), ("copy", self._copy), ("detox", self._clean),
            ("damage", self._damage), ("repair", self._repair), ("agreement", self._compare),
        ]  # fmt: skip
        self._tell(f"up: {self.home.web_url}/ (user {accounts.OPERATOR}, password {self.password})")
        for name, step in steps:
            if name in self.memory.done:
                self._tell(f"{name}: done at an earlier start")
                continue
            step()
            self.memory.finish(name)
        self._say("All of it is so")

    def _inject(self) -> None:
        self._say("Production writes files at the sites and injects them through the API")
        written = fill(self.sites, self.datasets)
        with self._client() as dynamo:
            dynamo.inject({"site": site_document(self.sites), "group": GROUPS}, sync=True)
            for start in range(0, len(self.datasets), _INJECTED_AT_ONCE):
                dynamo.inject(catalogue.injection_document(self.datasets[start : start + _INJECTED_AT_ONCE]), sync=True)
        ranks = self.home.directory / "popularity.csv"
        tables.write_popularity(self.datasets, ranks)
        self._manage("inventory", "load", "--attributes", str(ranks), "--author", accounts.OPERATOR)
        snapshot = client.snapshot()
        present = agreement.files_present(snapshot).height
        self._claim(present == written, f"{written} files on disk are {present} in the inventory")
        counted = ", ".join(f"{snapshot.frame(name).height} {name}" for name in ("datasets", "blocks", "files"))
        self._tell(f"{counted}; {written} file copies at {len(self.sites)} sites")

    def _set_quotas(self) -> None:
        partitions = tables.partition_rows(POLICIES / "partitions.txt")
        rows = [{"site": site, "partition": name, "quota": size} for site, name, size in quotas(self.datasets, OWNERS)]
        with runs.writer("quotas", {}, accounts.OPERATOR) as run:
            run.commit(run.changes("demo-quotas").put("partitions", partitions).put("quotas", rows))
        self._show_occupancy("Before")

    def _copy(self) -> None:
        self._say("A physicist asks for a dataset at a site with room")
        dataset = tables.copy_candidate(self.datasets, FULL_SITES, ROOMY_SITES)
        with self._client() as dynamo:
            request = dynamo.request_copy([dataset.name], ROOMY_SITES, group="AnalysisOps", copies=1)
        self._tell(f"request {request['request_id']}: one copy of {dataset.name} at {' or '.join(ROOMY_SITES)}")
        self._manage("dealer", "run", POLICY, "--author", accounts.OPERATOR)
        self._until(
            "the copy request is carried out", lambda: self._request_status(request["request_id"]) == "completed"
        )
        place = Request.objects.get(pk=request["request_id"]).actions.get().site
        arrived = tables.intact_files(dataset, next(site for site in self.sites if site.name == place))
        wanted = sum(1 for _ in dataset.files())
        self._claim(arrived == wanted, f"{arrived} of {wanted} files are at {place}, size and checksum verified")
        self.memory.note(copied=dataset.name, copied_to=place)

    def _clean(self) -> None:
        self._say("Three sites are over their high watermark: Detox")
        before = tables.used(self.sites)
        self._manage("detox", "run", POLICY, "--author", accounts.OPERATOR)
        self._until_idle("files are deleted")
        after = tables.used(self.sites)
        self._show_occupancy("After")
        for site in FULL_SITES:
            share = after[site] / tables.total_quota(client.snapshot(), site, POLICY)
            freed = before[site] - after[site]
            self._claim(
                freed > 0 and share <= LOW_WATERMARK,
                f"{site}: {freed} bytes deleted from disk, {share:.1%} of the quota is used",
            )
        for site in (*ROOMY_SITES, TAPE):
            self._claim(after[site] == before[site] or site != TAPE, f"{site}: nothing was deleted by the watermark")

    def _damage(self) -> None:
        self._say("Files are removed and added behind Dynamo's back")
        done = damage.do(client.snapshot(), self.sites)
        self.memory.note(damaged=done)
        self._tell(f"{len(done['removed'])} files removed and {len(done['added'])} added at {done['site']}")

    def _repair(self) -> None:
        done = self.memory.facts["damaged"]
        self._say("The consistency check finds them lost and dark, and repairs")
        for _ in range(2):  # lost is what two listings in a row did not show
            self._manage("consistency", "run", done["site"], "--author", accounts.OPERATOR)
        self._until_idle("lost files are copied and dark ones deleted")
        site = next(site for site in self.sites if site.name == done["site"])
        back = [lfn for lfn in done["removed"] if site.path(lfn).exists()]
        left = [lfn for lfn in done["added"] if site.path(lfn).exists()]
        self._claim(len(back) == len(done["removed"]), f"{len(back)} of {len(done['removed'])} lost files are back")
        self._claim(not left, f"{len(done['added']) - len(left)} of {len(done['added'])} dark files are gone")

    def _compare(self) -> None:
        self._say("Inventory, database and disks are compared")
        found = agreement.compare(client.snapshot(), self.sites)
        for difference in found.differences[:10]:
            self._tell(difference)
        self._claim(
            not found.differences, f"{found.files} files on {len(self.sites)} disks are just those of the inventory"
        )
        self._manage("inventory", "verify")
        self._claim(self._open_operations() == 0, "no file operation is open")
        pending = Request.objects.exclude(status__in=("completed", "rejected", "cancelled")).count()
        self._claim(pending == 0, "every request has ended")

    def _client(self) -> DynamoClient:
        return DynamoClient(self.home.web_url, self.token)

    def _manage(self, *arguments: str) -> None:
        """Run a management command as an operator would, and show what it says."""
        finished = subprocess.run(
            [*MANAGE, *arguments], env={**os.environ, **self.home.environment()}, capture_output=True, text=True, check=False
        )  # fmt: skip
        for line in finished.stdout.splitlines():
            self.console.print(f"    {line}", style="dim", markup=False)
        if finished.returncode:
            raise ClaimFailed(
                f"`manage.py {' '.join(arguments)}` ended with {finished.returncode}:\n{finished.stderr[-4000:]}"
            )

    def _request_status(self, number: int) -> str:
        return str(Request.objects.values_list("status", flat=True).get(pk=number))

    def _open_operations(self) -> int:
        open_rows = Subscription.objects.filter(open_key__isnull=False).count()
        return open_rows + Subscription.objects.filter(state="done", reported=False).count()

    def _until_idle(self, what: str) -> None:
        self._until(what, lambda: self._open_operations() == 0)

    def _until(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                states = list(
                    Subscription.objects.values_list("operation", "state", "message").annotate(Count("id"))[:10]
                )
                raise ClaimFailed(
                    f"after {_PATIENCE_SECONDS:.0f} s it is not so that {what}; file operations: {states}"
                )
            if dead := self.supervisor.dead():
                raise ClaimFailed(f"{dead[0].name} ended by itself; {dead[0].log} says:\n{dead[0].last_lines()}")
            close_old_connections()
            time.sleep(0.5)
        self._tell(what)

    def _show_occupancy(self, title: str) -> None:
        self.console.print(tables.occupancy(client.snapshot(), self.sites, POLICY, title))

    def _claim(self, so: bool, text: str) -> None:
        if not so:
            raise ClaimFailed(text)
        self.console.print(f"  [green]✓[/] {text}")

    def _say(self, text: str) -> None:
        self.console.rule(f"[bold]{text}", align="left")

    def _tell(self, text: str, **style: Any) -> None:
        self.console.print(f"  {text}", markup=False, **style)
