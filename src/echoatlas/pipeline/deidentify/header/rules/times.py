"""Rules for dates, times and ages."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from echoatlas.pipeline.deidentify.header.rules.rule import Context, Rule
from echoatlas.pipeline.read.dicom.values import read_texts

OLDEST = 90  # 45 CFR 164.514(b)(2)(i)(C): ages over 89 are one category
DAY = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
MOMENT = re.compile(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)?(?:[+-]\d{4})?")
AGE = re.compile(r"(\d{3})([DWMY])")
YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
TO_SECONDS = 6  # characters of a time: six digits behind the point may be anyone's number
MIDNIGHT, NO_DAY = "000000", "19000101"


def _shifted(text: str, context: Context) -> str | None:
    match = DAY.fullmatch(text)
    if match is None or context.policy.dates == "removed":
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
        if context.policy.dates == "full":
            context.followed.add("retain_longitudinal_full_dates")
            return day.strftime("%Y%m%d")
        moved = day + timedelta(days=context.shift)
    except (ValueError, OverflowError):
        return None
    context.followed.add("retain_longitudinal_modified_dates")
    return f"{moved.year:04d}{moved.month:02d}{moved.day:02d}"


def _day(value: Any, context: Context) -> str | None:
    return _shifted(next(iter(read_texts(value)), ""), context)


def _time(value: Any, context: Context) -> str | None:
    text = next(iter(read_texts(value)), "")
    allowed = context.policy.times and context.policy.dates != "removed"
    return text[:TO_SECONDS] if allowed and TIME.fullmatch(text) else None


def _moment(value: Any, context: Context) -> str | None:
    match = MOMENT.fullmatch(next(iter(read_texts(value)), ""))
    day = _shifted(match[1], context) if match else None
    if match is None or day is None:
        return None
    time = _time(match[2] or "", context)
    return day + (time or "")


day = Rule(
    "moved by the patient's keyed offset (30 to 3650 days back), intervals kept; or removed, or "
    "kept, as the policy says.",
    _day,
    "C",
    dummy=NO_DAY,
)
time = Rule(
    "emptied, unless the policy keeps times of day: then to the second.", _time, "C", dummy=MIDNIGHT
)
moment = Rule(
    "its date is moved like other dates; its time is dropped, unless the policy keeps times: "
    "then to the second.",
    _moment,
    "C",
    dummy=NO_DAY,
)


def _age(value: Any, context: Context) -> str | None:
    found = AGE.fullmatch(next(iter(read_texts(value)), ""))
    if found is None:
        return None
    context.followed.add("retain_patient_characteristics")
    return f"{OLDEST:03d}Y" if int(found[1]) * YEARS[found[2]] >= OLDEST else found[0]


age = Rule(f"kept, capped at {OLDEST} years.", _age, "C", "retain_patient_characteristics")
