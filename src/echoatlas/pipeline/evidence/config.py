"""How far each source of label evidence is to be believed."""

from __future__ import annotations

from dataclasses import dataclass

from echoatlas.pipeline.step import setting


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

    anatomic_region: float = setting(0.95, 0, 1)
    body_part: float = setting(0.93, 0, 1)
    image_type: float = setting(0.88, 0, 1)
    view: float = setting(0.95, 0, 1)
    study: float = setting(0.93, 0, 1)
    series: float = setting(0.95, 0, 1)
    protocol: float = setting(0.92, 0, 1)
    procedure: float = setting(0.92, 0, 1)
    comment: float = setting(0.9, 0, 1)
    transducer: float = setting(0.3, 0, 1)
    department: float = setting(0.35, 0, 1)
    ultrasound_region: float = setting(0.9, 0, 1)
    report: float = setting(0.8, 0, 1)
    sidecar: float = setting(0.97, 0, 1)
    folder: float = setting(0.85, 0, 1)
    name: float = setting(0.88, 0, 1)
    collection: float = setting(0.97, 0, 1)
    site_prior: float = setting(0.85, 0, 1)
    weak: float = setting(0.65, 0, 1)
    typo: float = setting(0.95, 0, 1)

    def weight(self, source: str) -> float:
        """The weight of a source by its name."""
        return float(getattr(self, source))
