"""What is rebuilt by ``rebuild`` and ``content``: there is no value to make here."""

from __future__ import annotations

from echoatlas.pipeline.deidentify.header.rules.rule import Rule

items = Rule("rebuilt item by item, by these same rules.", lambda *_: None)
codes = Rule(
    "codes that the dictionary of PS3.16 lists are kept with the dictionary's own meaning; "
    "other items are dropped.",
    lambda *_: None,
)
content = Rule(
    "rebuilt item by item: codes, numbers with units and references stay; text, names, and "
    "what Table E.3.4-1 removes are dropped.",
    lambda *_: None,
    "C",
    "clean_structured_content",
)
