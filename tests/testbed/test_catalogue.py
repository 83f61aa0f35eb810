"""The demo's data follows from its seed, looks like CMS's, and fills the sites as the story wants."""

from __future__ import annotations

import re
import zlib

import pytest

from testbed.catalogue import injection_document, make_datasets
from testbed.sites import DISKS, FULL_SITES, ROOMY_SITES, TAPE, quotas
from testbed.tables import copy_candidate
from tests.testbed.makers import NOW

OWNERS = {"AnalysisOps": ("AnalysisOps",), "DataOpsDisk": ("DataOps",)}


def made(seed=1, count=150):
    return make_datasets(seed, count, DISKS, TAPE, NOW)


def test_the_seed_decides():
    assert made(3, 20) == made(3, 20)
    assert made(3, 20) != made(4, 20)


def test_names_are_like_those_of_cms():
    datasets = made()
    assert len({dataset.name for dataset in datasets}) == 150
    assert all(re.fullmatch(r"/[\w-]+/[\w-]+-v\d/[A-Z-]+", dataset.name) for dataset in datasets)
    assert all(file.lfn.startswith("/store/") for dataset in datasets for file in dataset.files())
    assert 1500 < sum(1 for dataset in datasets for _ in dataset.files()) < 2500


def test_a_files_content_follows_from_its_name():
    file = next(made(1, 1)[0].files())
    assert len(file.content) == file.size
    assert file.content == file.content
    assert file.adler32 == zlib.adler32(file.content)


def test_the_injection_document_names_every_file_and_replica():
    datasets = made(2, 10)
    document = injection_document(datasets)
    files = [file for dataset in document["dataset"] for block in dataset["blocks"] for file in block["files"]]
    assert len(files) == sum(1 for dataset in datasets for _ in dataset.files())
    assert len(document["datasetreplica"]) == sum(len(dataset.replicas) for dataset in datasets)


@pytest.mark.parametrize("seed", range(5))
def test_three_sites_are_too_full_and_there_is_something_to_copy(seed):
    datasets = made(seed)
    limit = {(site, partition): size for site, partition, size in quotas(datasets, OWNERS)}
    for site in DISKS:
        used = sum(dataset.size for dataset in datasets for place, _ in dataset.replicas if place == site)
        share = used / sum(limit[site, partition] for partition in OWNERS)
        assert (share > 0.9) == (site in FULL_SITES)
    chosen = copy_candidate(datasets, FULL_SITES, ROOMY_SITES)
    assert not {site for site, _ in chosen.replicas} & set(ROOMY_SITES)
