"""A site's key, and all that is made with it: keyed, order-free, the same in every process."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from echoatlas.pipeline.errors import UsageError

KEY_BYTES = 32


LEAST_DISTINCT = 12  # of 32 random bytes fewer than 12 distinct ones come once in 10**20 keys


SHIFT_LEAST, SHIFT_MOST = 30, 3650  # days into the past: no study lands in the future


STANDARD_ROOT = "1.2.840.10008."


@dataclass(frozen=True, slots=True)
class SiteKey:
    """The key of one site, and all that is done with it.

    Attributes:
        site: whose key it is.
        key_id: public; derived from the secret, reveals nothing of it, names it in the audit.
        secret: never printed, logged or written outside the vault.
    """

    site: str
    key_id: str
    secret: bytes = field(repr=False)

    @staticmethod
    def of(site: str, secret: bytes) -> SiteKey:
        """A key from its secret.

        Raises:
            UsageError: the secret is short, or is visibly not random.
        """
        if problem := weakness(secret):
            raise UsageError(f"the key '{site}' is {problem}: make one with `openssl rand -hex 32`")
        key_id = hmac.new(secret, b"echoatlas key id v1", hashlib.sha256).hexdigest()[:12]
        return SiteKey(site, key_id, secret)

    def pseudonym(self, kind: str, value: str) -> str:
        """A pseudonym of 32 hex digits; the same value of two kinds gets two unrelated ones."""
        return self._keyed(kind, value).hex()[:32]

    def pseudonyms(self, kind: str) -> Callable[[str], str]:
        """``pseudonym`` of one kind, for many values: the kind's key is derived but once."""
        keyed = hmac.new(self.derived(kind), digestmod=hashlib.sha256)

        def pseudonym(value: str) -> str:
            made = keyed.copy()
            made.update(value.encode(errors="surrogatepass"))
            return made.hexdigest()[:32]

        return pseudonym

    def uid(self, original: str) -> str:
        """The UID that stands for another, in the 2.25 form of PS3.5 B.2; at most 44 characters.

        UIDs that the standard itself registers (transfer syntaxes, SOP classes, well-known
        instances) stay. Others below its root are mapped: a sender can hide anything there.
        """
        text = original.strip("\0 ")
        if not text or is_standard(text):
            return text
        return f"2.25.{int.from_bytes(self._keyed('uid', text)[:16], 'big')}"

    def date_shift_days(self, patient: str) -> int:
        """Days by which all dates of a patient move: -3650 to -30, intervals kept.

        Args:
            patient: the patient's identity or pseudonym; use the same everywhere.
        """
        drawn = int.from_bytes(self._keyed("date shift", patient)[:8], "big")
        return -(SHIFT_LEAST + drawn % (SHIFT_MOST - SHIFT_LEAST + 1))

    def draws(self, kind: str, value: str, share: float) -> bool:
        """Whether a value is among a share of all, the same wherever and whenever it is asked."""
        return int.from_bytes(self._keyed(kind, value)[:8], "big") < share * 2**64

    def derived(self, purpose: str) -> bytes:
        """A key of 32 bytes for another purpose, from which this one can't be found."""
        return hmac.new(self.secret, f"echoatlas v1 {purpose}".encode(), hashlib.sha256).digest()

    def _keyed(self, kind: str, value: str) -> bytes:
        return hmac.new(
            self.derived(kind), value.encode(errors="surrogatepass"), hashlib.sha256
        ).digest()


def weakness(secret: bytes) -> str:
    """Why a secret won't do, or an empty string."""
    if len(secret) < KEY_BYTES:
        return f"too short ({len(secret)} bytes of at least {KEY_BYTES})"
    if len(set(secret)) < LEAST_DISTINCT:
        return "not random"
    if all(32 <= byte < 127 for byte in secret):
        return "text, not random bytes"
    steps = {(b - a) % 256 for a, b in pairwise(secret)}
    return "not random" if len(steps) < LEAST_DISTINCT else ""


def normalized(identity: str) -> str:
    """An identity as it is compared: NFKC, case folded, blanks and DICOM padding trimmed.

    The same patient written in two ways, or in full-width digits, is one patient.
    """
    folded = unicodedata.normalize("NFKC", identity.replace("\0", " ")).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


@cache
def _registered() -> frozenset[str]:
    # The registry of PS3.6 Annex A; imported here because trainers don't have pydicom.
    from pydicom._uid_dict import UID_dictionary

    return frozenset(UID_dictionary)


def is_standard(uid: str) -> bool:
    """Whether the standard itself registers a UID (PS3.6 Annex A)."""
    return uid.startswith(STANDARD_ROOT) and uid in _registered()
