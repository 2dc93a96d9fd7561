"""README.md of a pull: a header for Hugging Face, and the card for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml

from echoatlas.pipeline.release.card import by_kind, card
from echoatlas.pipeline.release.documents.dcat import REMAINS
from echoatlas.pipeline.release.documents.population import (
    QUALITY,
    counted_plainly,
    population,
    quality,
    score,
    whole_of,
)
from echoatlas.pipeline.release.documents.sources import Source
from echoatlas.pipeline.release.huggingface import DEFAULT, Features
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.schemas.manifest import Manifest

# Upper bounds, as Hugging Face names them
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
         (10**7, "1M<n<10M"))  # fmt: skip
SPDX = {"CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC0-1.0", "MIT",
        "Apache-2.0", "ODbL-1.0"}  # fmt: skip


def card_page(
    manifest: Manifest,
    index: pa.Table,
    sources: Sequence[Source],
    files: Mapping[str, Sequence[str]],
    features: Features,
    notes: Sequence[str],
    more: Mapping[str, Any],
    changes: Sequence[str] = (),
) -> bytes:
    """The page.

    Args:
        index: the rows that were pulled.
        files: split to paths or patterns, as ``datasets`` reads them; empty if it does not.
        features: of ``datasets``. notes: sentences on this pull. more: settings of its builder.
        changes: lines on what is otherwise than in the release before.
    """
    licenses = sorted({one for source in sources for one in source.licenses})
    header: dict[str, Any] = {
        "pretty_name": f"EchoAtlas {manifest.name}",
        "license": licenses[0].lower() if len(licenses) == 1 and licenses[0] in SPDX else "other",
        "size_categories": [size_category(index.num_rows)],
        "task_categories": [
            *(["video-classification"] if _shows_videos(features) else []),
            "image-classification",
            "image-segmentation",
            "image-feature-extraction",
        ],
        "tags": ["ultrasound", "medical", "de-identified", "echoatlas", "croissant"],
    }
    if header["license"] == "other":
        header |= {"license_name": "see-sources", "license_link": "SOURCES.md"}
    if files:
        listed = [{"split": split, "path": list(paths)} for split, paths in files.items()]
        header["configs"] = [{"config_name": DEFAULT, "data_files": listed} | dict(more)]
        header["dataset_info"] = {"features": features}
    top = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    text = "\n".join([card(manifest, changes).rstrip(), "", *_pulled(index, sources, notes), ""])
    return f"---\n{top}---\n\n{text}".encode()


def _shows_videos(features: Features) -> bool:
    return any(one.get("dtype") == "video" for one in features)


def size_category(number: int) -> str:
    """Hugging Face's name of a number of rows."""
    return next((name for most, name in SIZES if number < most), "n>1T")


def _pulled(index: pa.Table, sources: Sequence[Source], notes: Sequence[str]) -> list[str]:
    """What is said of the rows that were pulled."""
    lines = ["## This pull", "", *(f"- {note}" for note in notes), ""]
    every = whole_of(index)
    counted = (
        number_of(every.patients, "patient"),
        number_of(every.studies, "study", "studies"),
        number_of(every.clips, "clip"),
        number_of(every.frames, "frame"),
    )
    lines += [f"{', '.join(counted)}.", ""]
    countries = {one.site: one.country for one in sources if one.country}
    lines += by_kind(counted_plainly(population(index, countries)), "###")
    shares = quality(index)
    lines += [
        "## Data quality",
        "",
        f"Score {score(shares)} of 100: the mean of the shares of frames below.",
        "",
        "| share of frames | of which |",
        "|---|---|",
        *(f"| {100 * share:.1f} % | {QUALITY[name]} |" for name, share in shares.items()),
        "",
        "## Sources and use",
        "",
        "Licenses and what to cite: `SOURCES.md`. What changed: `CHANGES.md`. For programs: "
        "`croissant.json` (Croissant 1.1), `dcat.jsonld` (HealthDCAT-AP), `tables/index.parquet`. "
        "Checksums: `sha256sum -c SHA256SUMS`.",
        "",
        f"The holder of the data adds to `dcat.jsonld` what only he can say: {', '.join(REMAINS)}.",
    ]
    return lines
