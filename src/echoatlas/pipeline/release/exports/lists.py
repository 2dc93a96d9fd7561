"""Loose files and lists of their paths: by split, and by client where centers train apart."""

from __future__ import annotations

from pydantic import Field

from echoatlas.pipeline.release.exports.files import image_of, loose
from echoatlas.pipeline.release.exports.job import FormatSettings, Pull

STRAIGHT = frozenset({"linear", "trapezoid"})


class Settings(FormatSettings):
    """What lists are called and say."""

    suffix: str = Field(
        "", pattern=r"^[^/\\]*$", description="Of the lists by split: SPLIT_pathsSUFFIX.csv."
    )
    root: str = Field("", description="Put before paths in lists.")


def write_lists(job: Pull[Settings]) -> None:
    """Write it: ``images/``, ``SPLIT_paths.csv``, ``N_clients/SPLIT/client_K.txt``.

    A path a line; those of clients are followed by a comma and linear or convex, the shape of the
    fan as federated trainers tell them apart.
    """
    loose(job)
    columns = ("frame_id", "split", "site", "fan_shape")
    rows = job.index.select(columns).to_pylist()
    sites = sorted({row["site"] for row in rows})
    ask = job.settings
    paths: dict[str, list[str]] = {}
    for row in rows:
        path = f"{ask.root}{image_of(row['frame_id'], job.ending)}"
        shape = "linear" if row["fan_shape"] in STRAIGHT else "convex"
        client = f"{len(sites)}_clients/{row['split']}/client_{sites.index(row['site'])}.txt"
        paths.setdefault(f"{row['split']}_paths{ask.suffix}.csv", []).append(path)
        paths.setdefault(client, []).append(f"{path},{shape}")
    for name, lines in sorted(paths.items()):
        job.target.write(name, "".join(f"{one}\n" for one in lines).encode())
    clients = "".join(f"client_{number},{site}\n" for number, site in enumerate(sites))
    job.target.write("clients.csv", f"client,site\n{clients}".encode())
