"""What operators tune about runs; times in seconds."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

from inventory.tuning import tuned

_PREFIX = "DYNAMO_SCHEDULER_"


@dataclass(frozen=True)
class SchedulerSettings:
    """How long turns, runs and their records last.

    ``lease``: after this long without a sign of life a writer loses its turn; it gives one every quarter of it.
    ``waiter_lease``: after this long without a sign of life a waiter drops out of the queue.
    ``priority_seconds``: one step of priority counts as much as having waited this long; nobody waits for ever.
    ``job_lease``: after this long without a sign of life a job counts as lost and is given to another worker.
    ``job_limit``: a cycle's process is ended after this long unless its task says otherwise.
    ``grace``: how long a process that was told to end may take to clean up.
    ``attempts``: how often a job is started at most when workers die under it.
    ``log_lines``: lines kept of one run's log. ``keep_days``: ended runs and jobs are forgotten after this;
    ``keep_done_days``: jobs that were done already after this, for some are done every few seconds.

    ``programs``: so many of users' programs go on at a time. ``user_programs``: so many of them of one user;
    ``user_queue``: so many more of one user wait at most, ``program_queue``: of all users. ``program_bytes``: largest program.
    ``program_seconds``: a program takes no longer unless its user or step says otherwise;
    ``longest_program_seconds``: whatever these say. ``program_memory``: bytes for all of its processes together.
    ``program_processes``: so many at most, threads included. ``program_cpu_seconds``: CPU time of each of them.
    ``program_files``: files that each has open at most. ``program_disk``: bytes in its working directory.
    ``program_log``: bytes kept of its output. ``program_output``: it is ended when it has written so many bytes.
    ``program_changes``: largest change set, in bytes. ``step_pause``: before a failed step of a sequence is tried again,
    doubled with each failure. ``longest_step_pause``: up to this.
    """

    lease: float = 60.0
    waiter_lease: float = 15.0
    priority_seconds: float = 600.0
    job_lease: float = 60.0
    job_limit: float = 6 * 3600.0
    grace: float = 20.0
    attempts: int = 3
    log_lines: int = 2000
    keep_days: int = 90
    keep_done_days: int = 7
    programs: int = 4
    user_programs: int = 3
    user_queue: int = 100
    program_queue: int = 1000
    program_bytes: int = 1024**2
    program_seconds: float = 3600.0
    longest_program_seconds: float = 7 * 86400.0
    program_memory: int = 4 * 1024**3
    program_processes: int = 128
    program_cpu_seconds: int = 6 * 3600
    program_files: int = 256
    program_disk: int = 2 * 1024**3
    program_log: int = 4 * 1024**2
    program_output: int = 256 * 1024**2
    program_changes: int = 256 * 1024**2
    step_pause: float = 30.0
    longest_step_pause: float = 3600.0


def scheduler_settings() -> SchedulerSettings:
    """The tuned settings; ``DYNAMO_SCHEDULER_LEASE`` and the like in the environment win (trials, tests)."""
    settings = tuned("scheduler", SchedulerSettings)
    given = {
        field.name: type(getattr(settings, field.name))(os.environ[name])
        for field in dataclasses.fields(settings)
        if (name := f"{_PREFIX}{field.name.upper()}") in os.environ
    }
    return dataclasses.replace(settings, **given)
