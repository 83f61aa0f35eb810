"""docs/classic-interface.md says what the endpoints declare."""

from __future__ import annotations

from django.conf import settings

from registry import reference


def test_the_page_is_up_to_date() -> None:
    page = (settings.BASE_DIR / "docs" / "classic-interface.md").read_text()
    assert reference.filled(page) == page, "run manage.py write_docs"


def test_every_endpoint_says_what_it_does_and_who_may() -> None:
    rows = reference.filled("<!-- generated: endpoints -->\n<!-- end -->").splitlines()
    endpoints = {row.split("`")[1]: row for row in rows if row.startswith("| `")}
    assert {"request/copy", "detox/lock/set", "detoxlock/set", "inventory/stats/size", "applock/lock"} <= set(endpoints)
    assert "| admin on inventory | JSON body |" in endpoints["inventory/inject"]
    assert "| known users | **request_id** (integer) |" in endpoints["request/cancelcopy"]
    assert "| anyone |" in endpoints["request/pollcopy"]
    silent = [path for path, row in endpoints.items() if not row.rsplit("|", 2)[1].strip()]
    assert silent == []
