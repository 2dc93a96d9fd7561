"""The card: what a release holds, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.schemas.index import ROLES, Role
from echoatlas.schemas.manifest import Manifest
from echoatlas.schemas.values import Consent
from echoatlas.taxonomy.licenses import is_known
from echoatlas.wording import number_of

UNITS = ("patients", "studies", "clips", "frames")
UNSAID = {"consent": "nothing is said", "license": "none stated"}


def empty_in(column: str) -> str:
    """What stands for a value that is empty."""
    return UNSAID.get(column, "not known")


def counts(index: pa.Table) -> dict[str, dict[str, int]]:
    """Frames by split, site, region, organ, device, mode, license, subject, fan, consent."""
    return {name: _counted(index.column(name)) for name in ROLES[Role.COUNTED]}


def _counted(values: pa.ChunkedArray) -> dict[str, int]:
    found = pc.value_counts(values)
    pairs = zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)
    return dict(sorted((str(value), number) for value, number in pairs))


def _hidden(manifest: Manifest) -> list[str]:
    told = manifest.anonymity
    if told is None:  # a release of before this was measured
        return []
    parts = [f"by site, age, sex and device each patient is one of at least {told.k}"]
    parts += ["ages are decades"] if told.decades else []
    parts += [f"{name} blanked of {number}" for name, number in told.blanked.items() if number]
    parts += [f"{number_of(told.left_out, 'patient')} left out"] if told.left_out else []
    return [f"- {'; '.join(parts)}"]


def _patients(manifest: Manifest) -> list[str]:
    ties = manifest.tied
    if ties is None:  # a release of before copies were asked
        return []
    return [
        f"- {number_of(manifest.nameless or 0, 'frame')} of files that name no patient "
        "(`patient_source: object`)",
        f"- {number_of(ties.patients, 'patient')} tied by what copies of their pictures or "
        f"their ids say, in {number_of(ties.groups, 'group')} (`split_group`), each in one split",
    ]


def on_licenses(counts: Mapping[str, Mapping[str, int]], unit: str) -> list[str]:
    """How many samples have no license that is known, and what that means, in a sentence."""
    licenses = counts.get("license", {})
    number = sum(number for one, number in licenses.items() if not is_known(one))
    if not number:
        return []
    return [
        f"{number} of {number_of(sum(licenses.values()), unit)} without a license that is known "
        "(`license` in the site's file): for use within the institution that holds the data, and "
        "left out by `--use` research, commercial and sharing"
    ]


def _consent(manifest: Manifest) -> list[str]:
    said = manifest.counts.get("consent")
    if said is None:  # a release of before it was asked
        return []
    left = manifest.published["left_out"]
    gone = [f"{number} left out: {why}" for why, number in left.items() if "consent" in why]
    given, silent = said.get(Consent.GIVEN, 0), said.get(Consent.UNSAID, 0)
    told = (
        f"of {number_of(given, 'frame')} it is stated that patients consented, of "
        f"{silent} nothing is"
    )
    return [f"- {'; '.join([told, *gone])}"]


def _sides(manifest: Manifest) -> list[str]:
    told = manifest.sides
    if told is None:  # a release of before splits were dealt by strata
        return []
    lines = [
        f"- split by {number_of(told.groups, 'group')} of patients (the largest of "
        f"{told.patients_of_largest}): {told.as_before} as earlier releases had them, "
        f"{number_of(told.moved, 'patient')} moved (`moved_from`)",
        *(f"- {one.sentence}" for one in manifest.moved_since),
        f"- {told.strata} sites, regions and organs have groups enough for all splits; their "
        f"shares depart by at most {told.largest_departure:.1%}",
    ]
    if told.native_honored or told.native_conflicts:
        lines.append(
            f"- {number_of(told.native_honored, 'group is', 'groups are')} split as "
            "collections have it; "
            f"{told.native_conflicts} lie in several of these, and went to the strictest"
        )
    return [*lines, *(f"- {one}, though it could have some" for one in told.lacking)]


def _without(manifest: Manifest) -> list[str]:
    return [
        f"- without {one.name}: {number_of(one.frames, 'frame')} of "
        f"{number_of(one.patients, 'patient')} near to it were left out ("
        f"{number_of(one.near, 'clip')} of the lake, {one.undecided} can't be told)"
        for one in manifest.without
    ]


def by_kind(found: Mapping[str, Mapping[str, Mapping[str, int]]], head: str) -> list[str]:
    """A table a kind, of how many patients, studies, clips and frames there are of each value."""
    lines: list[str] = []
    for name, parts in found.items():
        lines += [f"{head} By {name}", "", f"| {name} | {' | '.join(UNITS)} |", "|---" * 5 + "|"]
        lines += [
            f"| {' | '.join([value, *(str(one[unit]) for unit in UNITS)])} |"
            for value, one in parts.items()
        ] + [""]
    return lines


def _by_column(manifest: Manifest) -> list[str]:
    """What no table of ``by_kind`` shows, in samples."""
    lines: list[str] = []
    for name, numbers in manifest.counts.items():
        if name not in manifest.population:
            heads = f"| {name} | {manifest.config.unit}s |"
            lines += [f"## By {name.replace('_', ' ')}", "", heads, "|---|---|"]
            lines += [
                f"| {value or empty_in(name)} | {number} |" for value, number in numbers.items()
            ] + [""]
    return lines


def card(manifest: Manifest, changes: Sequence[str] = ()) -> str:
    """The card as Markdown.

    Args:
        changes: lines on what is otherwise than in the release before.
    """
    lines = [
        f"# {manifest.name}",
        "",
        f"{number_of(manifest.frames, 'ultrasound frame')} of "
        f"{number_of(manifest.patients, 'patient')}, "
        f"de-identified, deduplicated (duplicates: {manifest.config.duplicates}) and labeled "
        "on a tree of 9 regions and 52 organs.",
        "",
        f"- made by EchoAtlas {manifest.version}, tree `{manifest.tree}`",
        f"- selection: `{manifest.config.where or 'all'}`",
        *_hidden(manifest),
        *_patients(manifest),
        *(f"- {one}" for one in on_licenses(manifest.counts, manifest.config.unit)),
        *_consent(manifest),
        *_sides(manifest),
        *_without(manifest),
        f"- tables: {', '.join(f'{k} v{v}' for k, v in sorted(manifest.tables.items()))}",
        "",
    ]
    lines += [*changes, ""] if changes else []
    lines += [*by_kind(manifest.population, "##"), *_by_column(manifest)]
    lines += [
        "## Known limits",
        "",
        "- Labels come from what files say of themselves and from sites' priors: weak, and partial "
        "where evidence is silent or disagrees (`unknown`).",
        "- Splits keep patients, studies and near-duplicate clusters whole; patients who are known "
        "under different ids at different sites can't be recognized.",
        "- Frames whose `patient_source` is `object` come from files that name no patient.",
        "",
    ]
    return "\n".join(lines)
