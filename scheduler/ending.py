"""How a person ends a run or a job."""

from __future__ import annotations

from scheduler import life
from scheduler.models import OPEN_STATES, Job, Run


def end_run(run: Run, by: str) -> bool:
    """Ask the run to end: at its next step, or with its job's process; False: it had ended. Raises redis errors."""
    if run.state not in OPEN_STATES:
        return False
    Run.objects.filter(pk=run.pk, state__in=OPEN_STATES).update(killed_by=by)
    life.kill("run", run.pk)
    if run.job is not None:
        end_job(run.job)
    return True


def end_job(job: Job) -> bool:
    """Have the job's process ended by its worker; False: it had ended. Raises redis errors."""
    if job.state not in OPEN_STATES:
        return False
    life.kill("job", job.pk)
    return True
