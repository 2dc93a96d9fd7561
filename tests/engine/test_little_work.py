"""Little work for which no cluster is named is done without Ray, and makes the same tables."""

from __future__ import annotations

import json

from echoatlas.pipeline.engine.cluster import BUSY
from tests.cli.test_start_up import imported_by
from tests.helpers.programs import run_program
from tests.helpers.rehearsal import Rehearsal


def test_a_small_run_starts_no_ray_and_makes_the_same_tables(undisturbed: Rehearsal) -> None:
    small = undisturbed.elsewhere("small")

    said, modules = imported_by(*small.command("run", "--json")[3:])

    assert json.loads(said)["objects"] == 6
    assert "ray" not in modules
    assert undisturbed.rows() == small.rows()


# In a process of its own, which is in no cluster
CHOICES = """
import os, sys
from echoatlas.pipeline.engine.cluster import LITTLE, is_plain
from echoatlas.schemas.config.deployment import Engine
for address, named, objects in [
    (None, "", LITTLE - 1), (None, "", LITTLE), (None, "", None), ("local", "", 1),
    ("processes", "", LITTLE), (None, "10.0.0.1:6379", 1), ("ray://10.0.0.1:10001", "", 1),
    (None, "http://10.0.0.1:8265", 1),
]:
    os.environ["RAY_ADDRESS"] = named
    print(int(is_plain(Engine(address=address), objects)))
"""


def test_only_little_work_that_no_cluster_is_named_for_is_done_by_plain_processes() -> None:
    done = run_program(CHOICES)

    assert done.stdout.split() == ["1", "0", "0", "0", "1", "0", "0", "0"], done.stderr


MORE_AND_MORE = """
from contextlib import ExitStack
import ray
from echoatlas.pipeline.engine.when_needed import WhenNeeded
from echoatlas.schemas.config.deployment import Engine
from tests.engine.test_scatter import Numbers, doubled

def too_slow(**how):
    print("ray")
    raise Exception("The current node timed out during startup. This could happen because ...")

ray.init = too_slow
with ExitStack() as stack:
    cluster = WhenNeeded(Engine(workers=1), stack, lambda *told: print(told[0]), print)
    for objects in (3, 4, 5_000, 5):
        (done,) = cluster(objects).scatter(doubled, [Numbers((objects,))])
        print(*done.answer)
"""


def test_workers_of_little_work_give_way_when_an_archive_holds_much_of_it() -> None:
    done = run_program(MORE_AND_MORE)

    few = ["starting workers", "6", "8"]
    many = ["starting workers", *["ray"] * 4, f"{BUSY}: working in plain processes", "10000", "10"]
    assert few + many == done.stdout.splitlines(), done.stderr


RELEASE = """
import sys
from echoatlas.pipeline.release.create import _workers
from echoatlas.schemas.config.deployment import Engine
from tests.engine.test_scatter import Numbers, doubled

with _workers(Engine(workers=1), False, 50) as scatter:
    (done,) = scatter(doubled, [Numbers((3,))])
print(*done.answer, "ray" in sys.modules)
"""


def test_a_release_of_few_frames_starts_no_ray() -> None:
    done = run_program(RELEASE)

    assert done.stdout.split() == ["6", "False"], done.stderr
