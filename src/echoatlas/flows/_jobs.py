"""Submit jobs, follow them, stop them: what all flows share.

A job's id is RUN-STAGE-ATTEMPT, RUN being the flow run's id. A flow that comes back after its
process died finds its job again, goes on following it, or takes its result if it has ended well;
so does another flow run that would do the same (``_alive``).
Nothing of a job's output goes into Prefect but counts and, when it failed, its one line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from prefect import get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Failed

from echoatlas.flows._alive import alive, noted, taken_over
from echoatlas.flows._told import Table, not_done, show
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.engine.cluster import dashboard
from echoatlas.pipeline.engine.jobs import Jobs, JobState, LocalJobs
from echoatlas.pipeline.engine.ray_jobs import RayJobs
from echoatlas.pipeline.errors import CheckFailed, Retry, UsageError

POLL = 0.5  # seconds between two looks at a job
LOST = "Lost"  # the name of the state that another attempt may mend
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a flow: one task, one job.

    Attributes:
        arguments: of the command line, after ``--deployment PATH --json``.
        counts: from what the command prints as JSON to what may be logged of it.
        tables: and to what is shown of it beside the run, by the tables' names.
    """

    name: str
    arguments: Sequence[str]
    counts: Callable[[Any], Counts]
    tables: Callable[[Any], Mapping[str, Table]] = lambda _: {}


def jobs_of(deployment: Deployment) -> Jobs:
    """Where a deployment's jobs run: on its Ray cluster, or on this machine.

    Raises:
        Retry, UsageError: the cluster does not answer, or refuses us.
    """
    address = dashboard(deployment.config.engine)
    return RayJobs(address) if address else LocalJobs(deployment.root / "jobs")


def sites_meant(folder: Path, sites: list[str] | None) -> tuple[Deployment, list[str], list[str]]:
    """A deployment, the names of those of its sites that are meant, and the options that say so.

    Raises:
        UsageError: there is no deployment, or no such site.
    """
    found = Deployment.find(folder)
    names = [site.site for site in found.chosen(sites)]
    return found, names, [word for name in names if sites for word in ("--site", name)]


async def carry_out(
    folder: Path,
    stages: Sequence[Stage],
    turn: AbstractAsyncContextManager[None] | None = None,
) -> State[Any] | dict[str, Counts]:
    """Run stages one after the other, each as a task; the first that fails ends the flow.

    Args:
        turn: to wait for, as ``slots`` does, and held until the last has ended.

    Returns:
        Each stage's counts; or the state to end in, with one line.
    """
    done: dict[str, Counts] = {}
    try:
        with alive(folder, str(runtime.flow_run.id)):
            async with turn or nullcontext():
                for stage in stages:
                    job: Any = carry.with_options(name=stage.name)  # its types know no async state
                    ended: State[Any] = await job(folder, stage, return_state=True)
                    if not ended.is_completed():
                        return not_done(ended.message or "")
                    done[stage.name] = await ended.aresult()
    except UsageError as error:
        return not_done(str(error))
    return done


def _is_lost(_task: object, _run: object, state: State[Any]) -> bool:
    return state.name == LOST


@task(
    retries=3,
    retry_delay_seconds=[1, 30, 120],
    retry_condition_fn=_is_lost,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def carry(folder: Path, stage: Stage) -> State[Any] | Counts:
    """Have a stage's job done, log its counts and show its tables."""
    try:
        arguments = ["--deployment", str(folder), "--json", *stage.arguments]
        jobs = await asyncio.to_thread(lambda: jobs_of(Deployment.find(folder)))
        output = await follow(folder, jobs, f"{runtime.flow_run.id}-{stage.name}", arguments)
    except Retry as error:
        return Failed(name=LOST, message=str(error))
    except (CheckFailed, UsageError) as error:
        return not_done(str(error))
    await show(stage.tables(output))
    counts = stage.counts(output)
    get_run_logger().info("%s: %s", stage.name, counts_text(counts))
    return counts


async def follow(folder: Path, jobs: Jobs, name: str, arguments: Sequence[str]) -> Any:
    """Start a job, or find the one that was started, and wait for its end.

    One that was started by this flow run is found by its id; one that does the same, and was left
    behind by a flow run that died, by its arguments. Cancelled, it stops the job before it goes.

    Args:
        folder: of the deployment.
        name: the job's id without its attempt.

    Returns:
        What the command printed as JSON.

    Raises:
        CheckFailed: it failed, with the line that it said; or somebody else stopped it.
        Retry: it was killed, or its cluster does not answer.
    """
    job_id = await asyncio.to_thread(_to_follow, folder, jobs, name, arguments)
    try:
        while (state := await asyncio.to_thread(jobs.look, job_id)) in (None, JobState.RUNNING):
            if state is None:
                await asyncio.to_thread(jobs.submit, job_id, arguments)
            await asyncio.sleep(POLL)
    except asyncio.CancelledError:
        jobs.stop(job_id)  # at once, not in a thread: the event loop is about to close
        raise
    log = await asyncio.to_thread(jobs.log, job_id)
    if state is JobState.SUCCEEDED:
        return _printed(log)
    if state is JobState.FAILED:
        raise CheckFailed(_line(log) or f"job {job_id} crashed; its log says where")
    if state is JobState.STOPPED:
        raise CheckFailed(f"job {job_id} was stopped")
    raise Retry(f"job {job_id} was {state}")


def stopping(*stages: str) -> Callable[..., Awaitable[None]]:
    """A hook that stops a cancelled run's jobs, also when its own process had no time to."""

    def stop(folder: Path, run: str) -> None:
        jobs = jobs_of(Deployment.find(folder))
        for name in stages:
            jobs.stop(_current(folder, jobs, f"{run}-{name}"))

    async def stop_jobs(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
        await asyncio.to_thread(stop, Path(flow_run.parameters["deployment"]), str(flow_run.id))

    return stop_jobs


def _to_follow(folder: Path, jobs: Jobs, name: str, arguments: Sequence[str]) -> str:
    """The job to follow: this flow run's own, else one that was left behind, else a new one."""
    job_id = _current(folder, jobs, name)
    if jobs.look(job_id) is None:
        return taken_over(folder, jobs, name, arguments) or job_id
    return job_id


def _current(folder: Path, jobs: Jobs, name: str) -> str:
    """The attempt to follow: the last one, or the one after it if that did not end well."""
    if (other := noted(folder, name)) and jobs.look(other) in (
        JobState.RUNNING,
        JobState.SUCCEEDED,
    ):
        return other
    for attempt in count(1):
        job_id = f"{name}-{attempt}"
        if jobs.look(job_id) in (None, JobState.RUNNING, JobState.SUCCEEDED):
            return job_id
    raise AssertionError("unreachable: attempts do not end")


def _printed(log: str) -> Any:
    for line in reversed(log.splitlines()):
        if line.startswith(("{", "[")):
            try:
                return json.loads(line)
            except ValueError:
                continue
    raise CheckFailed("the job ended well but printed no JSON")


def _line(log: str) -> str:
    """What the command line said last of its own accord: never a traceback, which holds values."""
    own = [line for line in log.splitlines() if line.startswith("echoatlas: ")]
    return own[-1].removeprefix("echoatlas: ") if own else ""


def counts_text(counts: Mapping[str, int]) -> str:
    """Counts as a line of a log."""
    return ", ".join(f"{number} {what}" for what, number in counts.items()) or "done"
