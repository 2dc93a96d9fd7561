"""Killed by the system anywhere and begun anew, an erasure ends as if undisturbed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.leaving import build, erased, new_bucket, request, traces_left
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.stopping import stopped

ERASE = "echoatlas.pipeline.erase"
PLACES = {
    "tombstones are about to be set": (f"{ERASE}.erase.bury", "", 1),
    "tombstones are set": (f"{ERASE}.erase.wait_for_cutters", "", 1),
    "some tables are done": ("echoatlas.pipeline.lake.tables.Lake.drop_rows", "", 6),
    "sightings are not masked yet": (f"{ERASE}.tables.mask", "", 1),
    "numbers of tables are not gone yet": (
        "echoatlas.pipeline.lake.tables.Lake.drop_rows",
        "stated",
        1,
    ),
    "labels are not made anew yet": (f"{ERASE}.tables.renew_lake", "", 1),
    "a shard is about to be written": (f"{ERASE}.lean.shard_key", "", 2),
    "a successor is about to be published": (f"{ERASE}.successor.card", "", 1),
    "a successor is published, and not announced": (f"{ERASE}.successor.announce", "", 2),
    "no notice points to a successor yet": (f"{ERASE}.redaction.publish", "", 2),
    "old files are about to be swept": (f"{ERASE}.sweep.unused", "", 1),
    "selections are not forgotten yet": (f"{ERASE}.sweep._forget_selections", "", 1),
    "some logs are deleted": (f"{ERASE}.erase.purged", "", 4),
    "nothing is proven yet": (f"{ERASE}.erase.prove", "", 1),
    "the report is about to be written": (f"{ERASE}.erase._settle", "", 1),
    "what was to go is not forgotten yet": (f"{ERASE}.erase.ErasureRow", "", 1),
}
LIGHT = ("some tables are done", "no notice points to a successor yet")
TIMELESS = {"finished", "proof"}


@pytest.fixture(scope="module")
def begun(built: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    return built.copied(tmp_path_factory.mktemp("begun"))


@pytest.fixture(scope="module")
def calm(begun: Rehearsal) -> tuple[Rehearsal, Any]:
    there = begun.elsewhere("calm", with_lake=True)
    return there, erased(there)[0]


def rows(there: Rehearsal) -> dict[str, Any]:
    """All but those that tell the time."""
    found = there.rows()
    return {name: found[name] for name in found if name not in ("releases", "erasures")}


def shards(there: Rehearsal) -> set[str]:
    return {entry.key for entry in there.deployment.releases.list("shards/")}


@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=() if one in LIGHT else pytest.mark.heavy) for one in PLACES]
)
def test_it_is_as_if_nothing_had_happened(
    begun: Rehearsal, calm: tuple[Rehearsal, Any], moment: str
) -> None:
    there = begun.elsewhere(moment.replace(" ", "-"), with_lake=True)
    place, ending, time = PLACES[moment]

    stopped(there, place, *request(there), ending=ending, time=time).kill()
    again = erased(there)[0]

    undisturbed, expected = calm
    assert {k: v for k, v in expected.items() if k not in TIMELESS} == {
        k: v for k, v in again.items() if k not in TIMELESS
    }
    assert traces_left(there) == []
    assert rows(undisturbed) == rows(there)
    assert shards(undisturbed) == shards(there)
    assert there.run("verify", "all")["ok"]


@pytest.mark.heavy
@pytest.mark.parametrize("moment", PLACES)
def test_on_s3_it_is_as_if_nothing_had_happened(
    s3: str, tmp_path: Path, calm: tuple[Rehearsal, Any], moment: str
) -> None:
    there = build(tmp_path, new_bucket(s3))
    place, ending, time = PLACES[moment]

    stopped(there, place, *request(there), ending=ending, time=time).kill()
    again = erased(there)[0]

    told = ("objects", "frames", "copies", "releases", "books")
    assert {name: calm[1][name] for name in told} == {name: again[name] for name in told}
    assert traces_left(there) == []
    assert shards(calm[0]) == shards(there)


def test_what_a_kill_left_half_written_goes(begun: Rehearsal) -> None:
    there = begun.elsewhere("half", with_lake=True)
    whole = next(there.deployment.releases.list("shards/"))
    folders = ("releases/shards", "releases/all", "tables/frames")
    halves = [there.lake_path / folder / ".partial-x" for folder in folders]
    for half in halves:
        half.write_bytes(there.deployment.releases.read(whole.key))

    erased(there)

    assert [half for half in halves if half.exists()] == []
    assert traces_left(there) == []


def test_until_it_is_gone_on_with_run_and_status_say_so(begun: Rehearsal) -> None:
    """The run said that frames were missing, and not that somebody's erasure was cut off."""
    there = begun.elsewhere("cut-off", with_lake=True)
    stopped(there, "echoatlas.pipeline.lake.tables.Lake.drop_rows", *request(there), time=6).kill()

    ran, stands = there.here("run"), there.here("status")
    said = there.run("status")["erasure"]
    erased(there)

    assert ran.returncode == 1
    assert said.startswith("an erasure was cut off, or is under way (request dsr-7): give its")
    assert said in ran.stderr and said in stands.stdout
    assert there.run("status")["erasure"] == ""
    assert there.here("run").returncode == 0
