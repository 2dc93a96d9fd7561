"""Workers of whichever kind is configured: a Ray cluster joined or started, or plain processes."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from echoatlas._version import __version__
from echoatlas.pipeline.engine.processes import Processes, workers_kept
from echoatlas.pipeline.engine.ray_tasks import Cluster
from echoatlas.pipeline.engine.scatter import MACHINES, ONE_CORE, Workers, width
from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.silence import silence
from echoatlas.schemas.config.deployment import Engine

LOCAL, PLAIN = "local", "processes"  # addresses: a Ray of our own, and no Ray at all
STARTS = 4  # tries to start a Ray of our own, of half a minute each where the machine is busy
LITTLE = 200  # objects below which a Ray of our own takes longer to start than it saves
BUSY = "Ray does not start on this machine, which is too busy"
PATIENCE = 180  # seconds for a new cluster to answer: a busy machine needs more than Ray's own 20
QUIET = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}


def dashboard(engine: Engine) -> str | None:
    """The http address at which a cluster takes jobs, if one is configured or in RAY_ADDRESS."""
    return next((place for place in _addresses(engine) if _is_dashboard(place)), None)


def _addresses(engine: Engine) -> list[str]:
    if engine.address in (LOCAL, PLAIN):
        return []
    return [place for place in (engine.address, os.environ.get("RAY_ADDRESS")) if place]


def _is_dashboard(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def _cluster_address(engine: Engine) -> str | None:
    # Within a job Ray sets RAY_ADDRESS to the cluster that the job is in, whatever is configured.
    inside = [place for place in _addresses(engine) if not _is_dashboard(place)]
    if inside or not dashboard(engine):
        return inside[0] if inside else None
    raise UsageError(
        f"{dashboard(engine)} takes jobs only: start the flow, or give a ray:// address"
    )


class _GivenUp:
    """Whether we are within a ``connected`` that gave Ray up: who runs within does not try anew."""

    within = False


def is_plain(engine: Engine, objects: int | None) -> bool:
    """Whether plain processes do the work: asked for, or little work and no cluster named.

    Args:
        objects: about how many there are to be worked on; None if that is not known.
    """
    if engine.address == PLAIN:
        return True
    unnamed = engine.address is None and not _addresses(engine)
    return unnamed and objects is not None and objects < LITTLE and not _is_within()


def _is_within() -> bool:
    """Whether this process is in a cluster already."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


@contextmanager
def connected(
    engine: Engine,
    tell: Callable[[str], None] = lambda said: None,
    objects: int | None = None,
) -> Iterator[Workers]:
    """Workers: of the configured Ray cluster, of RAY_ADDRESS, or of this machine alone.

    On this machine it is a Ray of our own for as long as it is needed, or plain processes where
    that does not start, where there is little to do, or where the configuration asks for them: the
    tables are the same.

    A process that is in a cluster already stays in it, since Ray allows one a process: whoever
    runs twice within ``with connected(engine)``, or from a notebook, waits for Ray but once. So
    does who runs within a ``connected`` of plain processes: they stay for the next run.

    Args:
        tell: is told if there is no Ray though one was to be started.
        objects: about how many there are to be worked on; None if that is not known.

    Raises:
        UsageError: the configured cluster can't be reached, or is of another version.
        Retry: it fails; or the configuration asks for a Ray of our own, and none starts.
    """
    address = None if engine.address == PLAIN else _cluster_address(engine)
    given_up = _GivenUp.within and not address and engine.address != LOCAL
    if given_up or is_plain(engine, objects):
        with workers_kept(), Processes(engine) as processes:
            yield processes
        return
    prepare(join=bool(address))
    import ray
    from ray._private import worker

    # Whatever `log_to_driver` says, it tells of lost nodes on standard output, which is to be JSON
    worker._worker_logs_enabled = False
    if ray.is_initialized():
        yield Cluster(engine)
        return
    scratch: str | None = None
    try:
        if address:
            _join(address)
            _greet(address)
        else:
            scratch = tempfile.mkdtemp(prefix="ea-ray-")
            if not _started(engine, scratch):
                if engine.address == LOCAL:
                    raise Retry(BUSY)
                tell(f"{BUSY}: working in plain processes")
                _GivenUp.within = True
                with workers_kept(), Processes(engine) as processes:
                    yield processes
                return
        yield Cluster(engine)
    finally:
        _GivenUp.within = False
        ray.shutdown()
        if scratch:  # Ray's logs and sockets: nothing of a run stays behind
            shutil.rmtree(scratch, ignore_errors=True)


def _join(address: str) -> None:
    import ray

    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError):
        hint = f"check the address and the token (RAY_AUTH_TOKEN, or {_token_file()})"
        raise UsageError(f"no Ray cluster can be reached at {address}: {hint}") from None


def _greet(address: str) -> None:
    """Have a worker of a cluster that is not ours tell its version.

    Without it a cluster whose nodes lack this package would have each object for its killer.

    Raises:
        UsageError: it is another, or none.
    """
    import ray

    try:
        theirs = ray.get(ray.remote(num_cpus=1, max_retries=MACHINES)(_version).remote())
    except ray.exceptions.RayTaskError:
        theirs = "none"
    except ray.exceptions.RayError as error:
        raise Retry(f"the Ray cluster failed ({type(error).__name__})") from None
    if theirs != __version__:
        raise UsageError(
            f"nodes of the Ray cluster at {address} have echoatlas {theirs}, and not {__version__}"
        )


def _version() -> str:
    return __version__


def _started(engine: Engine, scratch: str) -> bool:
    """Start a Ray of our own. It gives itself 30 seconds, which a busy machine may not have.

    Returns:
        False if it was given up.
    """
    import ray

    for _ in range(STARTS):
        try:
            ray.init(
                address="local",
                num_cpus=width(engine),
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                object_store_memory=128 << 20,
                _temp_dir=scratch,
            )
        except Exception as error:
            if type(error) is not Exception or "timed out" not in str(error):
                raise
            ray.shutdown()
            _cleared(scratch)
        else:
            return True
    return False


def _cleared(scratch: str) -> None:
    """End what a start that was given up left running.

    Ray forgets a node that did not come up in time: its server, monitor and dashboard would run on
    until we end, and each further start would have less of the machine.
    """
    import psutil

    left = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(scratch in word for word in process.cmdline()):
                process.kill()
                left.append(process)
    psutil.wait_procs(left, timeout=10)


def _token_file() -> Path:
    """Where Ray looks for a token that stands in no variable."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named) if named else Path.home() / ".ray" / "auth_token"


def prepare(*, join: bool) -> None:
    """Set what Ray reads from the environment when it is imported, or first connects."""
    silence()
    for name, value in (QUIET | ONE_CORE).items():
        os.environ.setdefault(name, value)
    if not join:  # a token of our own for as long as we live, else Ray leaves one at home
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", str(PATIENCE))
    elif os.environ.get("RAY_AUTH_TOKEN") or _token_file().is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # else Ray has the token and keeps it
