"""Addresses of the inventory's resources."""

from __future__ import annotations

from django.urls import URLPattern

from registry.access import KNOWN, Access
from registry.api.inventory import datasets, files, history, query, replicas, sites, statistics
from registry.api.writing import route

_LIST, _OBJECT = {"get": "list"}, {"get": "retrieve"}

# Names of datasets have slashes: what is of a dataset stands before the dataset itself.
RESOURCES: list[URLPattern] = [
    route("datasets", datasets.Datasets, _LIST),
    route("datasets/<path:name>/blocks", datasets.Blocks, _LIST, name="v1-dataset-blocks"),
    route("datasets/<path:name>/replicas", replicas.Replicas, _LIST, name="v1-replicas-of-dataset"),
    route("datasets/<path:name>/files", files.Files, _LIST, name="v1-dataset-files"),
    route("datasets/<path:name>/history", history.HistoryOfDataset, _LIST, name="v1-dataset-history"),
    route("datasets/<path:name>", datasets.OneDataset, _OBJECT, name="v1-dataset"),
    route("blocks", datasets.Blocks, _LIST),
    route("blocks/<path:name>", datasets.OneBlock, _OBJECT, name="v1-block"),
    route("replicas", replicas.Replicas, _LIST),
    route("dataset-replicas", replicas.DatasetReplicas, _LIST),
    route("files", files.Files, _LIST),
    route("files/<path:lfn>", files.OneFile, _OBJECT, name="v1-file"),
    route("sites", sites.Sites, _LIST),
    route("sites/<str:name>", sites.OneSite, _OBJECT, name="v1-site"),
    route("groups", sites.Groups, _LIST),
    route("groups/<str:name>", sites.OneGroup, _OBJECT, name="v1-group"),
    route("partitions", sites.Partitions, _LIST),
    route("partitions/<str:name>", sites.OnePartition, _OBJECT, name="v1-partition"),
    route("statistics/size", statistics.Sizes, _LIST),
    route("statistics/replication", statistics.Replications, _LIST),
    route("statistics/usage", statistics.Usages, _LIST),
    route("history", history.History, _LIST),
    route("history/<str:version>", history.HistoryOfVersion, _LIST, name="v1-history-of-version"),
    route("lfn2pfn", files.Paths, _LIST),
    route(
        "query",
        query.Query,
        {"get": "get_rows", "post": "post_rows"},
        access=Access(KNOWN, KNOWN, reads=True, note="only reads"),
    ),
]
