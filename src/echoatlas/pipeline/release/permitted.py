"""What may go into a release by the licenses of its sources and by the consent of its patients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.release.candidates import Candidates
from echoatlas.schemas.values import Consent
from echoatlas.taxonomy.licenses import Use, forbidden

if TYPE_CHECKING:
    from echoatlas.schemas.config.release import ReleaseConfig
    from echoatlas.schemas.config.site import SiteConfig

Step = Callable[[Candidates], NDArray[np.bool_]]  # which of the frames that are left stay
REFUSING = (Consent.REFUSED, Consent.WITHDRAWN)
FOR_ALL = (Use.COMMERCIAL, Use.SHARING)  # who consented with restrictions did not to these
REFUSED = "consent was refused or withdrawn"
UNCLEAR = "what is said of consent is not understood"
RESTRICTED = "consent was not given for this use"
UNSAID = "nothing says that consent was given"


def demanded_by(config: ReleaseConfig, sites: Iterable[SiteConfig]) -> ReleaseConfig:
    """What is asked of a release, with the sites added whose own files require consent."""
    strict = {one.site for one in sites if one.consent.required}
    return config.model_copy(
        update={"consent_sites": tuple(sorted(strict.union(config.consent_sites)))}
    )


def by_license(frames: Candidates, config: ReleaseConfig) -> Iterator[tuple[str, Step]]:
    """Each license that does not permit what the release is for: why, and who has another.

    Raises:
        CheckFailed: there are such, and the configuration refuses them.
    """
    found = forbidden(list(frames.counted("license")), Use(config.use))
    if found and config.forbidden == "refuse":
        raise CheckFailed("; ".join(found.values()))
    for license, reason in found.items():
        yield reason, _without("license", [license])


def consented(config: ReleaseConfig) -> Iterator[tuple[str, Step]]:
    """Each thing said of consent that forbids the release: why, and of whom it is not said."""
    yield REFUSED, _without("consent", REFUSING)
    yield UNCLEAR, _without("consent", [Consent.UNCLEAR])
    if config.use in FOR_ALL:
        yield RESTRICTED, _without("consent", [Consent.RESTRICTED])
    if config.consent == "required":
        yield UNSAID, _without("consent", [Consent.UNSAID])
    elif config.consent_sites:
        yield UNSAID, _without("consent", [Consent.UNSAID], config.consent_sites)


def _without(column: str, words: Sequence[str], sites: Sequence[str] = ()) -> Step:
    """Frames that have none of these words in a column, or are of other sites than these."""
    tables = {"words": pa.table({"word": pa.array([str(one) for one in words], pa.string())})}
    condition = f"{column} IN (SELECT word FROM words)"
    if sites:
        tables["chosen"] = pa.table({"named": pa.array(list(sites), pa.string())})
        condition += " AND site IN (SELECT named FROM chosen)"
    return lambda frames: ~frames.where(condition, **tables)
