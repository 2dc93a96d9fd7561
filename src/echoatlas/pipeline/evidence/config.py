"""How far each source of label evidence is to be believed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """Weights of sources, 0 to 1: the share of cases in which the source alone is relied upon.

    Attributes:
        anatomic_region, body_part, view: coded attributes, set by a person or a preset.
        image_type: exam type, third value of ImageType; the preset, often left as it was.
        study .. comment: free text, from what was ordered to what was typed at the scanner.
        transducer, department: what probe or room suggest; an ECG strip as much as a probe.
        ultrasound_region: kinds of regions in the header.
        report: what a structured report of the same study measured; not all pictures show that.
        sidecar: a table that the site wrote for the purpose.
        folder, name: of the upload.
        collection: what an adapter states of a public collection.
        site_prior: what a site says of all its scans.
        weak, typo: factors for terms that mean little alone, and for misspelled ones.
    """

    anatomic_region: float = 0.95
    body_part: float = 0.93
    image_type: float = 0.88
    view: float = 0.95
    study: float = 0.93
    series: float = 0.95
    protocol: float = 0.92
    procedure: float = 0.92
    comment: float = 0.9
    transducer: float = 0.3
    department: float = 0.35
    ultrasound_region: float = 0.9
    report: float = 0.8
    sidecar: float = 0.97
    folder: float = 0.85
    name: float = 0.88
    collection: float = 0.97
    site_prior: float = 0.85
    weak: float = 0.65
    typo: float = 0.95

    def weight(self, source: str) -> float:
        """The weight of a source by its name."""
        return float(getattr(self, source))
