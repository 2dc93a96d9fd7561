"""The folder that a pull fills: whole files only, a list of their digests, nothing left of others.

Whoever is interrupted goes on: what was written whole stands in a list beside it, and is not made
again if its digest is still the same. ``SHA256SUMS`` is what `sha256sum -c` reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_faults import storage_error
from echoatlas.pipeline.file_lock import try_lock
from echoatlas.pipeline.storage.storage import LocalStorage

SUMS, RECEIPT = "SHA256SUMS", "pulled.json"
GOING_ON = ".pulling"  # the sums of a pull that is not at its end, after a line of what was asked
MOUNTED = "lost+found"  # in the root of a file system
STALE = "-"  # begins a line of what another pull wrote


class Target:
    """A folder to which one pull is written.

    Args:
        folder: need not exist yet.
        asked: release, digest, selection, format, settings: what was written for something else is
            no use.
        replace: remove that once this pull is at its end.
        followed: the release in whose place the one asked for comes, or empty: what was pulled of
            it is replaced in any case, since samples were taken out of it for good.

    Raises:
        UsageError: it can't be written, holds files that no pull wrote, another pull is at it, or
            has filled it and is not to be replaced.
    """

    def __init__(
        self, folder: Path, asked: Mapping[str, Any], *, replace: bool = False, followed: str = ""
    ) -> None:
        self.folder = folder
        self.asked = dict(asked)
        self._storage = LocalStorage(folder)
        _demand_ours(folder)
        self._made = [one for one in (folder, *folder.parents) if not one.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._journal: IO[str] = (folder / GOING_ON).open("a+", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write to {folder} ({error.strerror})") from None
        if not try_lock(self._journal):
            self._journal.close()
            raise UsageError(f"another pull is writing to {folder}")
        before = self._sums_of_before()
        self._journal.seek(0)
        text = self._journal.read()
        if not replace:
            self._demand_same(before, text, followed)
        self._open(before, text)

    def _demand_same(self, before: dict[str, str], journal: str, followed: str) -> None:
        """Refuse to write over what another pull has left, be it at its end or cut off."""
        head = journal.partition("\n")[0]
        if head == self._head or not (head or (before and not self._same)):
            return
        if not before and all(one.name == GOING_ON for one in self.folder.iterdir()):
            return  # one that failed before it wrote anything
        told = head or json.dumps(self._asked_before, sort_keys=True)
        if followed and f'"release": {json.dumps(followed)}' in told:
            return
        self._journal.close()
        if not journal:
            (self.folder / GOING_ON).unlink(missing_ok=True)
        raise UsageError(
            f"{self.folder} holds another pull: name another folder, or replace it (--replace)"
        )

    def _open(self, before: dict[str, str], text: str) -> None:
        """Go on where the journal ends if it is of the same pull, else begin it anew."""
        if text:  # whoever was killed left what it was writing: a picture, cut off
            for half in self._storage.half_written():
                self._storage.path(half.key).unlink(missing_ok=True)
        head, *lines = text.splitlines() or [""]
        self._stale = _sums([line[1:] for line in lines if line.startswith(STALE)])
        self._usable = _sums(lines)
        if head != self._head:
            self._stale |= self._usable  # of another pull that was interrupted
            self._usable = {}
            self._journal.truncate(0)
            if not self._same:
                self._stale |= before
                for name in (RECEIPT, SUMS):
                    (self.folder / name).unlink(missing_ok=True)
            stale = [f"{STALE}{digest}  {name}" for name, digest in self._stale.items()]
            self._tell("\n".join([self._head, *stale]))
        elif not text.endswith("\n"):
            self._tell("")  # after a line that was cut off
        if self._same:
            self._usable = before | self._usable
            self._stale |= before
        self._written: dict[str, str] = {}

    @property
    def _head(self) -> str:
        return json.dumps(self.asked, sort_keys=True)

    def _sums_of_before(self) -> dict[str, str]:
        """What the last pull to this folder wrote, and whether it was asked for the same."""
        self._same, self._asked_before = False, None
        try:
            receipt = json.loads((self.folder / RECEIPT).read_text(encoding="utf-8"))
            lines = (self.folder / SUMS).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return {}
        if not isinstance(receipt, dict) or "asked" not in receipt:
            return {}  # somebody else's
        self._asked_before = receipt["asked"]
        self._same = self._asked_before == self.asked
        return _sums(lines)

    def has(self, *names: str) -> bool:
        """Whether files are there, whole, from this pull or one of before that asked the same."""
        return all(self._has(name) for name in names)

    def _has(self, name: str) -> bool:
        if name in self._written:
            return True
        digest = self._usable.get(name)
        if digest is None or _digest(self._storage.path(name)) != digest:
            return False
        self._note(name, digest)
        return True

    def write(self, name: str, data: bytes) -> None:
        """Write a file, all or nothing."""
        self._storage.write(name, data)
        self._note(name, hashlib.sha256(data).hexdigest())

    def read(self, name: str) -> bytes:
        """A file that was written."""
        return self._storage.read(name)

    @property
    def names(self) -> list[str]:
        """What was written, in order of names."""
        return sorted(self._written)

    def digest(self, name: str) -> str:
        """SHA-256 of a file that was written."""
        return self._written[name]

    def close(self, **told: Any) -> None:
        """All is there: write the sums and a receipt, and remove what other pulls had left."""
        for name in sorted(set(self._stale) - set(self._written)):
            self._remove(name, self._stale[name])
        lines = [f"{self._written[name]}  {name}\n" for name in self.names]
        self._storage.write(SUMS, "".join(lines).encode())
        receipt = {"asked": self.asked, **told, "files": len(lines)}
        self._storage.write(RECEIPT, json.dumps(receipt, sort_keys=True, indent=1).encode())
        self._journal.close()
        (self.folder / GOING_ON).unlink(missing_ok=True)

    def stop(self) -> None:
        """It is interrupted, and may go on another time; one that wrote nothing leaves no trace."""
        self._journal.close()
        if self._written or self._usable or self._stale:
            return
        (self.folder / GOING_ON).unlink(missing_ok=True)
        for made in self._made:
            try:
                made.rmdir()
            except OSError:  # something else lies there by now
                return

    def _remove(self, name: str, digest: str) -> None:
        path = self._storage.path(name)
        if _digest(path) != digest:  # gone, or somebody's own by now
            return
        path.unlink()
        for above in path.parents:
            if above == self.folder.absolute() or any(above.iterdir()):
                break
            above.rmdir()

    def _note(self, name: str, digest: str) -> None:
        self._written[name] = digest
        if self._usable.get(name) != digest:
            self._tell(f"{digest}  {name}")

    def _tell(self, line: str) -> None:
        try:
            self._journal.write(f"{line}\n")
            self._journal.flush()
        except OSError as error:
            raise storage_error(error.errno, str(self.folder)) from None


def _demand_ours(folder: Path) -> None:
    """Refuse a folder that holds what no pull wrote: files of the same names would be lost."""
    try:
        inside = {one.name for one in folder.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot write to {folder} ({error.strerror})") from None
    others = {one for one in inside if not one.startswith(".")} - {MOUNTED}
    if others and not inside & {RECEIPT, GOING_ON}:
        raise UsageError(
            f"{folder} holds files that no pull wrote, and --replace takes away nothing but what a "
            "pull did: name a folder that is new or empty, or move these files elsewhere"
        )


def _sums(lines: list[str]) -> dict[str, str]:
    """Name to digest; a last line that was cut off is passed over."""
    pairs = (line.split("  ", 1) for line in lines)
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and len(pair[0]) == 64}


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
