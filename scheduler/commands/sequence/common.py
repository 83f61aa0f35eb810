"""How sequences are told."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from scheduler.sequences import SequenceView


def as_json(view: SequenceView) -> dict[str, Any]:
    """A sequence for programs; times in ISO form."""
    told: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(view), cls=DjangoJSONEncoder))
    return {**told, "failing": view.failing and view.failing.position}


def line(view: SequenceView) -> str:
    """A sequence in one line: what is wrong comes last, and is not overlooked."""
    place = next((step.position for step in view.steps if step.current), 0)
    text = f"{view.name:<20} {view.phase:<8} step {place} of {len(view.steps)}, round {view.rounds + 1}, {view.owner}"
    failing = view.failing
    if failing is None:
        return text
    return f"{text}  FAILING: step {failing.position} ({failing.what}) {failing.state}: {failing.error.splitlines()[0] if failing.error else ''}"
