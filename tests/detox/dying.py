"""A process of its own that runs a cycle and is killed (SIGKILL) before the write whose number it is given."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import django


def main(fatal: int, history: str) -> None:
    django.setup()
    from django.conf import settings
    from django.db import connection

    from detox.cycle import run_cycle
    from inventory import client, log
    from inventory.leader import Leader
    from inventory.recovery import recovered
    from tests.detox.store import parsed

    settings.HISTORY_DIR, settings.DETOX_ENFORCER_PROTECTED = Path(history), ""
    number = 0

    def dying(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal number
        if re.match(r"\s*(insert|update|delete)", sql, re.IGNORECASE):
            number += 1
            if number > fatal:
                os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)

    row = log.take_lead()
    image, _ = recovered(row.head)
    with client.using(Leader(row.epoch, image, row.next_ids)), connection.execute_wrapper(dying):
        run_cycle(parsed(), "alice")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
