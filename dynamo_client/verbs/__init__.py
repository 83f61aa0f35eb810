"""What can be asked of Dynamo: one method per thing, the same in ``Dynamo`` (blocking) and ``AsyncDynamo`` (awaited).

Listings give records one by one, page by page as they are needed. Their keywords are the server's filters: a value or several
(``site=["T2_A", "T2_*"]``, globs), ``size__ge=10**12``, ``order="-size"``, ``at_version=17``.
"""

from dynamo_client.verbs.access import AccessVerbs
from dynamo_client.verbs.detox import DetoxVerbs
from dynamo_client.verbs.inventory import InventoryVerbs
from dynamo_client.verbs.locks import LockVerbs
from dynamo_client.verbs.operations import OperationVerbs
from dynamo_client.verbs.requests import RequestVerbs
from dynamo_client.verbs.runs import RunVerbs


class Verbs(InventoryVerbs, RequestVerbs, LockVerbs, DetoxVerbs, OperationVerbs, RunVerbs, AccessVerbs):
    """All of them."""


__all__ = ["Verbs"]
