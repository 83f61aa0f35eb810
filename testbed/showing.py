"""What a browser shows of the story: the pages that say what was done and why, and that they do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from testbed.telling import Browser, Teller


def addresses(facts: dict[str, Any], site: str) -> dict[str, str]:
    """Path of every page worth opening, by what it shows."""
    cycle = facts["cycle"]
    found = {
        "overview": "/",
        "the Detox cycle": f"/detox/{cycle}/",
        f"the cycle at {site}": f"/detox/{cycle}/site/{site}/",
    }
    for decision, (dataset, _) in facts["examples"].items():
        question = urlencode({"site": site, "dataset": dataset})
        found[f"why a replica was {decision}"] = f"/detox/{cycle}/why/?{question}"
    return {**found, "the copy request": f"/requests/{facts['request']}/", "the consistency checks": "/consistency/"}


def show_pages(teller: Teller, browser: Browser, facts: dict[str, Any], site: str) -> None:
    """Open every page; the pages about decisions have to name what was decided and the line of the policy that did it."""
    teller.say("A browser shows what was done and why")
    pages = addresses(facts, site)
    told: dict[str, tuple[str, ...]] = {
        f"why a replica was {decision}": (dataset, line) for decision, (dataset, line) in facts["examples"].items()
    }
    told["the copy request"] = (facts["copied"],)
    told["the consistency checks"] = (facts["damaged"]["site"],)
    for what, path in pages.items():
        wanted = told.get(what, (site,) if site in what else ())
        lacking = browser.lacks(path, wanted)
        names = f" and names {'; '.join(wanted)}" if wanted else ""
        teller.claim(not lacking, f"{what}: the page opens{names}")
