"""A small inventory as TSV tables, to be written, broken and read by tests."""

from __future__ import annotations

import tarfile
from pathlib import Path

TABLES: dict[str, str] = {
    "groups.tsv": "AnalysisOps\tDataset\nDataOps\tBlock\n",
    "sites.tsv": "T1_Disk\tdisk\tready\t10\t5\nT1_MSS\tmss\tready\t0\t0\nT2_Old\tdisk\tmorgue\t0\t2\n",
    "datasets.tsv": "/A/B/RAW\tVALID\t1600000000\t12.5\t3\n/C/D/AOD\tPRODUCTION\t1600000100\t\t0\n",
    "blocks.tsv": "0\tb0\t1000\t2\t1600000000\n0\tb1\t500\t1\t1600000001\n1\tb0\t70\t1\t1600000002\n",
    "dataset_replicas.tsv": "0\t0\t1\t0\n0\t1\t0\t1\n1\t2\t0\t1\n",
    "block_replicas.tsv": (
        "1\t0\t0\t0\t500\t1\t1600000010\n0\t0\t0\t0\t400\t0\t1600000011\n"
        "0\t1\t1\t1\t1000\t1\t1600000012\n2\t2\t1\t0\t70\t1\t1600000013\n"
    ),
}

PARTITIONS = """\
AnalysisOps: blockreplica.owner == AnalysisOps and site.storage_type == DISK
DataOpsDisk: blockreplica.owner == DataOps and site.storage_type == DISK
Tape:        site.storage_type == MSS
Physics:     [AnalysisOps, DataOpsDisk, Tape]
AllDisk:     blockreplica.owner != None and site.storage_type == DISK
"""


def write_tables(directory: Path, **changed: str | bytes) -> Path:
    """The tables in ``directory``, some replaced (``blocks="…"``) or added (``quotas="…"``)."""
    directory.mkdir(exist_ok=True)
    contents: dict[str, str | bytes] = dict(TABLES) | {f"{name}.tsv": text for name, text in changed.items()}
    for name, text in contents.items():
        (directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (directory / "partitions.txt").write_text(PARTITIONS)
    return directory


def archived(directory: Path, archive: Path) -> Path:
    """A compressed archive of the directory, as people pass around."""
    with tarfile.open(archive, "w:gz") as file:
        file.add(directory, arcname=directory.name)
    return archive
