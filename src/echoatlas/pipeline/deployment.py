"""A deployment: its configuration, sites, keys, and the zones where its data lie."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from echoatlas.errors import ConfigError
from echoatlas.pipeline.dicomweb.address import is_service
from echoatlas.pipeline.errors import UsageError, no_such
from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.lake.tombstones import Tombstones
from echoatlas.pipeline.scratch import Allowance
from echoatlas.pipeline.site_bucket import site_bucket
from echoatlas.pipeline.starter import starter
from echoatlas.pipeline.storage.lake_address import demand_plain
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.pipeline.storage.whereabouts import (
    CONFIG,
    around,
    beside,
    lake_of,
    lie_within,
    releases_of,
    resolve,
    steps_to,
)
from echoatlas.pipeline.vault.keys import Vault
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.deployment import DeploymentConfig, Engine
from echoatlas.schemas.config.file import load
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.taxonomy.collections import load as load_collection
from echoatlas.taxonomy.tree import tree

DEPLOYMENT_KEY = "deployment"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One installation, opened.

    Attributes:
        root: the folder of ``echoatlas.yaml``; relative paths in it start here.
    """

    root: Path
    config: DeploymentConfig
    sites: dict[str, SiteConfig]
    lake: Lake
    releases: Storage
    vault: Vault = field(repr=False)

    @staticmethod
    def find(path: Path | None = None, lake: str | None = None) -> Deployment:
        """Open the deployment at ``path``, or around the working folder, or beside the lake.

        Args:
            lake: takes the place of the configured one.

        Raises:
            UsageError: there is none.
            ConfigError: its configuration, or a site's, is wrong.
        """
        root = path or around(Path.cwd()) or beside(lake)
        if root is None or not (root / CONFIG).is_file():
            place = path or Path.cwd()
            raise UsageError(f"no deployment at {place}: make one with `echoatlas init PATH`")
        config = load(DeploymentConfig, root / CONFIG)
        _demand_local(root, config)
        sites = {
            site.site: site
            for site in (load_site(file) for file in sorted((root / config.sites).glob("*.yaml")))
        }
        storage = lake_of(root, config, lake)
        releases = releases_of(root, config, lake)
        _demand_keys_apart(root, config)
        vault = Vault(root / config.vault)
        lake_within = Lake(storage, _allowance(root, config.engine, storage))
        return Deployment(root.absolute(), config, sites, lake_within, releases, vault)

    @staticmethod
    def init(path: Path, lake: str | None = None) -> Deployment:
        """Make a new deployment: configuration, deployment key (0600) and a folder of sites.

        Raises:
            UsageError: there is one already, or its lake could not lie where it would.
        """
        if (path / CONFIG).exists():
            raise UsageError(f"there is a deployment at {path} already")
        demand_plain(resolve(path.absolute(), lake or "lake", base=Path.cwd() if lake else None))
        try:
            (path / "sites").mkdir(parents=True, exist_ok=True)
            (path / CONFIG).write_text(starter(lake or "lake"), "utf-8")
        except OSError as error:
            raise UsageError(f"cannot write to {path} ({os.strerror(error.errno or 0)})") from None
        Vault(path / "vault").create(DEPLOYMENT_KEY)
        made = Deployment.find(path)
        if isinstance(made.lake.storage, LocalStorage):  # a lake that is not there is an error
            with local_faults(made.lake.storage.uri):
                made.lake.storage.root.mkdir(parents=True, exist_ok=True)
        return made

    @property
    def configured_lake(self) -> Storage:
        """Where the configuration says that the lake lies, whatever was named in its place."""
        place = resolve(self.root, self.config.lake)
        return Storage.open(place, self.config.zones.get("lake"))

    def add_site(self, site: SiteConfig, *, replace: bool = False) -> Path:
        """Add a site's file to the deployment and make the site's key."""
        target = self.root / self.config.sites / f"{site.site}.yaml"
        if target.exists() and not replace:
            raise UsageError(f"there is a site '{site.site}' already, in {target}")
        plain = json.loads(site.model_dump_json(exclude_defaults=True))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(plain, sort_keys=False), "utf-8")
        if not self.vault.has(site.site):
            self.vault.create(site.site)
        return target

    def site(self, name: str) -> SiteConfig:
        """A site by name.

        Raises:
            UsageError: there is none; names the nearest.
        """
        if name not in self.sites:
            raise no_such("site", name, self.sites)
        return self.sites[name]

    def chosen(self, names: list[str] | None) -> list[SiteConfig]:
        """The named sites, or all, in order of their names."""
        if not names:
            return [self.sites[name] for name in sorted(self.sites)]
        return [self.site(name) for name in sorted(set(names))]

    def bucket(self, site: SiteConfig) -> Storage:
        """Where a site drops its uploads, or the service that is asked for them."""
        if is_service(site.bucket):
            # Its room reads DICOM, which takes a second to import
            from echoatlas.pipeline.dicomweb.storage import DicomWebStorage

            return DicomWebStorage(site.bucket, site.dicomweb)
        return site_bucket(resolve(self.root, site.bucket), self.config.zones.get("intake"))

    def key(self) -> SiteKey:
        """The key of the deployment's own ids."""
        return self.vault.load(DEPLOYMENT_KEY)

    @property
    def graveyards(self) -> tuple[Storage, ...]:
        """Where tombstones lie: the lake, and the vault, which knows them if a lake is restored."""
        return self.lake.storage, LocalStorage(self.vault.path)

    def tombstones(self, request: str = "") -> Tombstones:
        """What was erased, by a request or by all."""
        return Tombstones.of(self.graveyards, self.key(), request)

    def site_key(self, name: str) -> SiteKey:
        """The key of a site's pseudonyms."""
        return self.vault.load(name)


def _demand_local(root: Path, config: DeploymentConfig) -> None:
    """Refuse addresses of what lies on this machine: as a path one is a folder named ``s3:``."""
    places = (
        ("sites", config.sites),
        ("vault", config.vault),
        ("engine.scratch", config.engine.scratch or ""),
    )
    for name, place in places:
        if "://" in place:
            raise ConfigError(f"{root / CONFIG}: '{name}' is a folder on this machine, not {place}")


def _demand_keys_apart(root: Path, config: DeploymentConfig) -> None:
    """Refuse a lake or releases, which are handed out, that lie with the keys."""
    keys = steps_to(root, config.vault)
    for name, place in (("lake", config.lake), ("releases", config.releases)):
        if place and lie_within(keys, steps_to(root, place)):
            raise ConfigError(
                f"{root / CONFIG}: 'vault' and the {name}, {place}, lie within each other: "
                "keys need a place of their own"
            )


def _allowance(root: Path, engine: Engine, lake: Storage) -> Allowance:
    if engine.scratch is None:
        return Allowance(engine.driver_memory_mb)
    # A folder of this lake's own: an erasure empties it, and others may share what lies above
    own = f"lake-{hashlib.sha256(lake.uri.encode()).hexdigest()[:12]}"
    return Allowance(engine.driver_memory_mb, Path(resolve(root, engine.scratch), own))


def load_site(file: Path) -> SiteConfig:
    """A site's file, its words looked up: the organ in the tree, the collection's license.

    Raises:
        ConfigError: the file is wrong; names it, and the key, organ or collection that is nearest.
    """
    site = load(SiteConfig, file)
    organ = site.labels.organ
    if organ and organ not in tree():
        near = tree().hint(organ) or ": `echoatlas tree` prints it"
        raise ConfigError(f"{file}: 'labels.organ': there is no '{organ}' in the tree{near}")
    try:
        return licensed(site)
    except ConfigError as error:
        raise ConfigError(f"{file}: 'collection': {error}") from None


def licensed(site: SiteConfig) -> SiteConfig:
    """A site with the license of the collection that it names, where it states none itself.

    Raises:
        ConfigError: there is no such collection; says which is nearest.
    """
    if site.collection is None:
        return site
    adapter = load_collection(site.collection)
    stated = site.license if site.license != "unknown" else adapter.license
    return site.model_copy(update={"license": stated})
