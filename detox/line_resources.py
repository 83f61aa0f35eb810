"""What policies say under ``/api/v1/``: what each line did over many cycles, and what those in force do with a dataset now."""

from __future__ import annotations

import json
import time
from typing import Any

import polars as pl

from detox import present
from detox.line_history import read
from detox.lines import PERIODS
from inventory import client
from registry.api import asked as asking
from registry.api.columns import by_name
from registry.api.strict import Query, Text
from registry.api.tables import field, table
from registry.api.writing import Call, Resource, operation, route
from registry.errors import NotThere

_REPLICAS = "dataset replicas, likewise"
FIELDS = by_name(
    field("period", "text", "first day of the period, where `per` asks for periods", "2030-01-01", nullable=True),
    field("policy", "text", "file of the policy", "Physics.txt"), field("line", "text", "the line", "Dismiss site.status == READY"),
    field("site", "text", "where `by` asks for sites", "T2_CH_CERN", nullable=True),
    field("cycles", "integer", "cycles that had the line", 12),
    field("first", "time", "begin of the first of them"), field("last", "time", "begin of the last of them"),
    field("protected", "integer", "the mean over these cycles", 10**12, unit="bytes"),
    field("kept", "integer", "the mean over these cycles", 10**12, unit="bytes"),
    field("deleted", "integer", "in all of them", 10**12, unit="bytes"),
    *(field(f"num_{name}", "integer", _REPLICAS, 17) for name in ("protected", "kept", "deleted")),
)  # fmt: skip
_OTHERS = {
    "partition": "which partition's cycles; has to be given", "since": "cycles begun from then on", "until": "cycles begun before then",
    "by": "site: for each site apart", "per": f"{', '.join(PERIODS)}: for each period apart",
}  # fmt: skip


class Lines(Resource):
    """Lines of policies, and what they did."""

    @table(FIELDS, **_OTHERS)
    def list(self, call: Call) -> pl.DataFrame:
        """The account of every line in cycles that ended well; those that protect most come first. Test runs do not count."""
        query = call.query
        if "partition" not in query:
            raise asking.wrong("partition", "say which partition; `/api/v1/detox/partitions` lists them")
        by, per = asking.chosen(query, "by", ("site",)), asking.chosen(query, "per", PERIODS)
        partition = asking.one("partition", query["partition"])
        found = read(partition, asking.moment(query, "since"), asking.moment(query, "until"), by == "site").accounts(
            per
        )
        nothing = [pl.lit(None, pl.String).alias(name) for name in ("period", "site") if name not in found.columns]
        return (
            found.with_columns(nothing).select(pl.col("period").cast(pl.String), pl.exclude("period")).select(*FIELDS)
        )


NOW = {
    "type": "array", "items": {"type": "object", "additionalProperties": True},
    "description": "What each policy in force says of the dataset's replicas now, as the page of the dataset shows it.",
}  # fmt: skip


class Named(Query):
    """Which dataset."""

    dataset = Text(max_length=768)


class Now(Resource):
    """What would be, were there a cycle now."""

    @operation(query=Named, answer=NOW)
    def show(self, call: Call) -> Any:
        """What the policies in force say of a dataset at this moment, by partition and site."""
        snapshot, name = client.snapshot(), call.query["dataset"]
        ids = snapshot.datasets_called(pl.Series([name], dtype=pl.String))
        if ids.is_empty():
            raise NotThere(f"the inventory has no dataset {name[:200]!r}")
        return json.loads(json.dumps(present.of_dataset(snapshot, int(ids[0]), int(time.time())), default=str))


urlpatterns = [
    route("detox/lines", Lines, {"get": "list"}),
    route("detox/now", Now, {"get": "show"}),
]
