"""A release is cut, or a run writes, while somebody leaves: whoever is second gives way."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from echoatlas.loader import load
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake import lease, lock
from echoatlas.pipeline.release.cutting import FOLDER
from echoatlas.pipeline.release.manifest import names, withhold
from echoatlas.pipeline.storage.storage import Storage
from tests.helpers.leaving import (
    KEPT,
    build,
    deployment,
    erased,
    fill_lake,
    named,
    new_bucket,
    request,
    traces_left,
)
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.stopping import Stopped, stopped
from tests.helpers.waiting import wait_until

# A run that sleeps for longer than its lock lasts, and then goes on
SLEEPING = """
import os, signal, sys
from echoatlas.errors import UsageError
from echoatlas.pipeline.lake import lease
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
lease.RENEW_EVERY = 0.2
lake = Lake(Storage.open(sys.argv[1]))
rows = lake.read("readings")
with lake.held("r-one"):
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        lake.append("readings", rows)
    except UsageError as refused:
        print(refused)
"""


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.heavy)])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Rehearsal:
    if request.param == "s3":
        return build(tmp_path, new_bucket(request.getfixturevalue("s3")))
    built: Rehearsal = request.getfixturevalue("built")
    return built.copied(tmp_path)


CREATE = ("release", "create", "late", "--duplicates", "keep")
PUBLISH = "echoatlas.pipeline.release.create.publish"
CUT = "echoatlas.pipeline.release.create.cut_tasks"
TAKE_OUT = "echoatlas.pipeline.erase.erase.take_out"


@pytest.mark.parametrize("place", [PUBLISH, pytest.param(CUT, marks=pytest.mark.heavy)])
def test_an_erasure_waits_for_a_release_that_is_being_cut_and_it_gives_way(
    there: Rehearsal, place: str
) -> None:
    """Its tables are from before the erasure: it would hold the patient."""
    create = stopped(there, place, *CREATE)
    erasure = subprocess.Popen(
        there.command(*request(there)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: there.lake.storage.exists("tombstones/dsr-7.json"), "tombstones")
    time.sleep(1)
    assert erasure.poll() is None  # it waits
    create.go_on()

    code, said = create.end()
    told = erasure.communicate(timeout=300)

    assert (code, erasure.returncode) == (2, 0), (said, told)
    assert "an erasure is under way" in said and "dsr-7" in said
    assert "late" not in names(there.deployment.releases)
    assert traces_left(there) == []
    there.run(*CREATE)
    assert there.run("verify", "late")["ok"]
    assert {one.frame_id for one in load("late", lake=there.lake_path)} == {
        named("f", n) for n in KEPT
    }


def test_nothing_is_cut_while_an_erasure_goes_on_or_after_it_was_killed(there: Rehearsal) -> None:
    erasure = stopped(there, TAKE_OUT, *request(there))

    during = there.here(*CREATE)
    erasure.kill()
    after = there.here(*CREATE)

    for refused in (during, after):
        assert refused.returncode == 2 and "(request dsr-7)" in refused.stderr
    assert not list(there.deployment.releases.list(FOLDER))
    erased(there)
    assert traces_left(there) == []
    there.run(*CREATE)


def test_what_was_cut_and_left_behind_by_a_kill_goes_too(there: Rehearsal) -> None:
    """Its shards and its index are listed by no manifest."""
    create = stopped(there, "echoatlas.pipeline.release.publish.card", *CREATE)
    create.kill()
    assert list(there.deployment.releases.list("late/"))

    erased(there)

    assert traces_left(there) == []
    assert not list(there.deployment.releases.list("late/"))


def test_one_that_slept_through_an_erasure_publishes_nothing(
    there: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken for dead, as it does not renew its note."""
    monkeypatch.setattr("echoatlas.pipeline.release.cutting.wait_for_cutters.__defaults__", (0.5,))
    create = stopped(there, PUBLISH, *CREATE)
    erased(there)
    create.go_on()

    code, said = create.end()

    assert code == 2 and "while this process slept" in said
    assert "late" not in names(there.deployment.releases)
    assert traces_left(there) == []


def test_one_that_slept_in_the_last_instant_can_not_publish(
    there: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has looked for notes, and would put its manifest after the erasure."""
    monkeypatch.setattr("echoatlas.pipeline.release.cutting.wait_for_cutters.__defaults__", (0.5,))
    kind = type(there.deployment.releases).__name__
    write = f"echoatlas.pipeline.storage.storage.{kind}.write"
    create = stopped(there, write, *CREATE, ending="late/manifest.json")
    erased(there)
    create.go_on()

    code, said = create.end()

    assert code == 2 and "while this process slept" in said
    assert "late" not in names(there.deployment.releases)
    assert there.here("verify", "late").returncode == 2
    assert "withheld for good" in there.here(*CREATE).stderr
    assert there.here("release", "list").returncode == 0
    assert traces_left(there) == []


def test_one_that_slept_as_it_wrote_a_shard_takes_it_back(
    there: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has looked for notes, and puts its shard after the erasure has looked at all."""
    monkeypatch.setattr("echoatlas.pipeline.release.cutting.wait_for_cutters.__defaults__", (0.5,))
    kind = type(there.deployment.releases).__name__
    write = f"echoatlas.pipeline.storage.storage.{kind}.write"
    create = stopped(there, write, *CREATE, "--codec", "jpeg", ending=".tar")
    erased(there)
    create.go_on()

    code, said = create.end()

    assert code == 2 and "while this process slept" in said
    assert traces_left(there) == []


def test_a_name_is_published_or_withheld_and_never_both(tmp_path: Path) -> None:
    storage = Storage.open(str(tmp_path))
    storage.write("one/manifest.json", b"{}", create=True)

    assert not withhold(storage, "one")
    assert withhold(storage, "two") and withhold(storage, "two")
    with pytest.raises(FileExistsError):
        storage.write("two/manifest.json", b"{}", create=True)
    assert names(storage) == ["one"]


def test_a_run_that_slept_while_its_lock_was_taken_over_commits_nothing_more(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On S3 the lock is an object: whoever does not renew it loses it."""
    there = deployment(tmp_path, new_bucket(s3))
    fill_lake(there)
    lake = there.lake
    before = lake.count("readings")
    run = Stopped(SLEEPING, str(there.lake_path))
    with pytest.raises(UsageError, match="another run holds this lake"), lake.held("r-two"):
        pass
    monkeypatch.setattr(lease, "STALE_AFTER", 0.3)  # longer than it takes to renew, as ever
    time.sleep(0.4)

    with lake.held("r-two") as held:
        assert held.before == "r-one"
        run.go_on()
        code, said = run.end()

    assert code == 0 and "another run took this lake over" in said
    assert lake.count("readings") == before
    assert lock.is_free(lake.storage)


def test_of_many_who_take_a_lock_that_was_left_behind_one_gets_it(s3: str, tmp_path: Path) -> None:
    storage = Storage.open(new_bucket(s3))
    storage.write(lock.KEY, b'{"run_id": "r-dead", "at": 0}')
    got: list[str] = []
    together = threading.Barrier(6)

    def take(number: int) -> None:
        together.wait()
        with suppress(UsageError), lock.run_lock(storage, f"r-{number}") as held:
            got.append(held.before)
            ended.wait()

    ended = threading.Event()
    takers = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for one in takers:
        one.start()
    wait_until(lambda: sum(one.is_alive() for one in takers) == 1, "one holds it")
    ended.set()
    for one in takers:
        one.join()

    assert got == ["r-dead"]
