"""What a user installs: a Python client of Dynamo's API and the ``dynamo`` command. Needs nothing of the server's code.

    from dynamo_client import Dynamo

    with Dynamo("https://dynamo.example.org", token="…") as dynamo:
        request = dynamo.request_copy("/Some/Dataset-v1/AOD", "T2_*", group="AnalysisOps")

``AsyncDynamo`` has the same verbs to be awaited. Read ``verbs`` for what can be asked and ``records`` for what comes back; verbs
are generators of ``effects``, which ``dynamo`` carries out; ``command`` is the command line over it.
"""

from dynamo_client.dynamo import AsyncDynamo, Dynamo
from dynamo_client.errors import (
    CannotConnect,
    Denied,
    DynamoError,
    EndedBadly,
    Misconfigured,
    NotThere,
    Refused,
    Unavailable,
)  # fmt: skip

__all__ = [
    "AsyncDynamo", "CannotConnect", "Denied", "Dynamo", "DynamoError", "EndedBadly", "Misconfigured", "NotThere", "Refused",
    "Unavailable",
]  # fmt: skip
