"""The file that ``echoatlas init`` writes: every setting of a deployment, commented out."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import BaseModel

from echoatlas.schemas.config.deployment import DeploymentConfig, Engine, Flows, Zone

HEAD = """\
# An EchoAtlas deployment. Every key has a default, which stands where it is commented out.
# All settings of steps and sites: docs/settings.md; `echoatlas plan` says what a change renews.
# Relative paths start at the folder of this file.
"""
ZONES = """
# S3: the service and credentials of each zone, `intake` (the sites' buckets), `lake`, `releases`.
# Credentials stand in environment variables, never here.
# zones:
#   intake:
"""
STEPS = """
# Settings of steps, by the step's name: read, evidence, geometry, deidentify, redact, normalize,
# measure, annotate, label, deduplicate.
# steps:
#   normalize:
#     size: 256
"""


def starter(lake: str = "lake") -> str:
    """The text of a new ``echoatlas.yaml``.

    Args:
        lake: path or ``s3://`` URI.
    """
    said = {"name": "echoatlas", "lake": lake}
    lines = [HEAD]
    for name, one in DeploymentConfig.model_fields.items():
        if name in ("engine", "flows", "zones", "steps"):
            continue
        lines.append(f"# {one.description}")
        if name in said:
            lines.append(f"{name}: {_yaml(said[name])}")
        else:
            default = one.get_default(call_default_factory=True)
            lines.append(f"# {name}: {_yaml(default)}".rstrip())
    lines += ["", "# How the work is cut and where it runs.", "# engine:"]
    lines += _commented(Engine, "#   ")
    lines += ["", "# What Prefect's flows are served with.", "# flows:", *_commented(Flows, "#   ")]
    return "\n".join(lines) + "\n" + ZONES + "\n".join(_commented(Zone, "#     ")) + "\n" + STEPS


def _commented(model: type[BaseModel], indent: str) -> Iterator[str]:
    for name, one in model.model_fields.items():
        default = one.get_default(call_default_factory=True)
        yield f"{indent}{name}: {_yaml(default)}".rstrip() + f"  # {one.description}"


def _yaml(value: object) -> str:
    if value is None:
        return "null"
    plain = isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum()
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
