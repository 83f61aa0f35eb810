"""What the server gives, typed: one class per kind of thing. Sizes are bytes, times are UTC.

Every record keeps the row that it came from in ``raw``, with what a newer server may tell besides.
"""

from dynamo_client.records.access import Caller, DeviceLogin, Token
from dynamo_client.records.inventory import (
    BlockReplica,
    Dataset,
    DatasetReplica,
    File,
    Injection,
    Location,
    Quota,
    Site,
    Statistic,
    Table,
)
from dynamo_client.records.operations import Answer, Application, Cycle, CycleSite, LogLine, Run, Server, Transfer
from dynamo_client.records.requests import Action, ApplicationLock, Lock, Request

__all__ = [
    "Action",
    "Answer",
    "Application",
    "ApplicationLock",
    "BlockReplica",
    "Caller",
    "Cycle",
    "CycleSite",
    "Dataset",
    "DatasetReplica",
    "DeviceLogin",
    "File",
    "Injection",
    "Location",
    "Lock",
    "LogLine",
    "Quota",
    "Request",
    "Run",
    "Server",
    "Site",
    "Statistic",
    "Table",
    "Token",
    "Transfer",
]
