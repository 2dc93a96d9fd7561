"""Fixtures that all tests share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from echoatlas.pipeline.database import engines_kept
from echoatlas.pipeline.engine.cluster import connected
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.deployment import Engine
from tests.helpers import s3server
from tests.helpers.rehearsal import Rehearsal, as_in_a_process, fill
from tests.helpers.torture import make_key

SAMPLES = Path(__file__).parents[1] / "../shared/samples"

# Examples that a test draws are the same in each `make test`: what fails is what was changed.
# `make test-all` draws new ones. None is timed: the first one of a process may wait for its imports
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


# What takes longest, longest first: begun last, one would keep a worker alone. Folders are those of
# which the files share what takes long to make; one worker has all of such a folder, else of a file
TOGETHER = ("erase", "flows", "label")
LONGEST = (
    "erase",
    "flows",
    "test_journey",
    "test_clusters",
    "test_exports",
    "test_loader",
    "test_resume",
    "test_redact",
    "test_dicomweb",
    "test_packing",
    "test_drawn",
    "test_tool",
    "test_little_work",
    "test_without",
    "test_release",
    "test_cluster",
    "test_scatter",
    "test_moves",
    "test_consent",
    "test_audit",
    "test_start_up",
    "test_planes",
    "test_kin",
    "test_diff",
    "test_readers",
    "test_held_batches",
    "test_due",
    "test_hamming",
    "test_docs",
    "test_failing_store",
    "test_full_disk",
    "test_bounds",
    "test_reread",
    "test_in_a_browser",
)


class Together(LoadFileScheduling):
    """A file is of one worker whole, and so is such a folder."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folder = Path(file).parent.name
        return folder if folder in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return Together(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that two workers end together."""
    place = {name: number for number, name in enumerate(LONGEST)}

    def number(item: pytest.Item) -> int:
        return min(place.get(one, len(place)) for one in (item.path.parent.name, item.path.stem))

    items.sort(key=number)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Have all tests run in one environment: workers of another one are not used again."""
    os.environ["PYTEST_CURRENT_TEST"] = "one of ours"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call() -> None:
    """The same: it is set anew between the two."""
    os.environ["PYTEST_CURRENT_TEST"] = "one of ours"


@pytest.fixture(scope="session", autouse=True)
def no_cache_at_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests load is mapped in a folder of theirs."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def databases_start_once() -> Iterator[None]:
    """As within one command: each of the many that tests run would start its own."""
    with engines_kept():
        yield


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real scans beside the checkout; tests that need it are skipped without it."""
    if not (SAMPLES / "manifest.csv").is_file():
        pytest.skip("the folder of real sample scans is not beside this checkout")
    return SAMPLES.resolve()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a real S3 server, whose credentials stand in the environment."""
    process, endpoint = s3server.start(tmp_path_factory.mktemp("s3"))
    os.environ.update(
        AWS_ENDPOINT_URL=endpoint,
        AWS_ACCESS_KEY_ID=s3server.KEY,
        AWS_SECRET_ACCESS_KEY=s3server.SECRET,
    )
    yield endpoint
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.pop(name)
    process.kill()
    process.wait()


@pytest.fixture
def bucket(s3: str) -> Iterator[Storage]:
    """A new bucket, which goes with its test: the server has room for some dozens at once."""
    name = f"b{uuid.uuid4().hex[:12]}"
    s3server.client(s3).create_bucket(Bucket=name)
    yield Storage.open(f"s3://{name}/prefix")
    s3server.client(s3).delete_bucket(Bucket=name)


@pytest.fixture(scope="session", autouse=True)
def workers_stay() -> Iterator[None]:
    """Plain processes wait for the next run in this process, where each would start its own."""
    with ExitStack() as stack:
        with as_in_a_process():
            stack.enter_context(connected(Engine(address="processes")))
        yield


@pytest.fixture(scope="module")
def one_ray() -> Iterator[None]:
    """One Ray for all that a module runs in this process, where each run would wait for a new
    one. What is no matter of Ray's runs in plain processes: its start takes longer than most
    tests."""
    with ExitStack() as stack:
        with as_in_a_process():
            stack.enter_context(connected(Engine(workers=2)))
        yield


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    return Rehearsal(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A small deployment that ran once, from start to end. Other tests have it too: what a test
    runs in it, it runs in a copy (``elsewhere``)."""
    made = Rehearsal(tmp_path_factory.mktemp("undisturbed"))
    made.engine(batch=2, group=1, workers=2)
    fill(made.site("st-elsewhere", labels={"organ": "abdomen/liver"}))
    made.run("run")
    return made


@pytest.fixture(scope="session")
def key() -> SiteKey:
    """The key of a site."""
    return make_key()
