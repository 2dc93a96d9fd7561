"""Each step's settings, from the deployment's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.pipeline.deduplicate.config import DeduplicateConfig
from echoatlas.pipeline.errors import no_such
from echoatlas.pipeline.label.config import LabelConfig
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.settings import sections, settings

if TYPE_CHECKING:
    from echoatlas.schemas.config.deployment import DeploymentConfig


LAKE_STEPS = {"label": LabelConfig, "deduplicate": DeduplicateConfig}


def journey_config(config: DeploymentConfig) -> JourneyConfig:
    """The settings of the steps that touch an object.

    Raises:
        ConfigError: a setting that no step has.
        UsageError: a step that is not there.
    """
    own = {name: part for name, part in config.steps.items() if name not in LAKE_STEPS}
    known = JourneyConfig.__dataclass_fields__
    for name in own:
        if name not in known:
            raise no_such("step", name, [*known, *LAKE_STEPS])
    return sections(JourneyConfig, own, "steps")


def label_config(config: DeploymentConfig) -> LabelConfig:
    """The settings of label fusion."""
    return settings(LabelConfig, config.steps.get("label", {}), "steps.label")


def deduplicate_config(config: DeploymentConfig) -> DeduplicateConfig:
    """The settings of deduplication."""
    return settings(DeduplicateConfig, config.steps.get("deduplicate", {}), "steps.deduplicate")
