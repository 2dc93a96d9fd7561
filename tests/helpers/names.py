"""Names in every family of character sets that a DICOM file can be written in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.helpers.scorer import Planted
from tests.helpers.torture import Trap, quick_dataset, shown, written

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

NAMES = {
    "ISO_IR 100": ("Müller^Jürgen", "Weiß^Zoë", "Ångström^Åse"),
    "ISO_IR 101": ("Wałęsa^Jarosław", "Dvořák^Antonín"),
    "ISO_IR 109": ("Ĝoĝo^Ŭilhelm",),
    "ISO_IR 110": ("Bērziņš^Jānis",),
    "ISO_IR 126": ("Διονυσιος^Σολωμος",),
    "ISO_IR 127": ("قباني^لنزار",),
    "ISO_IR 138": ("שרון^דבורה",),
    "ISO_IR 144": ("Люкceмбypг^Роза", "Достоевский^Фёдор"),
    "ISO_IR 148": ("Çavuşoğlu^Işıl",),
    "ISO_IR 166": ("สมชาย^ใจดี",),
    "ISO_IR 192": ("Wang^XiaoDong=王^小东", "Nguyễn^Thị Hương", "Þórsdóttir^Guðrún"),
    "GB18030": ("Zhang^XiaoDong=张^小东", "Ouyang^Zhenhua=欧阳^振华"),
    "GBK": ("Liu^Guangming=刘^光明",),
    "ISO_IR 13": ("ﾔﾏﾀﾞ^ﾀﾛｳ",),
    "\\ISO 2022 IR 87": ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Suzuki^Ichi=鈴木^一郎"),
    "ISO 2022 IR 13\\ISO 2022 IR 87": ("ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",),
    "\\ISO 2022 IR 149": ("Hong^Gildong=洪^吉洞=홍^길동", "Kim^Heejung=金^喜中=김^희중"),
    "\\ISO 2022 IR 58": ("Zhang^XiaoDong=张^小东", "Wang^Fang=王^芳芳"),
    "\\ISO 2022 IR 100\\ISO 2022 IR 144": ("Müller^Роза",),
    "ISO 2022 IR 6\\ISO 2022 IR 127": ("قباني^لنزار",),
}  # fmt: skip


def names_as_traps(picture: Picture | None = None) -> Iterator[Trap]:
    """Names in every family of character sets, phonetic and ideographic groups included.

    Each stands as patient, operator and physician, inside descriptors, and below a sequence.
    """
    told = [(charset, name) for charset, names in NAMES.items() for name in names]
    for number, (charset, name) in enumerate(told):
        ds = quick_dataset(SOPInstanceUID=f"1.2.3.88.{number}", PatientName=name)
        ds.SpecificCharacterSet = charset.split("\\") if "\\" in charset else charset
        ds.OtherPatientNames = ds.OperatorsName = ds.ReferringPhysicianName = name
        last = name.split("=")[-1].replace("^", " ")
        ds.StudyDescription, ds.ImageComments = f"Breast {last}", f"{last} left"
        asked = Dataset()
        asked.RequestingPhysician, asked.RequestedProcedureDescription = name, f"liver {last}"
        ds.RequestAttributesSequence = Sequence([asked])
        parts = {part for group in name.split("=") for part in group.split("^")}
        parts = {part for part in parts if len(part.encode()) > 3}  # shorter ones occur by chance
        planted = tuple(Planted(part, f"name in {charset}") for part in sorted(parts))
        yield Trap(f"{name} in {charset}", written(shown(ds, picture)), planted)
