"""The flow by which patients, a site or a collection leave lake and releases for good."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from echoatlas.errors import ConfigError
from echoatlas.flows._jobs import Counts, Stage, carry_out, stopping
from echoatlas.flows._resume import crashed
from echoatlas.flows._slots import slots
from echoatlas.flows._told import Table, failed, not_done
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import UsageError
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.erasure import EraseRequest, RequestName
from echoatlas.schemas.strict import Slug


def found(data: Any) -> Counts:
    """What would go."""
    keys = {"objects": "objects", "frames": "frames"}
    counts = {what: sum(one[key] for one in data) for key, what in keys.items()}
    others = sum(one["near"]["objects"] for one in data)
    nobody = sum(len(one["unknown"]) for one in data)
    unnamed = sum(one["in_names"]["objects"] for one in data)
    return {
        **counts, "lines of nobody": nobody, "others of like ids": others,
        "of nobody under such names": unnamed,
    }  # fmt: skip


def erased(data: Any) -> Counts:
    """What went."""
    keys = ("patients", "objects", "frames", "copies", "quarantined", "look_alikes", "unread")
    counts = {key.replace("_", " "): sum(one[key] for one in data) for key in keys}
    return counts | {
        "others of like ids": sum(one["near_objects"] for one in data),
        "of nobody under such names": sum(one["in_names_objects"] for one in data),
    }


def proof_tables(data: Any) -> Mapping[str, Table]:
    """What the proof looked for and where it found any, site by site, and releases that changed."""
    proofs = [
        {"site": one["site"], "traces of": kind, "found": number}
        for one in data
        for kind, number in one["proof"]["found"].items()
    ]
    releases = [{"site": one["site"], **dict(each)} for one in data for each in one["releases"]]
    return {"erasure proof": proofs, "erasure releases": releases}


STAGES = ("find", "erase")


@flow(
    name="erase",
    persist_result=False,
    on_cancellation=[stopping(*STAGES)],
    on_failure=[failed],
    on_crashed=[crashed],
)
async def erase(
    deployment: Path,
    site: Slug,
    request: RequestName,
    patient_ids: Path | None = None,
    whole: bool = False,
    dry_run: bool = False,
) -> State[Any] | dict[str, Counts]:
    """Count what would go, take it out and prove it; the report lies in DEPLOYMENT/reports.

    Waits while another flow run writes to the lake, or cuts a release.

    Args:
        deployment: the folder of ``echoatlas.yaml``, as flow and cluster both see it.
        site: with ``whole`` also a collection.
        request: opaque id of the request, such as a file number: no name.
        patient_ids: file of those who leave, as both see it. Its name is kept: name nobody by it.
        whole: all that the site ever sent goes.
        dry_run: only count what would go.

    Returns:
        Counts by stage; a failed state with one line if a stage failed.
    """
    folder = deployment.absolute()
    try:
        opened = Deployment.find(folder)
        asked = {"site": site, "request": request, "patient_ids": patient_ids, "whole": whole}
        parse(EraseRequest, asked, "erase")
    except (ConfigError, UsageError) as error:
        return not_done(str(error))
    whom = ["--whole"] if whole else ["--patient-ids", str(patient_ids)]
    words = ["erase", site, "--request", request, *whom]
    reports = folder / "reports"
    stages = [
        Stage("find", [*words, "--dry-run"], found),
        Stage("erase", [*words, "--report", str(reports)], erased, proof_tables),
    ]
    turn = slots(opened, [site], writes=not dry_run, cuts=not dry_run)
    return await carry_out(folder, stages[:1] if dry_run else stages, turn)
