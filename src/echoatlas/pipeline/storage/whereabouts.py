"""Where releases lie: the one place that says so, for deployment, command line and loader.

They lie below their lake, unless the deployment says otherwise; then the lake points there. They
are reached as the deployment's zone ``releases`` says, else as its zone ``lake`` does.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.storage.lake_place import demand_lake
from echoatlas.pipeline.storage.storage import S3Storage, Storage

if TYPE_CHECKING:
    from echoatlas.schemas.config.deployment import DeploymentConfig, Zone

CONFIG = "echoatlas.yaml"
BELOW = "releases"  # the folder of a lake's releases
POINTER = "elsewhere.json"  # in it, where they lie if not there

Steps = tuple[str, ...]  # from the root of a bucket, or of this machine, down to a folder


def resolve(root: Path, place: str, base: Path | None = None) -> str:
    """A configured place: an address as it is, a path from the deployment's folder."""
    if "://" in place:
        return place
    return str((base or root) / Path(place).expanduser())


def steps_to(root: Path, place: str) -> Steps:
    """Where a folder lies, by whatever address: one lies within another whose steps it begins with.

    Args:
        root: where relative paths start.
    """
    address = resolve(root, place)
    scheme, apart, rest = address.partition("://")
    if apart:  # whoever opens it says what is wrong with it, if anything is
        return (scheme, *filter(None, rest.split("/")))
    return Path(os.path.realpath(address)).parts


def lie_within(one: Steps, other: Steps) -> bool:
    """Whether either of two folders lies within the other, or is it."""
    least = min(len(one), len(other))
    return one[:least] == other[:least]


def lake_of(root: Path, config: DeploymentConfig, named: str | None = None) -> Storage:
    """A deployment's lake, or another that takes its place.

    Args:
        named: the other lake's address, or its path from the working folder.
    """
    uri = resolve(root, named or config.lake, base=Path.cwd() if named else root)
    return Storage.open(uri, config.zones.get("lake"))


def releases_of(root: Path, config: DeploymentConfig, named: str | None = None) -> Storage:
    """A deployment's releases, or those below another lake that takes the place of its own."""
    zones, lake = config.zones, lake_of(root, config, named)
    if config.releases and lake.uri == lake_of(root, config).uri:
        return Storage.open(resolve(root, config.releases), zones.get("releases"))
    return Storage.open(lake.sub(BELOW).uri, zones.get("releases") or zones.get("lake"))


def find_releases(
    lake: str | None = None,
    deployment: Path | None = None,
    *,
    releases: str | None = None,
    zone: Zone | None = None,
) -> Storage:
    """Releases, as a trainer finds them, who may have neither a deployment nor keys.

    Args:
        lake: address or path; ECHOATLAS_LAKE if not given; else that of the deployment around
            the working folder.
        deployment: its folder, if it is not around here or beside the lake.
        releases: address or path; ECHOATLAS_RELEASES if not given; else as the lake has it.
        zone: how to reach them, where no deployment says so.

    Raises:
        UsageError: nothing says where they lie.
    """
    releases = releases or os.environ.get("ECHOATLAS_RELEASES")
    if releases:
        return Storage.open(releases, zone)
    lake = lake or os.environ.get("ECHOATLAS_LAKE")
    root = deployment or around(Path.cwd()) or beside(lake)
    if root is not None and (root / CONFIG).is_file() and zone is None:
        from echoatlas.schemas.config.deployment import DeploymentConfig
        from echoatlas.schemas.config.file import load

        return releases_of(root, load(DeploymentConfig, root / CONFIG), lake)
    if not lake:
        raise UsageError("name the lake: its path or s3:// address, or ECHOATLAS_LAKE")
    return _pointed(Storage.open(lake, zone).sub(BELOW), zone)


def demand_somewhere(releases: Storage) -> None:
    """Say so, where no release was found, if there is no lake either: a mistyped address is none.

    Raises:
        UsageError: there is nothing at all.
    """
    above, _, name = releases.uri.rpartition("/")
    if name == BELOW:
        zone = releases.zone if isinstance(releases, S3Storage) else None
        demand_lake(Storage.open(above, zone))
    elif not releases.is_there():
        raise UsageError(f"there are no releases at {releases.uri}: is it mistyped?")


def find_lake(lake: str | None, deployment: Path | None) -> Storage | None:
    """The lake of the deployment around here, or another in its place; None without a deployment.

    Args:
        lake, deployment: as for ``find_releases``.
    """
    lake = lake or os.environ.get("ECHOATLAS_LAKE")
    root = deployment or around(Path.cwd()) or beside(lake)
    if root is None or not (root / CONFIG).is_file():
        return None
    from echoatlas.schemas.config.deployment import DeploymentConfig
    from echoatlas.schemas.config.file import load

    place = lake_of(root, load(DeploymentConfig, root / CONFIG), lake)
    return place if place.is_there() else None


def demand_outside(
    dest: Path, releases: Storage, lake: str | None = None, deployment: str | None = None
) -> None:
    """Refuse a folder of a deployment's own: what is pulled to where releases lie would be one
    more, in a site's bucket an upload, and below the lake a trace of who was erased.

    Args:
        lake, deployment: as for ``find_releases``.

    Raises:
        UsageError: it is one.
    """
    lake = lake or os.environ.get("ECHOATLAS_LAKE")
    root = Path(deployment) if deployment else around(Path.cwd()) or beside(lake)
    places = {"releases": releases.uri}
    if root is not None and (root / CONFIG).is_file():
        from echoatlas.schemas.config.deployment import DeploymentConfig
        from echoatlas.schemas.config.file import load, mapping

        config = load(DeploymentConfig, root / CONFIG)
        places |= {"lake": lake_of(root, config, lake).uri, "keys": config.vault}
        for file in sorted((root / config.sites).glob("*.yaml")):
            if isinstance(bucket := mapping(file).get("bucket"), str):
                places[f"bucket of {file.stem}"] = bucket
    steps = steps_to(Path.cwd(), str(dest))
    for what, place in places.items():
        inside = steps_to(root or Path.cwd(), place)
        if steps[: len(inside)] == inside:
            raise UsageError(f"dest: {dest} lies within the {what}: name a folder elsewhere")


def point(lake: Storage, releases: Storage) -> None:
    """Have a lake say where its releases lie, if that is not below it. No secret is told."""
    if releases.uri == lake.sub(BELOW).uri:
        return
    zone = releases.zone.model_dump() if isinstance(releases, S3Storage) else {}
    told = {"uri": releases.uri, "zone": zone}
    lake.write(f"{BELOW}/{POINTER}", json.dumps(told, sort_keys=True).encode())


def _pointed(releases: Storage, zone: Zone | None) -> Storage:
    try:
        told = json.loads(releases.read(POINTER))
    except (FileNotFoundError, UsageError):
        return releases
    if not told["uri"].startswith("s3://"):
        return Storage.open(told["uri"])
    from echoatlas.schemas.config.deployment import Zone

    return Storage.open(told["uri"], zone or Zone(**told["zone"]))


def around(folder: Path) -> Path | None:
    """The folder of the deployment that a folder lies in."""
    return next((one for one in (folder, *folder.parents) if (one / CONFIG).is_file()), None)


def beside(lake: str | None) -> Path | None:
    """The folder of the deployment that a lake of this machine lies directly in."""
    if lake is None or "://" in lake:
        return None
    parent = Path(lake).expanduser().absolute().parent
    return parent if (parent / CONFIG).is_file() else None
