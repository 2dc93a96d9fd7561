"""Rules for identifiers: mapped under the site's key, or registered by the standard."""

from __future__ import annotations

import re
from typing import Any

from echoatlas.pipeline.deidentify.header.rules.rule import Context, Rule
from echoatlas.pipeline.read.dicom.values import read_texts
from echoatlas.pipeline.vault.pseudonyms import is_standard


def _uid(value: Any, context: Context) -> list[str] | None:
    originals = [text for text in read_texts(value) if text]
    if context.policy.uids:
        valid = [text for text in originals if re.fullmatch(r"[0-9.]{1,64}", text)]
        if not all(map(is_standard, valid)):
            context.followed.add("retain_uids")
        return valid or None
    return [context.key.uid(text) for text in originals] or None


uid = Rule(
    "mapped to a keyed UID (2.25 form), the same wherever it stands; UIDs that the standard "
    "registers stay.",
    _uid,
    "U",
)


def _standard_uid(value: Any, _: Context) -> str | None:
    text = next(iter(read_texts(value)), "")
    return text if is_standard(text) else None


standard_uid = Rule("kept if the standard registers it.", _standard_uid)


def pseudonym(kind: str) -> Rule:
    """The patient's keyed pseudonym, whatever stood there."""
    return Rule(
        f"replaced by the {kind}'s keyed pseudonym (HMAC-SHA-256).",
        lambda _, context: context.patient,
        "D",
    )
