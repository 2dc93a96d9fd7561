"""Exact copies: the same pixels, bytes or coded pictures; and those of one SOP instance."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from echoatlas.pipeline.deduplicate.exact import SOURCES
from echoatlas.pipeline.deduplicate.whole_lake import Deduplicated
from tests.helpers.shown import (
    Shown,
    clips,
    cropped,
    edges_of,
    found,
    known,
    pictures,
    reencoded,
    shown,
    tables_of,
)


def sources(**known: dict[str, str]) -> pa.Table:
    """What is known of objects' files; whatever is not told is empty."""
    rows = [
        {name: one.get(name, "") for name, _ in SOURCES} | {"object_id": key}
        for key, one in known.items()
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(SOURCES))


def ways(result: Deduplicated) -> list[tuple[str, str, str]]:
    names = ("other_object", "kind", "found_by")
    return [tuple(edge[name] for name in names) for edge in edges_of(result)]


def framed_otherwise(cine: list[Any]) -> list[Any]:
    """As if half of the fan had been found: nothing but the file says that it is the same."""
    return [cropped(one, 0.3) for one in cine]


def test_the_same_codestream_in_another_container_is_exact_however_it_was_framed() -> None:
    cine = pictures(30, frames=4)
    frames = shown(cine, pictures(31, frames=4), framed_otherwise(cine))

    result = found(frames, sources=sources(o000={"codestream": "c"}, o002={"codestream": "c"}))

    assert clips(result) == {"o000": ("o000", "representative"), "o002": ("o000", "exact")}
    assert ways(result) == [("o002", "exact", "codestream")]
    stands = {row["frame_id"]: row for row in result.duplicates.to_pylist()}
    assert {f"f002{at:02d}": f"f000{at:02d}" for at in range(4)} == {
        name: row["representative"] for name, row in stands.items() if name[3] == "2"
    }
    assert {row["found_by"] for name, row in stands.items() if name[3] == "2"} == {"codestream"}


def test_the_same_bytes_at_two_sites_are_exact_and_other_lengths_are_not() -> None:
    cine = pictures(30, frames=4)
    frames = shown(cine, framed_otherwise(cine), framed_otherwise(cine[:3]))
    same = {"content_id": "c"}

    result = found(frames, sources=sources(o000=same, o001=same, o002=same))

    assert ("o001", "exact", "bytes") in ways(result)
    assert not any(other == "o002" and kind == "exact" for other, kind, _ in ways(result))


def test_copies_of_copies_go_where_the_best_of_all_is() -> None:
    """The second has the third's pixels and the first's file."""
    cine = pictures(30, frames=2)
    again = framed_otherwise(cine)
    frames = shown(cine, again, again)

    result = found(frames, sources=sources(o000={"content_id": "c"}, o001={"content_id": "c"}))

    assert {name: head for name, (head, _) in clips(result).items()} == dict.fromkeys(
        ("o000", "o001", "o002"), "o000"
    )


def one_instance(first: list[Any], second: list[Any]) -> tuple[list[Shown], pa.Table]:
    frames = shown(first, pictures(31, frames=4), second)
    return frames, sources(o000={"instance": "i"}, o002={"instance": "i"})


def test_the_same_instance_under_another_file_is_exact_once_its_pixels_agree() -> None:
    cine = pictures(30, frames=4)
    frames, told = one_instance(cine, [reencoded(one) for one in cine])

    result = found(frames, sources=told)

    assert clips(result) == {"o000": ("o000", "representative"), "o002": ("o000", "exact")}
    assert ways(result) == [("o002", "exact", "instance")]
    assert ("o002", "near", "hashes") in ways(found(frames))


def test_another_picture_under_the_same_instance_is_kept_and_tied() -> None:
    """Identifiers are made up by who edits files; nothing is dropped for them alone."""
    frames, told = one_instance(pictures(30, frames=4), pictures(32, frames=4))

    result = found(frames, sources=told)

    assert clips(result) == {"o000": ("o000", "tie"), "o002": ("o002", "tie")}
    assert ways(result) == [("o002", "tie", "instance")]


def test_what_files_say_is_the_same_however_a_lake_grew() -> None:
    cine = pictures(30, frames=4)
    frames, told = one_instance(cine, [reencoded(one) for one in cine])
    before = found([one for one in frames if one.rank < 2], sources=told)

    after = found(frames, known=known(before), sources=told)
    again = found(frames, known=known(after), sources=told)

    whole = tables_of(found(frames, sources=told))
    assert whole == tables_of(after, before) == tables_of(again, after)
    assert (after.fresh, again.fresh, again.looked_at) == (1, 0, 0)
