"""Fake patients, deterministic by seed: names in many scripts, and every other identifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# (DICOM person name, as a scanner's screen shows it, specific character set)
NAMES: tuple[tuple[str, str, str], ...] = (
    ("QUIMBLETON^AGATHA", "QUIMBLETON, AGATHA", "ISO_IR 100"),
    ("VANDERSLOOT^HENDRIKA^M", "Vandersloot, Hendrika M", "ISO_IR 100"),
    ("FEUERSTÄTTER^JÖRG", "FEUERSTÄTTER, JÖRG", "ISO_IR 100"),
    ("PEÑARRUBIA^MARÍA JOSÉ", "PEÑARRUBIA, MARÍA JOSÉ", "ISO_IR 100"),
    ("BEAUCHÊNEAU^ZOÉ", "BEAUCHÊNEAU Zoé", "ISO_IR 100"),
    ("SØRBYHAUGEN^ÅSE", "SØRBYHAUGEN, ÅSE", "ISO_IR 100"),
    ("KRZYŻANOWICZ^WOJCIECH", "KRZYZANOWICZ, WOJCIECH", "ISO_IR 192"),
    ("Wangxiao^Daming=王小^大明", "王小 大明 WANGXIAO", "ISO_IR 192"),
    ("Yamanaka^Tahei=山中^太平", "山中 太平", "ISO_IR 192"),
    ("Kimgilsan^Sujin=金吉山^水真=김길산^수진", "KIMGILSAN SUJIN", "ISO_IR 192"),
    ("Люксембургов^Аркадий", "LYUKSEMBURGOV ARKADY", "ISO_IR 144"),
    ("Παπαδιαμαντής^Ορέστης", "PAPADIAMANTIS ORESTIS", "ISO_IR 126"),
    ("القحطاني^نورة", "ALQAHTANI NOURA", "ISO_IR 127"),
    ("OKONKWOCHUKWU^NGOZI", "OKONKWOCHUKWU NGOZI", "ISO_IR 100"),
    ("SUBRAMANYESWARAN^LAKSHMI", "SUBRAMANYESWARAN LAKSHMI", "ISO_IR 100"),
    ("ALBUQUERQUINHO^JOÃO", "ALBUQUERQUINHO, JOÃO", "ISO_IR 100"),
    ("NGUYENPHUOC^THI HOA", "NGUYENPHUOC THI HOA", "ISO_IR 100"),
    ("O'SHAUGHNESSEY^FIONNUALA", "O'SHAUGHNESSEY, FIONNUALA", "ISO_IR 100"),
)
DOCTORS = ("GRIMALKINSON^ODETTE", "TREVELLYANT^RUPERT", "HASSELBLADH^INGRID", "CZAPLINSKY^MAREK")
OPERATORS = ("PFEIFFENBERG^LUISE", "MBEKITHEMBA^SIPHO", "DELACROISETTE^ANNE", "YOSHIKAWADA^KEN")
INSTITUTIONS = (
    ("ST ELSEWHERE GENERAL", "14 Quillfeather Lane, Elsewhere"),
    ("KLINIKUM NIRGENDHEIM", "Birkenstieg 7, Nirgendheim"),
    ("HÔPITAL SAINT-FICTIF", "3 rue Imaginaire, Fictif-sur-Mer"),
    ("NOWHERE VALLEY CLINIC", "88 Mirage Road, Nowhere Valley"),
    ("OSPEDALE SANTA FINZIONE", "via Sognata 21, Finzione"),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that identifies a made-up patient and the people and places around them.

    Attributes:
        name: DICOM person name, with component groups where the language has them.
        shown: the name as screens show it.
        charset: SpecificCharacterSet that can carry ``name``.
        birth_date, study_date: YYYYMMDD. ``study_time``: HHMMSS.
    """

    name: str
    shown: str
    charset: str
    patient_id: str
    accession: str
    birth_date: str
    sex: str
    study_date: str
    study_time: str
    referring: str
    operator: str
    institution: str
    address: str
    phone: str
    root: str

    def uid(self, *parts: object) -> str:
        """A DICOM UID of this patient: the same parts give the same UID."""
        number = np.random.default_rng(
            list("/".join(str(part) for part in parts).encode())
        ).integers(10**11, 10**12)
        return f"{self.root}.{number}"

    @property
    def birth_shown(self) -> str:
        return f"{self.birth_date[6:]}/{self.birth_date[4:6]}/{self.birth_date[:4]}"

    @property
    def date_shown(self) -> str:
        return f"{self.study_date[6:]}/{self.study_date[4:6]}/{self.study_date[:4]}"

    @property
    def time_shown(self) -> str:
        return f"{self.study_time[:2]}:{self.study_time[2:4]}:{self.study_time[4:]}"

    def secrets(self) -> tuple[str, ...]:
        """The strings that must never be found in anything written."""
        groups = [part for group in self.name.split("=") for part in group.split("^")]
        shown = [part.strip(",") for part in self.shown.split()]
        words = [
            word
            for word in (*groups, *shown)
            if len(word) > 4 or (len(word) > 1 and not _latin(word))
        ]
        staff = [word for name in (self.referring, self.operator) for word in name.split("^")]
        return tuple(
            dict.fromkeys(
                [
                    *words,
                    *(word for word in staff if len(word) > 5),
                    self.patient_id,
                    self.accession,
                    self.birth_date,
                    self.institution,
                    self.address,
                    self.phone,
                    self.root,
                ]
            )
        )


def make_identity(seed: int, name: str | None = None) -> Identity:
    """A made-up patient; the same seed gives the same one.

    Args:
        name: DICOM person name to use instead of a drawn one.
    """
    rng = np.random.default_rng([seed, 1])
    drawn, shown, charset = NAMES[int(rng.integers(len(NAMES)))]
    if name is not None:
        drawn, charset = name, "ISO_IR 100" if _latin(name) else "ISO_IR 192"
        shown = name.split("=")[0].replace("^", ", ", 1).replace("^", " ")
    institution, address = INSTITUTIONS[int(rng.integers(len(INSTITUTIONS)))]
    year, month, day = rng.integers(1936, 2015), rng.integers(1, 13), rng.integers(1, 29)
    return Identity(
        name=drawn,
        shown=shown,
        charset=charset,
        patient_id=f"{'ABCDEFGHJK'[int(rng.integers(10))]}{rng.integers(10**7, 10**8)}",
        accession=f"ACC{rng.integers(10**8, 10**9)}",
        birth_date=f"{year}{month:02}{day:02}",
        sex="FMO"[int(rng.choice(3, p=[0.55, 0.43, 0.02]))],
        study_date=f"20{rng.integers(15, 25)}{rng.integers(1, 13):02}{rng.integers(1, 29):02}",
        study_time=f"{rng.integers(7, 19):02}{rng.integers(60):02}{rng.integers(60):02}",
        referring=DOCTORS[int(rng.integers(len(DOCTORS)))],
        operator=OPERATORS[int(rng.integers(len(OPERATORS)))],
        institution=institution,
        address=address,
        phone=f"+99 555 {rng.integers(100, 1000)} {rng.integers(1000, 10000)}",
        root=f"1.2.826.0.1.3680043.10.{rng.integers(10**6, 10**7)}.{rng.integers(10**8, 10**9)}",
    )


def _latin(name: str) -> bool:
    try:
        name.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
