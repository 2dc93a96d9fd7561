"""Image and text as a conversation: for trainers of models that see and speak.

Questions are ours; answers are made of the label tree, coded classes and measurements. No text of
a site stands in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from echoatlas.pipeline.release.exports.files import image_of, loose
from echoatlas.pipeline.release.exports.job import FormatSettings, Pull, told_plainly
from echoatlas.pipeline.release.exports.words import caption, finding, spoken

WHAT = "What does this ultrasound image show?"


class Settings(FormatSettings):
    """Who reads it."""

    style: Literal["messages", "conversations"] = Field(
        "messages", description="messages: ms-swift, LLaMA-Factory; conversations: LLaVA."
    )
    root: str = Field("", description="Put before paths of images.")


def write_chat(job: Pull[Settings]) -> None:
    """Write it: ``images/`` and a ``SPLIT.json`` each."""
    loose(job)
    for split in job.splits:
        entries = []
        for row in job.of(split).to_pylist():
            turns = list(_turns(row))
            path = f"{job.settings.root}{image_of(row['frame_id'], job.ending)}"
            entries.append(_entry(row["frame_id"], path, turns, job.settings.style))
        job.target.write(f"{split}.json", json.dumps(entries, indent=1).encode())
    job.notes.append("Answers are made of labels, coded classes and measurements alone.")


def _turns(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Questions and answers: the whole, then each class and measurement, then its study's."""
    told = told_plainly(row)
    yield WHAT, caption(row)
    for mark in told:
        if mark["kind"] == "scalar" and mark["number"] is not None:
            yield f"What is the {spoken(mark['name'])}?", f"{finding(mark).capitalize()}."
        elif mark["kind"] == "class" and mark["value"]:
            yield f"What is the {spoken(mark['name'])}?", f"{spoken(mark['value']).capitalize()}."
    for one in row.get("measurements") or ():
        stated = finding({"kind": "scalar", **one})
        yield f"What is the {spoken(one['name'])} of the study?", f"{stated.capitalize()}."


def _entry(name: str, path: str, turns: list[tuple[str, str]], style: str) -> dict[str, Any]:
    roles = ("user", "assistant") if style == "messages" else ("human", "gpt")
    keys = ("role", "content") if style == "messages" else ("from", "value")
    said = []
    for number, turn in enumerate(turns):
        for role, text in zip(roles, turn, strict=True):
            first = number == 0 and role == roles[0]
            said.append(dict(zip(keys, (role, f"<image>\n{text}" if first else text), strict=True)))
    if style == "messages":
        return {"id": name, "messages": said, "images": [path]}
    return {"id": name, "image": path, "conversations": said}
