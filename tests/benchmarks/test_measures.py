"""Every benchmark of the inventory prints every figure that is promised, with a yardstick, at any size."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROMISED = {
    "memory": {"memory per block replica", "whole server process per block replica"},
    "files": {"memory per file", "one LFN to its replicas", "one file more: its chunk anew"},
    "snapshot": {"open a snapshot in a new process, first sum over a column", "imports of the process, before"},
    "injections": {
        "queue a small document, one client",
        "apply queued small documents, time per document",
        "queue a document of 100,000 files",
        "apply a document of 100,000 files",
    },
    "reads": {
        "block replicas of one dataset, 50 % within",
        "block replicas of one dataset, 99 % within",
        "block replicas of one dataset, time for each at the highest rate",
        "not modified (304), 50 % within",
        "classic blockreplicas of a glob, first byte",
        "all block replicas as NDJSON, peak memory of a worker",
    },
    "start": {"server start from checkpoint to serving", "server start from the database's tables"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROMISED)
def test_a_benchmark_prints_what_is_promised(name, tmp_path):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("INVENTORY_", "DYNAMO_", "DATABASE_"))
    }
    program = f"import json, dataclasses, benchmarks.{name} as found; print(json.dumps([dataclasses.asdict(f) for f in found.measure(40)]))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment | {"TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert {figure["work"] for figure in figures} >= PROMISED[name]
    for figure in figures:
        assert figure["value"] > 0 and math.isfinite(figure["value"] / figure["yardstick_value"]), figure
