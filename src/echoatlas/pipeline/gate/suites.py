"""What is expected of the rows of each table: suites as data, in Great Expectations' terms.

A table's suite is its file (``schemas/expectations/TABLE.yaml``), what follows from its columns
(closed words, values that may not be missing, the form of each text) and what a site's own file
asks of that site's rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import Reason
from echoatlas.schemas.expectation import Expectation
from echoatlas.schemas.packaged import packaged
from echoatlas.schemas.tables import TABLES, columns
from echoatlas.taxonomy.devices import UNKNOWN, makers, models
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import SiteConfig

UNIQUE = "ExpectColumnValuesToBeUnique"
# Tables whose rows are looked at: all that runs make, but those that people and commands write
GATED = tuple(
    name for name in TABLES if name not in ("decisions", "findings", "runs", "releases", "erasures")
)
# Table, its column, and the table and column in which each of its values has to stand
REFERENCES = (
    ("frames", "object_id", "objects", "object_id"),
    ("measures", "frame_id", "frames", "frame_id"),
    ("details", "frame_id", "frames", "frame_id"),
    ("annotations", "frame_id", "frames", "frame_id"),
    ("copies", "object_id", "objects", "object_id"),
    ("measurements", "object_id", "objects", "object_id"),
    ("labels", "frame_id", "frames", "frame_id"),
    ("duplicates", "frame_id", "frames", "frame_id"),
)


def _data(name: str) -> Any:
    return packaged("echoatlas.schemas", f"expectations/{name}.yaml")


@cache
def forms() -> Mapping[str, str]:
    """Column of text to the form that it has in all tables: a regular expression."""
    return {column: form["regex"] for form in _data("forms")["forms"] for column in form["columns"]}


@cache
def free() -> tuple[frozenset[str], str]:
    """Columns of text that have no form, and what none of them may hold: a regular expression."""
    said = _data("phi")
    return frozenset(said["columns"]), "|".join(f"({one})" for one in said["patterns"])


@cache
def closed_words() -> Mapping[str, tuple[str, ...]]:
    """Column to all that may stand in it, of those whose words the taxonomy or the steps know."""
    places = tree()
    return {
        "maker": (UNKNOWN, *makers()),
        "model": (UNKNOWN, *(model for maker in makers() for model in models(maker))),
        "device": (UNKNOWN, *(model for maker in makers() for model in models(maker))),
        "region": (UNKNOWN, *(node.id for node in places.regions)),
        "organ": (UNKNOWN, *(node.id for node in places.organs)),
        "reason": ("", *(reason.value for reason in Reason)),
    }


@cache
def suite_of(table: str) -> tuple[Expectation, ...]:
    """The expectations of a table, of whichever site its rows are."""
    asked = [Expectation(**one) for one in _data(table)["expectations"]]
    own = {one.column for one in asked if one.regex is not None}
    for name, (kind, column, nullable) in columns(TABLES[table].row).items():
        if not nullable:
            asked.append(Expectation(expect="ExpectColumnValuesToNotBeNull", column=name))
        if kind is str and name not in own:
            asked += _of_text(name, column.values)
    return tuple(asked)


def _of_text(column: str, closed: Sequence[str]) -> Iterator[Expectation]:
    """What is expected of a column of text: some words, or a form, or no mark of a person."""
    names, marks = free()
    if closed or column in closed_words():
        allowed = tuple(str(value) for value in closed) or closed_words()[column]
        yield Expectation(expect="ExpectColumnValuesToBeInSet", column=column, value_set=allowed)
    elif column in forms():
        yield Expectation(
            expect="ExpectColumnValuesToMatchRegex", column=column, regex=forms()[column]
        )
    elif column in names:
        yield Expectation(expect="ExpectColumnValuesToNotMatchRegex", column=column, regex=marks)


def suite_at(table: str, site: SiteConfig | None) -> tuple[Expectation, ...]:
    """The same, and what a site's file asks of its own rows."""
    return (*suite_of(table), *(site.expect.get(table, ()) if site is not None else ()))
