"""What lies in a site's bucket: all its files, the tables among them, and which uploads are whole.

Listed once, it serves whoever asks: the survey of what is due, and the receipts of what was done.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.ingest.complete import Completeness, completeness
from echoatlas.pipeline.ingest.listing import Listing, arrivals
from echoatlas.pipeline.ingest.unfinished import Unfinished, unfinished
from echoatlas.pipeline.ingest.uploads import bucket_state, uploaded
from echoatlas.pipeline.sidecars.site import Sidecars, sidecars

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig

HOUR = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Arrived:
    """What lies in a site's bucket. Trusted zone: holds file names.

    Attributes:
        tables: the sidecars.
        whole: which uploads have come whole.
        unfinished: multipart uploads that are not finished.
        state: a keyed digest of all that was listed.
    """

    site: SiteConfig
    listing: Listing
    tables: Sidecars
    whole: Completeness
    unfinished: tuple[Unfinished, ...] = ()
    state: str = ""

    @staticmethod
    def of(site: SiteConfig, bucket: Storage, key: SiteKey) -> Arrived:
        """List a bucket and read the tables in it, no scans.

        Args:
            key: the deployment's.

        Raises:
            UsageError, Retry: it can't be read.
        """
        now = time.time()
        listed, begun = uploaded(bucket), _begun(bucket)
        oldest = now - site.uploads.abort_hours * HOUR
        writing = {one.key for one in begun if one.begun > oldest}
        whole = completeness(site, bucket, listed, now, writing)
        listing = Listing.of(arrivals(site, bucket, key, listed))
        tables = sidecars(site, bucket, listing.readable(), whole.waiting)
        state = bucket_state(bucket, listed, key)
        return Arrived(site, listing, tables, whole, begun, state)


def _begun(bucket: Storage) -> tuple[Unfinished, ...]:
    try:
        return tuple(unfinished(bucket))
    except (UsageError, Retry):  # not all services tell them, nor all credentials may ask
        return ()
