"""What a dry run over a site's first uploads found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class SiteProfile:
    """What a site's first uploads are.

    Attributes:
        files: that lie there. looked: objects that were looked at. patients: whom these name.
        accepted: of these. rejected: reason to number.
        rate: share accepted, and its 95 % interval as (least, most); None where none was looked at.
        formats: of what could be opened. devices: "maker, model" of the vocabulary to number.
        outside: objects with text outside the scanned area, which is made black; stated: those that
            DICOM headers admit.
        inside: objects with text inside it, which is made black too.
        organs: path of the tree to number, "unknown" for those of which nothing is understood.
        unmapped: field to {value: objects} of what several patients have in common and nobody
            understands. rare: how many values are not told for being of few.
        unknown_devices: "maker, model" as headers have it, in common as above.
        ignored_columns: columns of tables that nobody reads; receipts name them.
        suggestions: lines for the site's file.
    """

    files: int = 0
    looked: int = 0
    patients: int = 0
    nameless: int = 0
    accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    rate: tuple[float, float, float] | None = None
    formats: dict[str, int] = field(default_factory=dict)
    devices: dict[str, int] = field(default_factory=dict)
    outside: int = 0
    stated: int = 0
    inside: int = 0
    organs: dict[str, int] = field(default_factory=dict)
    unmapped: dict[str, dict[str, int]] = field(default_factory=dict)
    rare: int = 0
    unknown_devices: dict[str, int] = field(default_factory=dict)
    ignored_columns: int = 0
    suggestions: list[str] = field(default_factory=list)
