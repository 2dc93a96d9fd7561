"""What commands print is what they say, whatever a site calls its files."""

from __future__ import annotations

import pytest

from echoatlas.cli.output import table


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.png\nkept  b.png", "a.png\\nkept  b.png"),
        ("\x1b[2Ja.png", "\\x1b[2Ja.png"),
        ("\u202egnp.a", "\\u202egnp.a"),
        ("\udcff.png", "\\udcff.png"),
        ("Zoë 文.png", "Zoë 文.png"),
    ],
)
def test_a_name_is_told_on_one_line_and_obeyed_by_no_terminal(name: str, told: str) -> None:
    assert table(("status", "file"), [("kept", name)]).splitlines()[1] == f"kept    {told}"
