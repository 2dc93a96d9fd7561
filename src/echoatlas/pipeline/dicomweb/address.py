"""How a DICOMweb service is named where a bucket may be."""

from __future__ import annotations

SCHEME = "dicomweb+"  # https://HOST/PATH follows


def is_service(place: str) -> bool:
    """Whether a bucket is a DICOMweb service."""
    return place.startswith(SCHEME)
