"""What a format is given to write a release, and what it tells of what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.annotations import TOLD, has_mask
from echoatlas.pipeline.release.exports.clip import times_of
from echoatlas.pipeline.release.exports.drawing import Drawing, drawn_of
from echoatlas.pipeline.release.huggingface import Features
from echoatlas.pipeline.release.reader import ShardReader, Stored, file_ending
from echoatlas.pipeline.release.shard import MARKS, PLACES
from echoatlas.schemas.strict import Strict
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.release.exports.target import Target
    from echoatlas.schemas.manifest import Manifest

NAMED = (  # what names of a sample's files may depend on
    "frame_id", "split", MARKS, "shard", "offset",
    "fan", "scale", "offset_x", "offset_y", "flags", "width", "height",
)  # fmt: skip
VIDEO = "mp4"  # the file of a clip
Progress = Callable[[str, int, int], None]


class FormatSettings(Strict):
    """What may be set of every format."""

    drawn: bool = Field(
        True, description="Bring fan masks, overlay masks and patch maps of samples that have them."
    )


Settings = TypeVar("Settings", bound=FormatSettings)


@dataclass(frozen=True)
class Hub:
    """How Hugging Face's ``datasets`` reads what was written.

    Attributes:
        files: split to the paths, or patterns, of its files.
        features: of the columns.
        more: settings of its builder.
    """

    files: Mapping[str, Sequence[str]]
    features: Features
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Pull(Generic[Settings]):
    """A release, or a part of it, on its way to a folder.

    Attributes:
        index: rows that are wanted, in the release's order.
        notes: sentences for the README: what is said of the release, what was left out, how it is
            read.
        left_out: what of the selection is, and why; "" if nothing.
        pictures: whether images lie as ``images/FRAME_ID.ENDING``, masks as ``masks/FRAME_ID...``.
    """

    reader: ShardReader
    index: pa.Table
    target: Target
    settings: Settings
    progress: Progress
    notes: list[str] = field(default_factory=list)
    left_out: str = ""
    pictures: bool = False
    _done: int = 0

    @property
    def manifest(self) -> Manifest:
        """Of the release."""
        return self.reader.manifest

    @property
    def of_clips(self) -> bool:
        """Whether a sample is a whole clip."""
        return self.reader.codec == "clip"

    @property
    def ending(self) -> str:
        """Of a sample's file, without the dot."""
        return VIDEO if self.of_clips else file_ending(self.reader.codec)

    def file(self, sample: Stored) -> bytes:
        """A sample as a file that others read: of a clip H.264 without loss, at its true times."""
        if not self.of_clips:
            return sample.file
        from echoatlas.pipeline.release.exports.video import h264_mp4

        times, _ = times_of(sample.row["times_ms"], sample.row["frame_indexes"])
        return h264_mp4(sample.pixels, times)

    @property
    def splits(self) -> list[str]:
        """Splits that have samples, in the order in which people name them."""
        found = set(self.index.column("split").to_pylist())
        known = list(self.manifest.config.splits)
        return sorted(found, key=lambda one: (known.index(one) if one in known else 99, one))

    def of(self, split: str) -> pa.Table:
        """The rows of a split."""
        return self.index.filter(pc.equal(self.index.column("split"), split))

    def samples(self, rows: pa.Table | None = None) -> Iterator[Stored]:
        """Samples, of all rows if none are given; tells how far it is."""
        for sample in self.reader.samples(self.index if rows is None else rows):
            yield sample
            self.passed()

    def passed(self, number: int = 1) -> None:
        """So many samples are done, or were done before."""
        self._done += number
        self.progress("pulling samples", min(self._done, self.index.num_rows), self.index.num_rows)

    def lacking(
        self, rows: pa.Table, names: Callable[[dict[str, Any]], Iterable[str]]
    ) -> Iterator[Stored]:
        """Samples of rows of which not every file is there; ``names`` gives those of a row."""
        columns = [one for one in NAMED if one in rows.column_names]
        told = rows.select(columns).to_pylist()
        wanted = [n for n, row in enumerate(told) if not self.target.has(*names(row))]
        self.passed(len(told) - len(wanted))
        yield from self.samples(rows.take(pa.array(wanted, pa.int64())))

    def drawn(self, sample: Stored) -> Drawing:
        """Fan, overlay and patches of a sample, if they are asked for."""
        return drawn_of(sample) if self.settings.drawn else Drawing()

    def chosen(self, rows: Sequence[int], left_out: str) -> None:
        """Keep these rows alone, and say what is left out and why.

        Raises:
            UsageError: nothing remains.
        """
        gone = self.index.num_rows - len(rows)
        if not rows:
            raise UsageError(f"nothing of the selection can be written so: {left_out}")
        if gone:
            of = number_of(self.index.num_rows, "sample is", "samples are")
            self.left_out = f"{gone} of {of} left out: {left_out}"
            self.notes.append(f"{self.left_out}.")
            self.index = self.index.take(pa.array(rows, pa.int64()))


def marks(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row's annotations."""
    return list(row.get(MARKS) or ())


def masked(row: Mapping[str, Any], name: str = "") -> bool:
    """Whether a row has a mask, of a name if one is given."""
    return any(has_mask(mark) and name in ("", mark["name"]) for mark in marks(row))


def without_places(rows: pa.Table) -> pa.Table:
    """Rows without what says where they lie in shards."""
    return rows.drop_columns([one for one in PLACES if one in rows.column_names])


def told_plainly(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Annotations without masks."""
    return [{name: mark[name] for name in TOLD} for mark in marks(row)]


def demand_video(form: str) -> None:
    """Refuse a format of videos before anything is written, where none can be.

    Raises:
        UsageError: what writes video is not installed.
    """
    try:
        import av  # noqa: F401
    except ModuleNotFoundError:
        raise needs("av", form) from None


def needs(module: str, form: str) -> UsageError:
    """What to install for a format."""
    return UsageError(f"--format {form} needs `pip install 'echoatlas[formats]'` ({module})")
