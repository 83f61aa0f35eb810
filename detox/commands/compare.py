"""``manage.py detox compare PARTITION``: what more and what less would go with something changed."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

from detox.asking import Answer, Question, ask
from detox.policies import PolicyUnreadable
from detox.report import comparison_text
from inventory.spreadsheets import written
from inventory.subcommands import count

HELP = (
    "compare what is in force with a changed policy, quota, site status or lock: what more and what less would go; "
    "on the present, a kept version or time, or what a cycle decided from; nothing is changed anywhere"
)
DIFFERS = 3


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("subject", metavar="PARTITION|POLICY", help="a partition, or a policy by name or path")
    changes = parser.add_argument_group("what is changed; each but --policy may be given several times")
    changes.add_argument("--policy", type=Path, metavar="FILE", help="the changed policy; - for standard input")
    changes.add_argument(
        "--quota", action="append", default=[], metavar="SITE=TB", help="or SITE=none; SITE may be a glob"
    )
    changes.add_argument("--status", action="append", default=[], metavar="SITE=STATUS")
    changes.add_argument("--lock", action="append", default=[], metavar="ITEM[@SITE[@GROUP]]", help="one lock more")
    changes.add_argument(
        "--unlock", action="append", default=[], metavar="ITEM[@SITE[@GROUP]]", help="as if no lock covered this"
    )
    basis = parser.add_mutually_exclusive_group()
    basis.add_argument(
        "--cycle", type=int, metavar="N",
        help="what this cycle decided from, with its policy in force; without a change: against the policy of today",
    )  # fmt: skip
    basis.add_argument(
        "--version", dest="inventory_version", type=int, metavar="V", help="a kept version of the inventory"
    )
    basis.add_argument("--time", default="", metavar="T", help="the inventory as of this time, as policies write times")
    parser.add_argument("--by", choices=("site", "dataset", "line", "replica"), default="site")
    parser.add_argument("--limit", type=count, default=50, help="at most so many rows; 0: all (default: %(default)s)")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="everything, whatever --by says")
    shape.add_argument("--csv", action="store_true", help="the table as CSV, sizes in bytes")
    parser.add_argument(
        "--exit-code", action="store_true", help=f"end with status {DIFFERS} when something differs, for scripts"
    )


def run(options: dict[str, Any], out: TextIO) -> None:
    """Ask, and print one table, or all as JSON."""
    policy = options["policy"]
    question = Question(
        subject=options["subject"], policy=_text(policy) if policy else None, policy_file=str(policy),
        quotas=tuple(options["quota"]), statuses=tuple(options["status"]), locks=tuple(options["lock"]),
        unlocks=tuple(options["unlock"]), cycle=options["cycle"], version=options["inventory_version"], time=options["time"],
    )  # fmt: skip
    sys.stderr.write("deciding twice …\n")
    answer = ask(question)
    out.write(_shown(answer, options))
    if options["exit_code"] and not answer.comparison.same():
        sys.exit(DIFFERS)


def _shown(answer: Answer, options: dict[str, Any]) -> str:
    limit = options["limit"] if options["limit"] > 0 else None
    if options["json"]:
        return json.dumps(answer.as_dict(limit))
    frame = answer.comparison.frame(options["by"])
    if options["csv"]:
        return written(frame.head(len(frame) if limit is None else limit))
    return comparison_text(answer.as_dict(limit), options["by"])


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyUnreadable(f"cannot read the changed policy {path}: {error}") from None
