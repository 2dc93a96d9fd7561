"""Which session a scan is of that names no patient, as far as its device and its time tell.

Trusted zone. What leaves are keyed hashes of a device and a stretch of time, by which two scans can
be told to be of one session and nothing else: neither when nor where it was. Each scan has two, of
its own stretch and of the next, so that those of one stretch and of neighboring ones share one,
whatever was seen first: all that lie as near as a stretch is long, and none twice as far apart.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.read.dicom.values import read_text
from echoatlas.pipeline.vault.pseudonyms import normalized

if TYPE_CHECKING:
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

MAKER, MODEL, SERIAL, STATION = 0x00080070, 0x00081090, 0x00181000, 0x00081010
ACQUIRED = 0x0008002A  # AcquisitionDateTime
MOMENTS = (  # dates and times of acquisition, content, series and study
    (0x00080022, 0x00080032),
    (0x00080023, 0x00080033),
    (0x00080021, 0x00080031),
    (0x00080020, 0x00080030),
)
EARLIEST = 1980  # years before are what senders write who mean none
DAY = 24 * 60  # minutes


def session_of(header: Any, key: SiteKey, minutes: int) -> str:
    """Keyed ids of a session, separated by a blank; empty where device or time are not known.

    Args:
        header: pydicom Dataset.
        minutes: within which two scans of one device share an id; 0 for never.
    """
    told = [normalized(read_text(header, tag)) for tag in (SERIAL, STATION)]
    taken = taken_at(header) if minutes and any(told) else None
    if taken is None:
        return ""
    device = [*told, *(normalized(read_text(header, tag)) for tag in (MAKER, MODEL))]
    minute = taken.toordinal() * DAY + taken.hour * 60 + taken.minute
    stretch = minute // minutes
    return " ".join(
        key.pseudonym("session", "\0".join([*device, str(minutes), str(one)]))
        for one in (stretch, stretch + 1)
    )


def taken_at(header: Any) -> datetime | None:
    """When a scan was taken, to the minute; None where that is not told, or plainly made up."""
    texts = [read_text(header, ACQUIRED)]
    for tags in MOMENTS:
        day, time = (read_text(header, tag) for tag in tags)
        texts.append(f"{day}{time}" if day and time else "")
    for text in texts:
        digits = re.sub("[^0-9]", "", text)[:12]
        if len(digits) < 12:
            continue
        try:
            taken = datetime.strptime(digits, "%Y%m%d%H%M")
        except ValueError:
            continue
        # Midnight is what is left of a time that somebody removed
        if taken.year >= EARLIEST and (taken.hour or taken.minute):
            return taken
    return None
