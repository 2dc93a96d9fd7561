"""How sites say what a scan shows: one organ in the words of DICOM, of people and of folders."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for one node of the anatomy tree.

    Attributes:
        exam: ImageType value 3 (PS3.3 C.8.5.6.1.1).
        body_part: BodyPartExamined (PS3.16 annex L).
        study, series: descriptions as technologists type them.
        folder: as research folders are named.
        code: SNOMED CT code and meaning.
        preset: as the scanner shows it.
    """

    exam: str
    body_part: str
    study: str
    series: str
    folder: str
    code: tuple[str, str]
    preset: str


WORDS: dict[str, Wording] = {
    "abdomen/liver": Wording(
        "ABDOMINAL",
        "LIVER",
        "US ABDOMEN COMPLETE",
        "Liver sag",
        "liver",
        ("10200004", "Liver"),
        "Abd Gen",
    ),
    "abdomen/kidney": Wording(
        "RENAL",
        "KIDNEY",
        "US KIDNEY BILATERAL",
        "RT KIDNEY LONG",
        "kidney",
        ("64033007", "Kidney"),
        "Renal",
    ),
    "abdomen/gallbladder": Wording(
        "ABDOMINAL",
        "GALLBLADDER",
        "US RUQ GALLBLADDER",
        "GB trans",
        "gallbladder",
        ("28231008", "Gallbladder"),
        "Abd Gen",
    ),
    "pelvis/urinary_bladder": Wording(
        "PELVIC",
        "BLADDER",
        "US BLADDER PVR",
        "Bladder trans",
        "bladder",
        ("89837001", "Urinary bladder"),
        "Pelvis",
    ),
    "pelvis/ovary": Wording(
        "ENDOVAGINAL",
        "OVARY",
        "US TRANSVAGINAL",
        "Left ovary",
        "ovary",
        ("15497006", "Ovary"),
        "Gyn EV",
    ),
    "pelvis/prostate": Wording(
        "ENDORECTAL",
        "PROSTATE",
        "US PROSTATE TRUS",
        "Prostate axial",
        "prostate",
        ("41216001", "Prostate"),
        "Prostate",
    ),
    "fetus/fetal_head": Wording(
        "OBSTETRICAL",
        "HEAD",
        "US OB SECOND TRIMESTER",
        "Fetal head BPD",
        "fetal_head",
        ("69536005", "Head"),
        "OB 2/3",
    ),
    "thorax/heart": Wording(
        "TTE",
        "HEART",
        "TTE COMPLETE",
        "Apical 4 chamber",
        "heart",
        ("80891009", "Heart"),
        "Adult Echo",
    ),
    "thorax/lung": Wording(
        "CHEST",
        "LUNG",
        "POCUS LUNG",
        "Lung R1",
        "lung",
        ("39607008", "Lung"),
        "Lung",
    ),
    "thorax/breast": Wording(
        "BREAST",
        "BREAST",
        "US BREAST LIMITED RT",
        "RT breast 10:00 4cm FN",
        "breast",
        ("76752008", "Breast"),
        "Breast",
    ),
    "head_neck/thyroid": Wording(
        "THYROID",
        "THYROID",
        "US THYROID",
        "Thyroid isthmus",
        "thyroid",
        ("69748006", "Thyroid"),
        "Thyroid",
    ),
    "head_neck/carotid_artery": Wording(
        "VASCULAR",
        "CAROTID",
        "US CAROTID DUPLEX",
        "R CCA prox",
        "carotid",
        ("32062004", "Common carotid artery"),
        "Carotid",
    ),
    "upper_limb/shoulder": Wording(
        "MUSCULOSKELETAL",
        "SHOULDER",
        "US SHOULDER RT",
        "Supraspinatus",
        "shoulder",
        ("16982005", "Shoulder"),
        "MSK Sup",
    ),
    "lower_limb/knee": Wording(
        "MUSCULOSKELETAL",
        "KNEE",
        "US KNEE LT",
        "Patellar tendon",
        "knee",
        ("72696002", "Knee"),
        "MSK Gen",
    ),
    "back/paraspinal_muscle": Wording(
        "MUSCULOSKELETAL",
        "LSPINE",
        "US LUMBAR PARASPINAL",
        "Multifidus L4",
        "multifidus",
        ("44947003", "Erector spinae"),
        "MSK Gen",
    ),
    "other/soft_tissue": Wording(
        "SMALL PARTS",
        "",
        "US SOFT TISSUE",
        "Lump",
        "soft_tissue",
        ("87784001", "Soft tissues"),
        "Sm Parts",
    ),
}


def words(anatomy: str) -> Wording:
    """Words for a node, or for a neutral one where it has none."""
    return WORDS.get(anatomy, WORDS["other/soft_tissue"])
