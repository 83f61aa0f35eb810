"""A quarter of a minute of mixed traffic while workers, web processes, Redis and MariaDB are killed and come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.load.__main__ import played
from tests.load.traffic import Notes
from tests.load.verdict import mistakes
from tests.load.world import world


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(600)
def test_what_was_acknowledged_is_there_exactly_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = Path(tmp_path_factory.mktemp("load", numbered=True))
    with world(directory) as made:
        report, wrong = played(made, clients=8, seconds=15, patience=3)
        print(report)
        assert not wrong, "\n".join([report, *wrong, made.logs()])


def told() -> tuple[Notes, dict[str, Any]]:
    """A little that was acknowledged, and what is found of it."""
    notes = Notes()
    for kind, cached in (("copy", 1), ("deletion", 0)):
        notes.asked[kind, "/A", "T2_B"] = 3
        notes.requests += [(kind, 1 if kind == "copy" else 2, "/A", "T2_B")] * 2
        notes.cached[kind, "/A", "T2_B"] = cached
    notes.own, notes.cancelled = [(3, "/O", "T2_C")], [3]
    notes.injected, notes.offered = {"/I": 7, "/J": None}, {"/I", "/J", "/K"}
    notes.locks = [(5, "/A", "ann")]
    found = {
        "requests": [
            [1, "copy", "new", ["/A"], ["T2_B"], "ann", 3], [2, "deletion", "new", ["/A"], ["T2_B"], "ann", 2],
            [3, "copy", "cancelled", ["/O"], ["T2_C"], "ann", 1],
        ],
        "injections": [[7, "applied", ["/I"], ""], [8, "applied", ["/J"], ""]], "datasets": ["/I", "/J"],
        "locks": [[5, "/A", "ann", True]],
    }  # fmt: skip
    return notes, found


def test_what_is_right_is_no_mistake() -> None:
    assert mistakes(*told(), []) == []


@pytest.mark.parametrize(("spoil", "text"), [
    (lambda notes, found: found["requests"].pop(0), "acknowledged as {1: 2}, found []"),
    (lambda notes, found: found["requests"].append([9, *found["requests"][0][1:]]), "found [1, 9]"),
    (lambda notes, found: found["requests"][0].__setitem__(6, 2), "but counted 2 times"),
    (lambda notes, found: found["requests"][0].__setitem__(6, 4), "but counted 4 times"),
    (lambda notes, found: found["requests"].pop(), "request 3 for /O at T2_C was acknowledged, found None"),
    (lambda notes, found: found["requests"][2].__setitem__(2, "new"), "acknowledged as cancelled and is new"),
    (lambda notes, found: found["requests"].append([9, *found["requests"][2][1:]]), "nobody was told of"),
    (lambda notes, found: found["injections"].pop(), "/J was acknowledged as injection None, found []"),
    (lambda notes, found: found["injections"][0].__setitem__(1, "refused"), "/I was acknowledged"),
    (lambda notes, found: found["injections"].append([9, "applied", ["/I"], ""]), "/I was injected 2 times"),
    (lambda notes, found: found["injections"].append([9, "applied", ["/Z"], ""]), "nobody sent it"),
    (lambda notes, found: found["datasets"].remove("/I"), "is 0 times in the inventory"),
    (lambda notes, found: found["locks"][0].__setitem__(3, False), "lock 5"),
    (lambda notes, found: found["locks"].append([6, "/A", "ann", True]), "is locked 2 times"),
    (lambda notes, found: notes.wrong.append("500"), "500"),
    (lambda notes, found: notes.broken.append((5.0, 6.0, "gone")), "although the web server was there"),
])  # fmt: skip
def test_every_mistake_is_noticed(spoil: Callable[[Notes, Any], Any], text: str) -> None:
    notes, found = told()
    spoil(notes, found)
    assert any(text in mistake for mistake in mistakes(notes, found, [(1.0, 2.0)]))
