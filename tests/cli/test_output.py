"""What commands print is what they say, whatever a site calls its files."""

from __future__ import annotations

import io
import json
import sys

import pytest

from echoatlas.cli.output import Context, table


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


@pytest.mark.parametrize("as_json", [True, False])
def test_a_name_that_is_no_text_is_told_in_utf_8(
    as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a traceback in most locales, and bytes that no reader of JSON takes in the others."""
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, "utf-8", errors="strict"))
    data = {"file": "u1/bad\udcff Zoë.png"}

    Context(None, None, as_json).say("u1/bad\udcff Zoë.png", data)
    sys.stdout.flush()
    told = out.getvalue().decode()

    assert (json.loads(told) == data) if as_json else told == "u1/bad\\udcff Zoë.png\n"
