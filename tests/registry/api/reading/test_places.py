"""Large answers that are sent at a time: those who read slowly leave threads for others."""

from __future__ import annotations

import pytest

from registry.api import places


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(places, "_PATIENCE", 0.0)


def stream(reader):
    return reader.client.get("/api/v1/replicas?format=ndjson")


def test_slow_readers_leave_threads_for_others(reader, stocked):
    slow = [stream(reader) for _ in range(places.PLACES)]
    assert {answer.status_code for answer in slow} == {200}
    refused = stream(reader)
    assert (refused.status_code, refused["Content-Type"]) == (503, "application/problem+json")
    assert int(refused["Retry-After"]) > 0
    assert reader.get("replicas").status_code == 200  # a page is there at once
    whole = slow[0].getvalue()
    assert stream(reader).getvalue() == whole
    for answer in slow[1:]:
        answer.close()
    assert [stream(reader).getvalue() for _ in range(places.PLACES + 1)] == [whole] * (places.PLACES + 1)


def test_an_answer_that_breaks_or_that_nobody_reads_gives_its_place_back():
    def broken():
        yield b"first"
        raise OSError("gone")

    for _ in range(places.PLACES + 1):
        answer = places.Placed(broken())
        with pytest.raises(OSError, match="gone"):
            list(answer)
        places.Placed(part for part in (b"never", b"read"))
