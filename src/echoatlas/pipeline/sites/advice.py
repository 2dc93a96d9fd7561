"""What a site can do about a file that was not accepted: one place, for receipts and quarantine.

A detail may end with what to do about that very file: "...: save each as a page". Where it does so,
that stands in the place of what is advised for its reason.
"""

from __future__ import annotations

import re

from echoatlas.pipeline.errors import Reason

NOTHING = "Nothing to do, if it was not meant as a scan."
OTHER_BYTES = "Send it again by itself: the guide says how. Or mend the manifest."
WHOLE = "Open it where it came from; if it opens there, send it again."
ADVICE: dict[Reason, str] = {
    Reason.EMPTY: "Send it again.",
    Reason.UNSUPPORTED_FORMAT: "If it is a scan, export it as DICOM, PNG, MP4 or AVI. If it lists "
    "patients who refused or left, call it withdrawn.csv.",
    Reason.UNREADABLE: WHOLE,
    Reason.TRUNCATED: "Send it again; most likely it was cut off on its way.",
    Reason.NOT_ULTRASOUND: NOTHING,
    Reason.NO_PIXELS: "Export it with its pictures.",
    Reason.NOT_AN_IMAGE: NOTHING,
    Reason.AMBIGUOUS: "Save the pictures in a file of their own.",
    Reason.UNSUPPORTED_CODEC: "Export it uncompressed, or as JPEG, JPEG 2000, H.264 or HEVC.",
    Reason.AXES_UNCLEAR: "Save it as NIfTI, NRRD or MetaImage, which state their axes.",
    Reason.TOO_LARGE: "Cut it into several files.",
    Reason.TOO_DEEP: WHOLE,
    Reason.UNSAFE_ARCHIVE: "Pack it anew, or send the files without an archive.",
    Reason.FRAME_MISMATCH: WHOLE,
    Reason.NO_DYNAMIC_RANGE: "If there is a picture to be seen in it, tell us.",
    Reason.NO_FAN: "If it is cropped to the scanned area, tell us: your site can be set to that.",
    Reason.GEOMETRY_DISAGREES: "If it was cropped or scaled after it was taken, send the original.",
    Reason.FAN_TOO_SMALL: "Send it in its full size.",
    Reason.NOT_IMAGING: NOTHING,
    Reason.RESIDUAL_TEXT: "Black the text out, and send it by itself: the guide says how.",
    Reason.NOT_CLEAN: "Nothing to do: we look into it.",
    Reason.UNKNOWN_SOP_CLASS: NOTHING,
    Reason.NO_CONSENT: "If that is wrong, mend what header or table say of consent.",
    Reason.CONSENT_LIST: "Put it beside the archive, and delete it there or name it otherwise.",
    Reason.SEEN_BY_REVIEWER: "Black the text out, and send it by itself: the guide says how.",
    Reason.BAD_NAME: "Rename it, and send it again.",
    Reason.NOT_DELIVERED: "See that it is a file that we may read; then tell us to ask again.",
    Reason.EXCHANGED: "Nothing to do: what lies there now is taken as a new one.",
    Reason.VANISHED: "Send it again, if it was not removed on purpose.",
    Reason.FAILED_GATE: "Nothing to do: we look into it.",
    Reason.CRASHED: "Nothing to do: we look into it.",
}


BY_CODE = {one.value: said for one, said in ADVICE.items()}
OWN = re.compile(r"[:;] (?P<advice>(?:state|send|save|say in|export|set) .*)$")


def advice_on(reason: str, detail: str = "") -> str:
    """What to do about a rejected object.

    Args:
        reason: its code.
        detail: as it stands in quarantine.

    Returns:
        A sentence; "" where there is none.
    """
    own = OWN.search(detail)
    if own is None:
        return BY_CODE.get(reason, "")
    said = own["advice"].rstrip(".")
    return f"{said[0].upper()}{said[1:]}."


def told_without_advice(detail: str) -> str:
    """What was found, without what to do about it."""
    return OWN.sub("", detail)
