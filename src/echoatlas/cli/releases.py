"""Commands about releases: ``release``."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from echoatlas.cli.output import Context, as_data, table
from echoatlas.cli.pull import pairs
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.schemas.config.file import mapping, parse, yaml_value
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echoatlas.pipeline.release.create import Preview
    from echoatlas.pipeline.release.refused_since import RefusedSince, Unheeded
    from echoatlas.schemas.manifest import Manifest

SECOND = 19  # letters of a time of ISO 8601, down to the second
Config = typer.Option(None, help="YAML file of settings; options go before what stands in it.")
To = typer.Option(None, help="Make all shards anew, in this folder.")
Suppress = typer.Option(
    None, "--suppress", help="age_decade, age, sex, model or maker; in order, for --min-k."
)
Frames = typer.Option(None, "--frames", help="Write each frame that changed there, as CSV.")
Set = typer.Option(
    None,
    "--set",
    metavar="KEY=VALUE",
    help="Any setting of a release's file, its value as YAML; goes before the file; several times.",
)
Without = typer.Option(
    None, "--without", help="Evaluation set, file of fingerprints or release; several times."
)
release_app = typer.Typer(
    no_args_is_help=True, help="Dataset versions: create, list, show, compare, rebuild."
)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(release_app, name="release")


@release_app.command("create")
def create(
    ctx: typer.Context,
    name: str,
    config: Path | None = Config,
    where: str | None = typer.Option(
        None, help="SQL expression over the index, e.g. \"organ = 'liver'\"."
    ),
    codec: str | None = typer.Option(None, help="png (default), zstd (fast) or jpeg (lossy)."),
    seed: int | None = typer.Option(
        None, help="Of the split: with the same seed and shares patients stay where they were."
    ),
    duplicates: str | None = typer.Option(None, help="drop (default) or keep."),
    nameless: str | None = typer.Option(
        None, help="Frames of files that name no patient: keep (default), drop or refuse."
    ),
    use: str | None = typer.Option(
        None, help="internal (default), research, commercial or sharing: licenses must permit it."
    ),
    consent: str | None = typer.Option(
        None, help="not_refused (default), or required: silence is no consent."
    ),
    weight: str | None = typer.Option(None, help="SQL expression: how often to draw a sample."),
    min_k: int | None = typer.Option(None, help="Patients who must share site, age, sex, device."),
    suppress: list[str] | None = Suppress,
    native: str | None = typer.Option(
        None, help="Splits that collections came with: honor (default) or override."
    ),
    without: list[str] | None = Without,
    settings: list[str] | None = Set,
    dry_run: bool = typer.Option(False, help="Count what it would hold, and write nothing."),
) -> None:
    """Cut a named, immutable release of the lake as it stands.

    Of who refused or left it knows what the last run read: buckets are not looked into.
    """
    context: Context = ctx.obj
    given: dict[str, Any] = {"where": where, "codec": codec, "seed": seed, "duplicates": duplicates}
    given |= {"nameless": nameless, "use": use, "consent": consent, "weight": weight}
    given |= {"min_k": min_k, "native": native}
    given |= {"suppress": tuple(suppress) if suppress else None}
    raw = mapping(config) if config else {}
    raw |= {key: yaml_value(value, f"--set {key}") for key, value in pairs(settings or []).items()}
    raw |= {"name": name} | {key: value for key, value in given.items() if value is not None}
    asked = parse(ReleaseConfig, raw, str(config or "release"))
    deployment = context.open()
    from echoatlas.pipeline.erase.returned import demand_nothing_erased
    from echoatlas.pipeline.release.card import on_licenses
    from echoatlas.pipeline.release.create import preview
    from echoatlas.pipeline.run.contamination import cut_release, screens

    demand_nothing_erased(deployment)
    if dry_run:
        held = screens(deployment, without or ())
        sites = deployment.sites.values()
        told = preview(deployment.lake, deployment.releases, asked, sites, held)
        context.say(_previewed(name, told), as_data(told))
        return
    manifest = cut_release(deployment, asked, without or ())
    lines = [
        f"release {name}: {number_of(manifest.frames, 'frame')} of "
        f"{number_of(manifest.patients, 'patient')} in {number_of(len(manifest.shards), 'shard')} "
        f"({', '.join(f'{split} {number}' for split, number in manifest.counts['split'].items())})"
    ]
    lines += [
        f"left out: {number}: {reason}"
        for reason, number in manifest.published["left_out"].items()
        if "consent" in reason or "license" in reason
    ]
    lines += [
        f"{number_of(one.frames, 'frame')}, {number_of(one.clips, 'clip')}, "
        f"{number_of(one.patients, 'patient')} left out as near to "
        f"{one.name} ({number_of(one.near, 'clip')} of the lake, {one.undecided} can't be told)"
        for one in manifest.without
    ]
    lines += on_licenses(manifest.counts, manifest.config.unit)
    lines += [one.sentence for one in manifest.moved_since]
    lines += [f"who: echoatlas release moves {name}"] if manifest.moved_since else []
    context.say("\n".join(lines), manifest.published)


@release_app.command("moves")
def moves(ctx: typer.Context, name: str) -> None:
    """Patients whom a release has in another split than an earlier one, and native conflicts."""
    context: Context = ctx.obj
    releases = context.releases()
    from echoatlas.pipeline.release.manifest import manifest_of
    from echoatlas.pipeline.release.moves import patients_moved

    name = context.release_named(name)
    manifest = manifest_of(releases, name)
    found = patients_moved(releases, manifest)
    heads = ("patient", "from", "to", "why", "frames")
    rows = [[row[head] for head in heads] for row in found]
    lines = [table(heads, rows) if rows else f"nobody moved in {name}"]
    lines += [one.sentence for one in manifest.moved_since]
    context.say("\n".join(lines), found)


def _previewed(name: str, told: Preview) -> str:
    from echoatlas.pipeline.release.card import empty_in, on_licenses

    lines = [
        f"release {name} would hold {number_of(told.samples, 'sample')} of "
        f"{number_of(told.patients, 'patient')}"
    ]
    lines += [f"left out: {number}: {reason}" for reason, number in told.left_out.items()]
    for column, numbers in told.counts.items():
        shown = (f"{one or empty_in(column)} {number}" for one, number in numbers.items())
        lines.append(f"{column}: " + ", ".join(shown))
    lines += [*on_licenses(told.counts, told.unit), *(one.sentence for one in told.moved_since)]
    megabytes = [f"{size / 1e6:.1f} MB" for size in (told.reused, told.written)]
    lines.append(f"shards: {megabytes[0]} lie there already, about {megabytes[1]} to be written")
    return "\n".join(lines)


@release_app.command()
def rebuild(
    ctx: typer.Context,
    name: str,
    to: Path | None = To,
) -> None:
    """Make shards that are missing or damaged again, byte for byte, from the lake that was
    pinned."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.release.rebuild import remade as again
    from echoatlas.pipeline.storage.storage import Storage

    elsewhere = None if to is None else Storage.open(to)
    number = again(deployment.lake, deployment.releases, name, elsewhere, context.warn)
    context.say(
        f"{number_of(number, 'shard')} of {name} made again", {"release": name, "shards": number}
    )


@release_app.command()
def sweep(
    ctx: typer.Context,
    days: float = typer.Option(7.0, min=0, help="Younger files stay: who was killed uses them."),
    dry_run: bool = typer.Option(False, help="List what would go, and delete nothing."),
) -> None:
    """Delete files that no release needs: shards of one that was killed, what redactions left."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.release.sweep import delete_unused, unused

    if dry_run:
        found = unused(deployment.releases, days)
    else:
        with deployment.lake.held(f"sweep-{secrets.token_hex(6)}"):
            found = delete_unused(deployment.releases, days)
    size = sum(one.size for one in found)
    done = "would be deleted" if dry_run else "deleted"
    lines = [f"{number_of(len(found), 'file')} of {size / 1e6:.1f} MB that no release needs {done}"]
    lines += [one.key for one in found] if dry_run else []
    context.say(
        "\n".join(lines), {"files": [one.key for one in found], "bytes": size, "dry_run": dry_run}
    )


@release_app.command("list")
def list_releases(ctx: typer.Context) -> None:
    """The releases that are published."""
    context: Context = ctx.obj
    releases = context.releases()
    from echoatlas.pipeline.release.notices import published
    from echoatlas.pipeline.storage.whereabouts import demand_somewhere

    noticed, wrong = published(releases)
    if not (noticed or wrong):
        demand_somewhere(releases)
    found = [one for one, _ in noticed]
    heads = ("name", "created", "frames", "patients", "state", "successor")
    rows, refused = [], _refused_since(context, found)
    unheeded = _unheeded(context, found)
    for one, notice in noticed:
        state = {"state": notice.kind if notice else "", "successor": notice and notice.successor}
        since = refused[one.name].patients if one.name in refused else None
        told = {head: one.published[head] for head in heads[:4]}
        lists = [each.site for each in unheeded.get(one.name, ())]
        rows.append(told | state | {"refused_since": since, "lists_unheeded": lists})
    for name, several in unheeded.items():
        for told_of in several:
            context.warn(f"release {name}: {told_of.sentence}")
    shown = [row | {"created": str(row["created"])[:SECOND]} for row in rows]
    some = [*heads, *(["refused_since"] if any(row["refused_since"] for row in rows) else [])]
    context.say(table(some, [[row[head] or "" for head in some] for row in shown]), rows)
    for sentence in wrong[1:]:
        context.warn(sentence)
    if wrong:
        raise CheckFailed(wrong[0])


def _refused_since(context: Context, some: Sequence[Manifest]) -> Mapping[str, RefusedSince]:
    """Who of releases has refused since, by name; nothing where no lake can say so."""
    lake = context.lake_or_none()
    if lake is None:
        return {}
    from echoatlas.pipeline.release.refused_since import refused_in

    return refused_in(lake, context.releases(), some)


def _unheeded(context: Context, some: Sequence[Manifest]) -> Mapping[str, Sequence[Unheeded]]:
    """Whose lists of who left can't be heeded, by releases that may hold whom they mean."""
    lake = context.lake_or_none()
    if lake is None:
        return {}
    from echoatlas.pipeline.release.notices import is_redacted
    from echoatlas.pipeline.release.refused_since import unheeded_in

    releases = context.releases()
    return unheeded_in(lake, [one for one in some if not is_redacted(releases, one.name)])


@release_app.command()
def show(ctx: typer.Context, name: str) -> None:
    """A release's card; with --json its manifest."""
    context: Context = ctx.obj
    releases = context.releases()
    from echoatlas.pipeline.release.card import card
    from echoatlas.pipeline.release.documents.changes import changes_of, on_card
    from echoatlas.pipeline.release.manifest import manifest_of
    from echoatlas.pipeline.release.notices import notice_of

    manifest = manifest_of(releases, name)
    if (notice := notice_of(releases, name)) is not None:
        context.warn(notice.of(name))
    since = _refused_since(context, [manifest]).get(name)
    if since is not None and since.patients:
        context.warn(f"release {name}: {since.sentence}")
    for one in _unheeded(context, [manifest]).get(name, ()):
        context.warn(f"release {name}: {one.sentence}")
    changed = changes_of(releases, manifest)
    context.say(card(manifest, on_card(changed)), manifest.published)


@release_app.command("diff")
def diff_releases(
    ctx: typer.Context,
    before: str = typer.Argument(help="A release."),
    after: str = typer.Argument(help="A later one."),
    frames: Path | None = Frames,
) -> None:
    """What came, what went and why, what is labeled or split otherwise; --json for programs."""
    context: Context = ctx.obj
    releases = context.releases()
    from echoatlas.pipeline.release.departures import reasons
    from echoatlas.pipeline.release.diff import as_text, diff, write_changes

    lake = context.lake_or_none()
    allowance = lake.allowance if lake is not None else None
    found = diff(releases, before, after, reasons(lake), context.warn, allowance)
    if frames is not None:
        write_changes(found, frames)
    context.say(as_text(found), found.counts())


@release_app.command()
def deprecate(
    ctx: typer.Context,
    name: str,
    why: str = typer.Option(..., "--why", help="A sentence that whoever opens it reads."),
    successor: str = typer.Option("", "--successor", help="The release to use instead."),
) -> None:
    """Warn whoever opens a release that it should not be used; the release itself stays."""
    context: Context = ctx.obj
    releases = context.releases()
    from echoatlas.pipeline.release.notices import deprecate as say

    said = say(releases, name, why, successor)
    context.say(said.of(name), said)
