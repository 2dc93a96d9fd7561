"""The flow that cuts a release, verifies it and reports on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State

from echoatlas.errors import ConfigError
from echoatlas.flows._jobs import Counts, Stage, carry_out, stopping
from echoatlas.flows._resume import crashed
from echoatlas.flows._slots import slots
from echoatlas.flows._told import Table, as_rows, failed, not_done
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import UsageError
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.release import ReleaseConfig


def created(manifest: Any) -> Counts:
    """What is in a release."""
    return {
        "frames": manifest["frames"],
        "patients": manifest["patients"],
        "shards": len(manifest["shards"]),
    }


def card_tables(manifest: Any) -> Mapping[str, Table]:
    """A release's card: what it is made of, and its frames by split, site, organ and device."""
    counts = manifest["counts"]
    what = [{"what": key, "is": str(manifest[key])} for key in ("name", "created", "version")]
    by = {f"release {name}": as_rows(counts[name], name) for name in counts}
    return {"release": what, **by}


def check_tables(data: Any) -> Mapping[str, Table]:
    """Each check, and whether it passed."""
    return {"checks": [{"check": one["name"], "ok": one["ok"]} for one in data["checks"]]}


def report_tables(data: Any) -> Mapping[str, Table]:
    """Where the report lies."""
    return {"report": [{"report": data["report"]}]}


def verified(data: Any) -> Counts:
    """How many checks passed."""
    return {"checks": len(data["checks"]), "passed": sum(c["ok"] for c in data["checks"])}


def reported(_data: Any) -> Counts:
    """A report is one."""
    return {"reports": 1}


STAGES = ("create", "verify", "report")


@flow(
    name="release",
    persist_result=False,
    on_cancellation=[stopping(*STAGES)],
    on_failure=[failed],
    on_crashed=[crashed],
)
async def release(
    deployment: Path,
    name: str,
    where: str = "",
    codec: Literal["png", "zstd", "jpeg"] = "png",
    seed: int = 0,
    duplicates: Literal["drop", "keep"] = "drop",
    min_k: int = 1,
) -> State[Any] | dict[str, Counts]:
    """Cut a release of the lake as it stands, verify it, and write DEPLOYMENT/reports/NAME.html.

    Waits while another flow run cuts one, or erases.

    Args:
        deployment: the folder of ``echoatlas.yaml``, as flow and cluster both see it.
        where: SQL expression over the index; all frames if empty.
        duplicates: whether frames that duplicate others stay out.
        min_k: patients who must share what is published of age, sex, site and device.

    Returns:
        Counts by stage; a failed state with one line if a stage failed.
    """
    folder = deployment.absolute()
    asked = {"where": where, "codec": codec, "seed": seed, "duplicates": duplicates}
    asked |= {"min_k": min_k}
    try:
        config = parse(ReleaseConfig, {"name": name, **asked}, "release")
        found = Deployment.find(folder)
    except (ConfigError, UsageError) as error:
        return not_done(str(error))
    options = [f"--{key.replace('_', '-')}={value}" for key, value in asked.items()]
    out = folder / "reports" / f"{config.name}.html"
    stages = (
        Stage("create", ["release", "create", config.name, *options], created, card_tables),
        Stage("verify", ["verify", config.name], verified, check_tables),
        Stage("report", ["report", config.name, "--out", str(out)], reported, report_tables),
    )
    return await carry_out(folder, stages, slots(found, writes=False, cuts=True))
