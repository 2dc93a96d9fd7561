"""The bucket: STUDY/SERIES/INSTANCE.dcm for each instance of a service, to be read only."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from echoatlas.pipeline.dicomweb.address import SCHEME
from echoatlas.pipeline.dicomweb.client import Client, Undelivered
from echoatlas.pipeline.dicomweb.listing import all_series
from echoatlas.pipeline.errors import Reject, UsageError
from echoatlas.pipeline.read.dicom.identity import instance_digest, instance_uid
from echoatlas.pipeline.storage.storage import Data, Entry, Storage
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.schemas.config.intake import DicomWeb

TRIES, PAUSE = 3, 0.5  # of one instance; seconds between them, doubled each time


class DicomWebStorage(Storage):
    """What a DICOMweb service has, as files.

    A service tells no sizes of files and not when these came. That an instance was exchanged under
    its UID is seen at the next listing if the other was created at another time or is of another
    size; else when it is read again.

    Args:
        uri: dicomweb+https://HOST/PATH.

    Raises:
        UsageError: the address is none.
    """

    def __init__(self, uri: str, options: DicomWeb) -> None:
        root = uri.removeprefix(SCHEME).rstrip("/")
        if not root.startswith(("https://", "http://")) or "@" in root:
            raise UsageError(
                f"a DICOMweb service is named as {SCHEME}https://HOST/PATH, its credentials by "
                "environment variables"
            )
        self.uri = f"{SCHEME}{root}"
        self.options_of = options
        self._client = Client(root, options)
        self._absent: dict[str, tuple[str, ...]] = {}

    def list(self, prefix: str = "") -> Iterator[Entry]:
        found: list[Entry] = []
        self._absent = {}
        for one in all_series(self._client):
            for uid, state in one.instances.items():
                key = f"{one.study}/{one.series}/{uid}.dcm"
                found += [Entry(key, 0, state)] if key.startswith(prefix) else []
            if one.missing:
                told = f"{one.series}: {number_of(one.missing, 'instance')} counted and not listed"
                self._absent[one.study] = (*self._absent.get(one.study, ()), told)
        return iter(sorted(found))

    def absent(self) -> Mapping[str, tuple[str, ...]]:
        return dict(self._absent)

    def read(self, key: str, start: int | None = None, length: int | None = None) -> bytes:
        """As of any storage; besides:

        Raises:
            Reject: ``not_delivered``, ``too_large``: that instance alone did not come.
        """
        data = self._whole(key)
        return data[start or 0 :] if length is None else data[start or 0 :][:length]

    def _whole(self, key: str) -> bytes:
        parts = key.removesuffix(".dcm").split("/")
        if len(parts) != 3 or not key.endswith(".dcm"):
            raise FileNotFoundError(key)
        study, series, instance = parts
        path = f"studies/{study}/series/{series}/instances/{instance}"
        for attempt in range(1, TRIES + 1):
            try:
                data = self._client.instance(path)
                if instance_uid(data) != instance:
                    raise Undelivered("What came is not the instance that was asked for.")
            except Undelivered:
                if attempt == TRIES:
                    raise
                time.sleep(PAUSE * 2 ** (attempt - 1))
            else:
                return data
        raise AssertionError("unreachable: the last try ends")

    def digest(self, data: bytes) -> str:
        """A scan is its SOP instance and its pixels: the way that it came leaves other bytes."""
        try:
            return instance_digest(data)
        except Reject:
            return super().digest(data)

    def write(self, key: str, data: Data, *, create: bool = False) -> None:
        raise UsageError(f"{self.uri} is read only")

    def delete(self, keys: Iterable[str]) -> None:
        raise UsageError(f"{self.uri} is read only")

    def exists(self, key: str) -> bool:
        try:
            self.read(key)
        except (FileNotFoundError, Reject):
            return False
        return True

    def is_there(self) -> bool:
        self._client.query("studies", {"limit": "1"})
        return True

    def sub(self, prefix: str) -> Storage:
        raise UsageError(f"{self.uri} has no folders")

    def __reduce__(self) -> tuple[type[DicomWebStorage], tuple[str, DicomWeb]]:
        return DicomWebStorage, (self.uri, self.options_of)
