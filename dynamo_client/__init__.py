"""What a user installs: a Python client of Dynamo's REST interface and the ``dynamo`` command.

    from dynamo_client import DynamoClient
    with DynamoClient("https://dynamo.example.org", token="…") as dynamo:
        request = dynamo.request_copy(["/Some/Dataset-v1/AOD"], ["T2_*"], group="AnalysisOps")

Needs nothing of the server's code. Read ``client`` first; ``command`` is the command line over it.
"""

from dynamo_client.client import DynamoClient
from dynamo_client.errors import CannotConnect, Denied, DynamoError, Refused, Unavailable

__all__ = ["CannotConnect", "Denied", "DynamoClient", "DynamoError", "Refused", "Unavailable"]
