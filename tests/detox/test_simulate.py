"""``manage.py detox simulate``: reference decisions come out exactly, production policies run, mistakes are told in words."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

GOLDEN = Path(__file__).parent / "golden"
TABLES = GOLDEN / "inventory_400.tgz"
NOW = "1700000000"
LISTS = ("deleted", "kept", "protected", "reowned", "lines")


def simulate(policy: Path, *more: str, inventory: Path = TABLES, partitions: Path = GOLDEN / "partitions.txt") -> str:
    out = io.StringIO()
    where = ("--inventory", str(inventory), "--partitions", str(partitions), "--policy", str(policy), "--now", NOW)
    call_command("detox", "simulate", *where, *more, stdout=out)
    return out.getvalue()


def reference(name: str) -> dict[str, list]:
    return json.loads(gzip.decompress((GOLDEN / f"{name}.json.gz").read_bytes()))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The tables unpacked."""
    with tarfile.open(TABLES) as archive:
        for member in archive.getmembers():  # extraction with a filter is not in every Python 3.11
            if (table := archive.extractfile(member)) is not None:
                (tmp_path / Path(member.name).name).write_bytes(table.read())
    return tmp_path


@pytest.mark.parametrize("name", ["watermark", "blocks"])
def test_reference_cases_come_out_exactly(name: str, tmp_path: Path) -> None:
    output = tmp_path / "out.json.gz"
    simulate(GOLDEN / f"{name}.txt", "--output", str(output))
    assert json.loads(gzip.decompress(output.read_bytes())) == reference(name)


def test_a_directory_serves_as_well_and_output_can_be_plain(directory: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    simulate(GOLDEN / "blocks.txt", "--output", str(output), inventory=directory)
    assert json.loads(output.read_text()) == reference("blocks")


def test_lists_are_printed_as_json(directory: Path) -> None:
    assert json.loads(simulate(GOLDEN / "watermark.txt", "--json")) == reference("watermark")


def test_every_target_site_says_why(directory: Path) -> None:
    shown = simulate(GOLDEN / "watermark.txt")
    rows = [line for line in shown.splitlines() if line.startswith(("T1_", "T2_"))]
    reasons = [line for line in shown.splitlines() if line.startswith("    ")]
    assert len(rows) == len(reasons) == 54
    assert all("triggered" in reason for reason in reasons)
    assert all(row.split()[2] in ("B", "kB", "MB", "GB", "TB") for row in rows if "no limit" not in row)
    assert "matches Until (site.occupancy < 0.85)" in shown
    assert "16 deleted, 293 kept, 138 protected, 0 reowned in 12 passes" in shown


def test_locks_protect_and_quotas_replace_those_of_sites(directory: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.txt"
    text = (GOLDEN / "watermark.txt").read_text()
    policy.write_text(text.replace("Protect replica.last", "ProtectBlock blockreplica.is_locked\nProtect replica.last"))
    site, dataset, *_ = next(row for row in reference("watermark")["deleted"] if row[0] == "T2_IN_TIFR")
    (directory / "locks.tsv").write_text(f"{site}\t{dataset}\t*\n")
    (directory / "quotas.tsv").write_text(f"{site}\tAnalysisOps\t1000000000000\nT2_US_MIT\tAnalysisOps\t-1\n")
    lists = json.loads(simulate(policy, "--json", inventory=directory))
    assert [site, dataset, 1] in [row[:3] for row in lists["protected"]]
    assert not [row for row in lists["deleted"] if row[0] == "T2_US_MIT"]
    emptied = {row[0] for row in lists["kept"]}
    assert "T2_US_MIT" in emptied
    assert "T2_DE_DESY" not in emptied


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("Partition AnalysisOps", "Partition Nowhere"), "no partition 'Nowhere'"),
        (("Dismiss\n", ""), "default decision"),
        (("site.occupancy > 0.9", "site.ocupancy > 0.9"), "did you mean site.occupancy"),
    ],
)
def test_a_wrong_policy_is_told_in_words(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    policy = tmp_path / "policy.txt"
    policy.write_text((GOLDEN / "watermark.txt").read_text().replace(*change))
    with pytest.raises(CommandError, match=message):
        simulate(policy)


def test_wrong_input_is_told_in_words(directory: Path, tmp_path: Path) -> None:
    policy = GOLDEN / "watermark.txt"
    with pytest.raises(CommandError, match=r"none\.txt cannot be read"):
        simulate(tmp_path / "none.txt")
    with pytest.raises(CommandError, match="nowhere"):
        simulate(policy, inventory=tmp_path / "nowhere")
    with pytest.raises(CommandError, match="cannot be written"):
        simulate(policy, "--output", str(tmp_path / "no" / "out.json"))
    with pytest.raises(CommandError, match="cannot read the time 'fnord'"):
        simulate(policy, "--now", "fnord")
    with pytest.raises(CommandError, match="deletion_per_iteration"):
        simulate(policy, "--deletion-per-iteration", "2")
    (directory / "block_replicas.tsv").write_text("1\t2\tthree\n")
    with pytest.raises(CommandError, match=r"block_replicas\.tsv:1"):
        simulate(policy, inventory=directory)


def test_an_empty_inventory_gives_empty_lists(directory: Path) -> None:
    for table in directory.glob("*.tsv"):
        table.write_text("")
    lists = json.loads(simulate(GOLDEN / "blocks.txt", "--json", inventory=directory))
    assert [lists[name] for name in LISTS[:4]] == [[], [], [], []]
