"""The crosswalk, off by default: which patient a pseudonym stands for, sealed in the vault.

Whoever runs the pipeline can add to it and can't read it: each entry is sealed to a public key
that stands in echoatlas.yaml. The private key is made by ``echoatlas crosswalk make-key`` and
belongs in other hands. One file a site, ``VAULT/crosswalk/SITE.jsonl``, one line a patient,
append-only but for erasure. A line's pseudonym, site and key id are bound to what it seals.

Sealing: a fresh X25519 key agrees with the public one (RFC 7748), HKDF-SHA-256 makes a key of it
(RFC 5869), AES-256-GCM seals (NIST SP 800-38D). A key seals once, so its nonce is constant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.vault.keys import secret_from_file, write_secret

PURPOSE = b"echoatlas crosswalk v1"
NONCE = b"\0" * 12


@dataclass(frozen=True, slots=True)
class Entry:
    """One patient's line.

    Attributes:
        patient: the pseudonym, as in the lake. key_id: of the site's key that made it.
        sealed: hex: the sender's public key, then the sealed identity.
    """

    patient: str
    key_id: str
    sealed: str


@dataclass(slots=True)
class Crosswalk:
    """A site's file; one process at a time adds to it."""

    vault: Path
    site: str
    _known: set[tuple[str, str]] | None = None

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.vault / "crosswalk" / f"{self.site}.jsonl"

    def __iter__(self) -> Iterator[Entry]:
        if self.path.is_file():
            with self.path.open(encoding="utf-8") as lines:
                for line in lines:
                    if line.endswith("\n"):  # else a run was killed while it wrote
                        yield Entry(**json.loads(line))

    def add(self, entries: Iterable[Entry]) -> int:
        """Append the entries of patients that are not there yet, and wait for the disk.

        Raises:
            UsageError: the file can't be written.
        """
        if self._known is None:
            self._known = {(entry.patient, entry.key_id) for entry in self}
            if not self._is_whole():
                self._write(list(self), anew=True)  # its last line was never finished
        new: dict[tuple[str, str], Entry] = {}
        for entry in entries:
            if (entry.patient, entry.key_id) not in self._known:
                new.setdefault((entry.patient, entry.key_id), entry)
        if new:
            self._write(list(new.values()), anew=False)
            self._known |= set(new)
        return len(new)

    def forget(self, patients: Collection[str] | None) -> int:
        """Take out the lines of patients that are to be erased; the only way a line ever goes.

        A line that a killed run never finished goes as well: it may be anybody's.

        Args:
            patients: pseudonyms; None for all of the site, which leaves.
        """
        self._known = None
        before = list(self)
        kept = [one for one in before if patients is not None and one.patient not in patients]
        if len(kept) < len(before) or not self._is_whole():
            self._write(kept, anew=True)
        return len(before) - len(kept)

    def _is_whole(self) -> bool:
        """Whether its last line was finished."""
        return not self.path.is_file() or self.path.read_bytes()[-1:] in (b"", b"\n")

    def _write(self, entries: list[Entry], *, anew: bool) -> None:
        target = self.path.with_suffix(".part") if anew else self.path
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                if anew:
                    file.truncate(0)
                file.writelines(json.dumps(asdict(entry)) + "\n" for entry in entries)
                file.flush()
                os.fsync(file.fileno())
            if anew:
                target.replace(self.path)
        except OSError as error:
            told = os.strerror(error.errno or 0)
            raise UsageError(f"cannot write {self.path} ({told})") from None


def seal(public: str, site: str, patient: str, key_id: str, identity: str) -> Entry:
    """Seal an identity so that only the private key's holder can read it.

    Args:
        public: 64 hex digits, as ``make_key`` gives them.
    """
    sender = X25519PrivateKey.generate()
    ours = sender.public_key().public_bytes_raw()
    shared = sender.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public)))
    bound = _bound(site, patient, key_id)
    sealed = AESGCM(_derived(shared, ours)).encrypt(NONCE, identity.encode(), bound)
    return Entry(patient, key_id, (ours + sealed).hex())


def unseal(private: bytes, site: str, entry: Entry) -> str:
    """The identity that an entry seals.

    Raises:
        CheckFailed: the key is another one, or the entry was changed.
    """
    raw = bytes.fromhex(entry.sealed)
    shared = X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(raw[:32])
    )
    bound = _bound(site, entry.patient, entry.key_id)
    try:
        return AESGCM(_derived(shared, raw[:32])).decrypt(NONCE, raw[32:], bound).decode()
    except InvalidTag:
        raise CheckFailed(
            f"the entry of {entry.patient} is not sealed to this key, or was changed"
        ) from None


def make_key(path: Path) -> str:
    """Make a private key, 0600, and return the public one that goes into echoatlas.yaml.

    Raises:
        UsageError: there is one already, or it can't be written.
    """
    private = X25519PrivateKey.generate()
    write_secret(path, private.private_bytes_raw())
    return private.public_key().public_bytes_raw().hex()


def read_key(path: Path) -> bytes:
    """A private key.

    Raises:
        UsageError: there is none, others may read it, or it is none.
    """
    secret = secret_from_file(path)
    if len(secret) != 32:
        raise UsageError(f"{path} holds no key of a crosswalk: 64 hex digits are expected")
    return secret


def _derived(shared: bytes, sender: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=sender, info=PURPOSE).derive(shared)


def _bound(site: str, patient: str, key_id: str) -> bytes:
    return "\0".join((site, patient, key_id)).encode()
