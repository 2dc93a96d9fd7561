"""What ``status`` and ``label status`` count, over the tables of a small lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.label.relabel import counted, stand, standing
from echoatlas.pipeline.lake.portions import Portion, Wanted
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.run.metrics import samples_of
from echoatlas.pipeline.run.status import status, without_file
from echoatlas.pipeline.run.tallies import Packed, unlisted_objects
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.rows.objects import ObjectRow, QuarantineRow, SightingRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.tables import made, quick_lake


def test_status_counts_what_lies_in_the_tables(tmp_path: Path) -> None:
    lake = quick_lake(
        tmp_path,
        [
            {"maker": "GE", "model": "GE", "mode": "b_mode", "flags": "late_start patients_differ"},
            {"maker": "GE", "model": "Vivid", "mode": "b_mode"},
            {"maker": "GE", "model": "Vivid", "mode": "color_doppler", "like": 1},
        ],
    )
    lake.append(
        "sightings",
        to_arrow(
            "sightings",
            [made(SightingRow, locator=f"l{n}", site="st-elsewhere") for n in (0, 1, 2, 9)],
        ),
    )
    lake.append(
        "quarantine", to_arrow("quarantine", [made(QuarantineRow, locator="q", reason="too_large")])
    )

    found = status(lake)

    assert found["objects"] == {"kept": 3, "pending": 1}
    assert found["devices"] == {"GE": 1, "GE Vivid": 2}
    assert found["modes"] == {"b_mode": 2, "color_doppler": 1}
    assert found["regions"] == {"abdomen": 3}
    assert found["organs"] == {"liver": 3}
    assert found["duplicates"] == {"exact": 1, "representative": 1}
    assert found["quarantine"] == {"too_large": 1}
    assert found["faults"] == ["1 quarantine entry of objects that were not rejected"]
    assert not found["conservation"]


class CountedLake(Lake):
    """A lake that notes which of its tables are opened."""

    __slots__ = ("opened",)
    opened: Counter[str]

    def portions(self, wanted: Wanted) -> Iterator[Portion]:
        self.opened[wanted.name] += 1
        return super().portions(wanted)


def test_whatever_is_counted_of_a_table_it_is_read_once(tmp_path: Path) -> None:
    lake = CountedLake(quick_lake(tmp_path, [{}, {"like": 0}]).storage)
    lake.opened = Counter()

    status(lake)

    read = ("frames", "objects", "quarantine", "sightings")
    assert {name: lake.opened[name] for name in read} == dict.fromkeys(read, 1)


def test_a_lake_of_nothing_has_a_status(tmp_path: Path) -> None:
    lake = Lake(Storage.open(tmp_path))

    found = status(lake)

    assert (
        found["frames"], found["objects"], found["devices"], found["conservation"]
    ) == (0, {}, {}, True)  # fmt: skip
    assert standing(lake)["frames"] == 0


labels = st.lists(
    st.tuples(
        st.sampled_from(["o1", "o2", "o3"]),
        st.sampled_from(["abdomen", "unknown"]),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["fusion", "review", "none"]),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(labels, st.sets(st.sampled_from(["o1", "o2", "o4"])))
def test_labels_stand_as_when_each_is_looked_at(
    rows: list[tuple[str, str, bool, bool, str]], done: set[str]
) -> None:
    names = ("object_id", "region", "conflict", "review", "decided_by")
    kinds = (pa.string(), pa.string(), pa.bool_(), pa.bool_(), pa.string())
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    table = pa.table(
        {name: pa.array(some, kind) for name, some, kind in zip(names, columns, kinds, strict=True)}
    )

    found = stand(table, done)

    assert {
        "frames": len(rows),
        "by fusion": sum(by == "fusion" for *_, by in rows),
        "by review": sum(by == "review" for *_, by in rows),
        "unknown": sum(region == "unknown" for _, region, *_ in rows),
        "abstaining by conflict": sum(conflict for _, _, conflict, _, _ in rows),
        "objects to review": len({one for one, _, _, review, _ in rows if review} - done),
        "objects decided": len(done),
    } == found


def test_frames_are_counted_at_their_deepest_known_node(tmp_path: Path) -> None:
    lake = quick_lake(tmp_path, [{}, {}, {"region": "unknown", "organ": "unknown"}])

    assert Counter({"abdomen/liver": 2, "unknown": 1}) == counted(lake)


def test_members_of_archives_that_no_row_names_are_counted_by_site(tmp_path: Path) -> None:
    lake = Lake(Storage.open(tmp_path))
    outcomes = {
        ("a", "qilu", "kept", "unlisted"): "zip",
        ("b", "qilu", "kept", "late_start"): "zip",
        ("c", "qilu", "rejected", "unlisted"): "zip",
        ("d", "qilu", "kept", "unlisted"): "",
        ("e", "st-elsewhere", "kept", ""): "zip",
    }
    seen = [
        made(SightingRow, locator=one, site=site, container=container)
        for (one, site, _, _), container in outcomes.items()
    ]
    rows = [
        made(ObjectRow, locator=one, site=site, status=status, flags=flags)
        for one, site, status, flags in outcomes
    ]
    lake.append("sightings", to_arrow("sightings", seen))
    lake.append("objects", to_arrow("objects", rows))

    assert {"qilu": Packed(2, 1)} == unlisted_objects(lake)


def test_sites_that_are_none_any_more_are_named_until_all_of_them_is_erased() -> None:
    sites = {"a": {"kept": 1}, "b": {"erased": 2}, "c": {"erased": 1, "pending": 1}, "d": {}}

    assert without_file(sites, ["a", "e"]) == ["c"]
    assert without_file(sites, []) == ["a", "c"]


def test_a_site_whose_file_was_taken_away_is_told_of(
    undisturbed: Rehearsal, tmp_path: Path
) -> None:
    there = undisturbed.copied(tmp_path)
    before = there.run("status")
    name = next(iter(before["sites"]))

    (there.home / "sites" / f"{name}.yaml").unlink()

    assert (before["without_file"], there.run("status")["without_file"]) == ([], [name])
    assert f"{name} has no file among the sites any more" in there.here("status").stdout


def test_metrics_stand_as_status_does_whatever_moved_objects(
    undisturbed: Rehearsal, tmp_path: Path
) -> None:
    """Only a run that did something wrote them: dashboards showed who had been erased."""
    there = undisturbed.copied(tmp_path)
    told = [(_counted(there), there.run("status")["sites"])]

    there.run("quarantine", "retry")
    told.append((_counted(there), there.run("status")["sites"]))
    there.run("run")
    (site,) = there.deployment.sites
    there.run("erase", site, "--whole", "--request", "r1", "--report", str(tmp_path))
    told.append((_counted(there), there.run("status")["sites"]))

    assert all(metrics == status for metrics, status in told)
    assert len({str(status) for _, status in told}) == len(told)


def _counted(there: Rehearsal) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    text = there.lake.storage.read("metrics/echoatlas.prom")
    for (site, said), number in samples_of(text)["echoatlas_objects"].items():
        found.setdefault(site, {})[said] = int(number)
    return found
