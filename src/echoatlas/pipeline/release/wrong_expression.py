"""What is wrong with an expression that somebody wrote: where, and what could stand there.

The database's own words are about its grammar, its types and our query around the expression, and
quote values of rows. None of them is passed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

import pyarrow as pa

from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from echoatlas.pipeline.database import Connection, SqlError

CONDITION = "organ = 'liver' AND quality > 0.5"
NUMBERED = "_row"  # the number of a row, among the columns that are offered
MOST_SHOWN = 60  # characters of an expression, or of a part of it, in a message
STOPPED = re.compile(r'(?:at or near|near) "(.*?)"')
LINE = re.compile(r"\nLINE (\d+):")
NO_COLUMN = re.compile(r'column "(.*?)" not found|have a column named "(.*?)"')
NO_FUNCTION = re.compile(r"Function with name (\S+) does not exist")
QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00b4"  # as word processors write them, too
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
WORD, CALLED = re.compile(r"[a-z_]\w*"), re.compile(r"([a-z_]\w*)\s*\(")
CLOCKS = frozenset({  # which need no parentheses
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
})  # fmt: skip
MANY = re.compile(r"cannot contain (?:aggregates|window functions)")


def wrong_expression(
    option: str, expression: str, schema: pa.Schema, error: SqlError
) -> UsageError:
    """One line for whoever wrote an expression over columns.

    Args:
        option: what it was given by: "--where".
    """
    example = CONDITION if "where" in option else "1 + quality"
    why = _why(expression, schema, str(error))
    return UsageError(f"{option}: {shown(expression)}: {why}; say one such as {example}")


def demand_repeatable(asked: Connection, expression: str, option: str, columns: list[str]) -> None:
    """Refuse what is something else each time: nobody could cut, pull or resume the same again.

    Args:
        columns: names that stand for what samples have.
    """
    plain = QUOTED.sub("''", expression.lower())
    used = CLOCKS.intersection(WORD.findall(plain)) - {one.lower() for one in columns}
    if called := set(CALLED.findall(plain)):
        used |= called & _changing(asked)
    if used:
        raise UsageError(
            f"{option}: {shown(expression)}: {min(used)} is something else each time; say one such "
            "as patient < '2', of an eighth of all patients, who stay the same"
        )


def _changing(asked: Connection) -> set[str]:
    found = asked.sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
    ).fetchall()
    return {name for (name,) in found}


def shown(text: str) -> str:
    """As much of what somebody wrote as a line has room for."""
    plain = " ".join(text.split())
    return plain if len(plain) <= MOST_SHOWN else f"{plain[:MOST_SHOWN]}..."


def kind_of(type_: pa.DataType | str) -> str:
    """What values of a type are, in words: of Arrow's types, or of the database's by name."""
    name = str(type_).lower().removeprefix("dictionary<values=").partition("[")[0]
    if name.startswith(("string", "varchar", "large_string")):
        return "a text"
    if name.startswith("bool"):
        return "true or false"
    if "list" in name or "struct" in name or "binary" in name or "blob" in name:
        return "a list or bytes"
    return "a number"


def _why(expression: str, schema: pa.Schema, said: str) -> str:
    names = [name for name in schema.names if name != NUMBERED]
    if "unterminated" in said:
        return "a text that a quotation mark begins has no end"
    if stopped := STOPPED.search(said) if "Parser Error" in said else None:
        line = LINE.search(said)
        beyond = line is not None and int(line[1]) > expression.count("\n") + 1
        if expression.count("(") != expression.count(")"):
            return "a parenthesis is missing, or one too many"
        return "it breaks off at its end" if beyond else f'not understood at "{shown(stopped[1])}"'
    if missing := NO_COLUMN.search(said):
        return _no_column(missing[1] or missing[2], names)
    if unknown := NO_FUNCTION.search(said):
        return f"there is no function {shown(unknown[1])}"
    if MANY.search(said):
        return "it may look at one sample at a time, not at sums or counts of several"
    used = list(_used(expression, schema, names))
    if used and any(word in said for word in ("Conversion", "compare", "No function matches")):
        return (
            f"kinds that do not go together: {', '.join(used)}; texts stand in single quotes, "
            "numbers in none"
        )
    return "this can't be asked of the columns"


def _no_column(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"there is no column {shown(name)}; near are {', '.join(near)}"
    text = shown(name.strip(QUOTES))
    return f"there is no column {shown(name)}; a text stands in single quotes, '{text}'"


def _used(expression: str, schema: pa.Schema, names: list[str]) -> Iterator[str]:
    """The columns of an expression, each with what it is."""
    words = set(re.findall(r"\w+", expression.lower()))
    for name in names:
        if name.lower() in words:
            yield f"{name} is {kind_of(schema.field(name).type)}"
