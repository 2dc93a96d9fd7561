"""The settings of every step that touches an object, in the order of the journey."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.deidentify.header.attributes import Policy, clean
from echoatlas.pipeline.deidentify.pixels.check import check_redacted, check_written
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.marks import check_masks
from echoatlas.pipeline.deidentify.pixels.planes import check_planes
from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.evidence import EvidenceConfig, evidence
from echoatlas.pipeline.frames.annotate import AnnotateConfig, annotate
from echoatlas.pipeline.frames.measure import MeasureConfig, measure
from echoatlas.pipeline.frames.normalize import NormalizeConfig, normalize
from echoatlas.pipeline.frames.stored import FramesConfig
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.pipeline.read import ReadConfig, read

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import Sampling, SiteConfig


@dataclass(frozen=True, slots=True)
class JourneyConfig:
    """The configuration of every step that touches pixels or text."""

    read: ReadConfig = field(default_factory=ReadConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    geometry: GeometryConfig = field(default_factory=GeometryConfig)
    deidentify: Policy = field(default_factory=Policy)
    redact: RedactConfig = field(default_factory=RedactConfig)
    normalize: NormalizeConfig = field(default_factory=NormalizeConfig)
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    annotate: AnnotateConfig = field(default_factory=AnnotateConfig)

    def at(self, site: SiteConfig) -> JourneyConfig:
        """The same, with what the site's own file says of its scans."""
        return replace(
            self,
            read=replace(self.read, partial=site.partial or self.read.partial),
            geometry=replace(self.geometry, cropped=site.cropped or self.geometry.cropped),
            redact=replace(
                self.redact,
                keep_measurements=self.redact.keep_measurements
                or self.deidentify.keep_measurements,
            ),
        )

    def frames(self, sampling: Sampling) -> FramesConfig:
        """What of it a frame goes through."""
        return FramesConfig(self.normalize, self.measure, self.annotate, sampling)

    def steps(self) -> list[tuple[Any, object]]:
        """Each step with its configuration, in order."""
        return [
            (read, self.read),
            (evidence, self.evidence),
            (geometry, self.geometry),
            (clean, self.deidentify),
            (redact, self.redact),
            (check_redacted, self.redact),
            (check_planes, self.redact),
            (check_masks, self.redact),
            (normalize, self.normalize),
            (measure, self.measure),
            (annotate, self.annotate),
            (check_written, self.redact),
        ]
