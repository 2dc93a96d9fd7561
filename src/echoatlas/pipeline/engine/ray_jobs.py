"""Jobs of a Ray cluster, behind the same promises as those of this machine."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from typing import Any

from echoatlas.pipeline.engine.cluster import PATIENCE, prepare
from echoatlas.pipeline.engine.jobs import GRACE, JobState
from echoatlas.pipeline.errors import Retry, UsageError


class RayJobs:
    """Jobs of a Ray cluster. Its token, if it wants one, is in RAY_AUTH_TOKEN.

    Args:
        address: of the cluster's dashboard, http:// or https://.

    Raises:
        Retry: nothing answers there.
        UsageError: the cluster refuses us.
    """

    def __init__(self, address: str) -> None:
        prepare(join=True)
        from ray.exceptions import AuthenticationError
        from ray.job_submission import JobSubmissionClient

        self._address = address
        self._refused = AuthenticationError
        self._client = self._asked(lambda: JobSubmissionClient(address))

    def look(self, job_id: str) -> JobState | None:
        """Where a job stands; None if there is no such job."""
        info = self._asked(lambda: self._client.get_job_info(job_id), absent=None)
        if info is None:
            return None
        if info.status.value == "FAILED":  # with a code of ours it ended by itself
            return JobState.FAILED if info.driver_exit_code in (1, 2) else JobState.LOST
        ended = {"SUCCEEDED": JobState.SUCCEEDED, "STOPPED": JobState.STOPPED}
        return ended.get(info.status.value, JobState.RUNNING)

    def submit(self, job_id: str, arguments: Sequence[str]) -> None:
        """Start ``echoatlas ARGUMENTS`` as a job; does nothing if the id is in use."""
        command = _command(arguments)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._asked(
                    lambda: self._client.submit_job(entrypoint=command, submission_id=job_id)
                )
            except Retry:
                if self.look(job_id) is not None:  # somebody was faster
                    return
                if time.monotonic() > until:  # one that has just started takes no jobs yet
                    raise
                time.sleep(1)
            else:
                return

    def running(self, arguments: Sequence[str]) -> list[str]:
        """The ids of the jobs that run ``echoatlas ARGUMENTS`` now."""
        command = _command(arguments)
        return sorted(
            job.submission_id
            for job in self._asked(lambda: self._client.list_jobs())
            if job.entrypoint == command
            and job.submission_id
            and job.status.value in ("PENDING", "RUNNING")
        )

    def stop(self, job_id: str) -> None:
        """End a job and wait until it has ended; does nothing if it is not running."""
        until = time.monotonic() + 2 * GRACE
        while self.look(job_id) is JobState.RUNNING and time.monotonic() < until:
            self._asked(lambda: self._client.stop_job(job_id))  # a pending one may not hear it
            time.sleep(0.5)

    def log(self, job_id: str) -> str:
        """What a job wrote to its standard output and error."""
        return str(self._asked(lambda: self._client.get_job_logs(job_id), absent=""))

    def _asked(self, question: Callable[[], Any], **default: Any) -> Any:
        try:
            return question()
        except self._refused:
            raise UsageError(f"{self._address} refuses us: set RAY_AUTH_TOKEN") from None
        except (OSError, RuntimeError) as error:  # what the client raises, for all else
            if "absent" in default and "status code 404" in str(error):
                return default["absent"]
            raise Retry(
                f"the Ray cluster at {self._address} does not answer as it should"
            ) from None


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "echoatlas.cli", *arguments])
