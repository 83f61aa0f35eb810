"""Copies and deletions over time under ``/api/v1/``: what the page of activity plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
from django.utils import timezone

from fileops import reports
from fileops.models import Operation
from registry.api import asked as asking
from registry.api.columns import by_name
from registry.api.tables import field, table
from registry.api.writing import Call, Resource, route

FIELDS = by_name(
    field("time", "time", "begin of the step"),
    field("entity", "text", "destination, source, or `source → destination`", "T2_CH_CERN"),
    field("files", "integer", "that ended well", 120), field("failed", "integer", "attempts that failed", 3),
    field("bytes", "integer", "of those that ended well", 480_000_000_000, unit="bytes"),
)  # fmt: skip
_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_BY = ("destination", "source", "link")
_MOST_STEPS = 5000
_OTHERS = {
    "since": "begin; else a day before the end", "until": "end; else now",
    "step": f"{', '.join(_STEPS)}; else hour", "by": f"{', '.join(_BY)}; else destination, which for deletions is the site",
}  # fmt: skip


class _Rates(Resource):
    of: str

    @table(FIELDS, **_OTHERS)
    def list(self, call: Call) -> pl.DataFrame:
        """Files and bytes that ended well, and failed attempts, for each step of time; steps in which nothing ended are left out."""
        step = _STEPS[asking.chosen(call.query, "step", tuple(_STEPS)) or "hour"]
        by = asking.chosen(call.query, "by", _BY) or _BY[0]
        # Whole seconds: what ended just now falls into the last step.
        until = _moment(call.query, "until") or timezone.now().replace(microsecond=0) + timedelta(seconds=1)
        try:
            since = _moment(call.query, "since") or until - timedelta(days=1)
        except OverflowError:
            raise asking.wrong("until", "is before all times that can be") from None
        if until <= since or (until - since) / step > _MOST_STEPS:
            raise asking.wrong("since", f"has to be before the end by at most {_MOST_STEPS} steps")
        # Steps begin where clocks have them, so that answers to calls at different times fit together.
        begin = datetime.fromtimestamp(since.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
        counted = [reports.series(tried, begin, step, by) for tried in reports.attempts_by_day(since, until, self.of)]
        summed = (
            pl.concat([pl.DataFrame(schema=reports.SERIES), *counted]).group_by("time", "entity").agg(pl.all().sum())
        )
        return summed.select(*FIELDS).sort("time", "entity")


class TransferRates(_Rates):
    """Of copies."""

    of = Operation.COPY


class DeletionRates(_Rates):
    """Of deletions."""

    of = Operation.DELETE


def _moment(query: Mapping[str, Sequence[str]], name: str) -> datetime | None:
    seconds = asking.moment(query, name)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError):
        raise asking.wrong(name, "is no time that can be") from None


urlpatterns = [
    route("transfers/rates", TransferRates, {"get": "list"}),
    route("deletions/rates", DeletionRates, {"get": "list"}),
]
