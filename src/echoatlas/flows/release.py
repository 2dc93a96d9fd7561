"""The flow that cuts a release, verifies it and reports on it."""

from __future__ import annotations

import json
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


def _placed(folder: Path, name: str) -> str:
    """A set's name, or the path of its file: a job may run in another folder."""
    return str(folder / name) if (folder / name).is_file() else name


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
    where: str | None = None,
    unit: Literal["frame", "clip"] | None = None,
    size: Literal["normalized", "native"] | None = None,
    codec: Literal["png", "zstd", "jpeg"] | None = None,
    seed: int | None = None,
    native: Literal["honor", "override"] | None = None,
    duplicates: Literal["drop", "keep"] | None = None,
    min_k: int | None = None,
    without: list[str] | None = None,
    settings: dict[str, Any] | None = None,
) -> State[Any] | dict[str, Counts]:
    """Cut a release of the lake as it stands, verify it, and write DEPLOYMENT/reports/NAME.html.

    Waits while another flow run cuts one, or erases.

    Args:
        deployment: the folder of ``echoatlas.yaml``, as flow and cluster both see it.
        where, unit, size, codec, seed, native, duplicates, min_k: as in a release's file, see
            docs/settings.md; what is not given is as there by default.
        without: evaluation sets, files of fingerprints (from ``deployment`` on) or releases of
            which whatever is near stays out, with whole clips and patients.
        settings: whatever else a release's file may say; the other parameters go before it.

    Returns:
        Counts by stage; a failed state with one line if a stage failed.
    """
    folder = deployment.absolute()
    given = {"where": where, "unit": unit, "size": size, "codec": codec, "seed": seed}
    given |= {"native": native, "duplicates": duplicates, "min_k": min_k}
    asked = {**(settings or {}), **{key: one for key, one in given.items() if one is not None}}
    try:
        config = parse(ReleaseConfig, {**asked, "name": name}, "release")
        found = Deployment.find(folder)
    except (ConfigError, UsageError) as error:
        return not_done(str(error))
    options = [f"--set={key}={json.dumps(value)}" for key, value in asked.items() if key != "name"]
    options += [f"--without={_placed(folder, one)}" for one in without or ()]
    out = folder / "reports" / f"{config.name}.html"
    stages = (
        Stage("create", ["release", "create", config.name, *options], created, card_tables),
        Stage("verify", ["verify", config.name], verified, check_tables),
        Stage("report", ["report", config.name, "--out", str(out)], reported, report_tables),
    )
    return await carry_out(folder, stages, slots(found, writes=False, cuts=True))
