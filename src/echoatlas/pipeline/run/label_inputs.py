"""What labels depend on, as one name: where the labels that stand bear it, none would change."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING

from echoatlas.pipeline.label.fusion import label
from echoatlas.pipeline.label.relabel import changes
from echoatlas.pipeline.plan.settings import label_config
from echoatlas.pipeline.step import fingerprint
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.config.deployment import DeploymentConfig

READ = ("evidence", "frames", "decisions")


def label_mark(config: DeploymentConfig) -> str:
    """The fingerprint of labels: step, rules and tree."""
    return fingerprint([(label, label_config(config))], tree().hash)


def label_inputs(lake: Lake, config: DeploymentConfig) -> str:
    """One name for all that labels are made of."""
    return inputs_of(label_mark(config), {name: lake.files(name) for name in READ})


def label_changes(lake: Lake, config: DeploymentConfig) -> Counter[tuple[str, str]]:
    """What ``changes`` tells of labels that would be made now: nothing where these would be those
    that stand, and no evidence is read."""
    if lake.done("labels", label_inputs(lake, config)):
        return Counter()
    return changes(lake, label_config(config))


def inputs_of(mark: str, files: Mapping[str, list[str]]) -> str:
    """One name for a fingerprint and the files of the tables that a stage reads."""
    text = json.dumps([mark, files], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
