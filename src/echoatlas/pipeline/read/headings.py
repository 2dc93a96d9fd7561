"""What the columns of a table mean by their headings, as people write them in many languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import Sidecar

# Names that people give to the column of file names, the likeliest first.
KEY_NAMES = (
    "filename", "file", "image", "imagename", "imagefile", "imagepath", "img", "imgname", "path",
    "filepath", "imageid", "dateiname", "datei", "bilddatei", "bild", "fichier", "nomfichier",
    "archivo", "文件名", "图像", "图片", "ファイル名", "파일명", "name", "id",
)  # fmt: skip
LOOKS_LIKE_FILE = re.compile(
    r"\.(dcm|dicom|ima|a?png|jpe?g|jfif|mpo|bmp|tiff?|gif|webp|hei[cf]|avif|mp4|m4v|avi|mov|mpe?g|m2v"
    r"|mjpe?g|h26[45]|hevc|mkv|webm|wmv|asf|flv|vob|m?ts|m2ts|nii|nii\.gz|hdr|img|mha|mhd|nrrd|nhdr"
    r"|mat|h5|hdf5?|uff|np[yz]|b8|b32)$",
    re.IGNORECASE,
)
_WHO = r"(?:patients?|patienten|pat|pt|subjects?|subj|paciente|pasient|paziente|患者|病人|환자)"
_NUMBER = (
    r"(?:ids?|nr|no|num|number|nummer|numero|nro|code|codice|key|identifier|identification"
    r"|编号|編號|番号|号|번호|등록번호)"
)
# Of the plain form of a heading. Whoever stands in such a column is the patient.
PATIENT = re.compile(
    rf"{_WHO}(?:s?{_NUMBER})?|{_NUMBER}(?:of|de|del|du|di)?(?:the|la|le|el)?{_WHO}"
    rf"|(?:case|participant|proband(?:en)?|volunteer){_NUMBER}|pid|mrn|medicalrecord{_NUMBER}"
    r"|hospital(?:id|no|number)|病历号|病案号|住院号|门诊号|登记号|등록번호|カルテ番号|hasta(?:no|id)?"
    r"|пациент|(?:id|no|номер|код)пациента"
)
# Names tell patients apart as well, where there is nothing better.
PATIENT_NAME = re.compile(
    rf"{_WHO}s?names?|nameof(?:the)?patient|nom(?:du)?patient|nombre(?:del)?paciente|姓名|病人姓名|患者姓名|患者名"
)
_AGREED = (
    r"(?:consent|consented|(?:einwilligung|einverstandnis|zustimmung)(?:s?erklarung)?"
    r"|consentement|consentimiento|consentimento|consenso|toestemming|согласие|知情同意|是否同意"
    r"|同意|동의)"
)
# Whether the patient agreed; of the plain form of a heading. Forms, versions and dates are not it.
CONSENT = re.compile(
    rf"(?:{_WHO}|informed|research|study|data|imaging|image|general|broad|written|signed|has)*"
    rf"{_AGREED}(?:given|obtained|signed|status|state|flag|granted|vorhanden|erteilt|liegtvor"
    r"|informado|informato|eclaire|(?:to|for)?research|yesno|yn|书|書|情况|여부|서|の有無)*"
    r"|согласиепациента|agreedtoresearch"
)
# Whether the patient left, so that a yes, or a date, is a no
OPT_OUT = re.compile(
    r"(?:national)?(?:data)?opt(?:ed|ing)?out(?:date|on|datum|status|flag|state|yesno|yn)?"
    rf"|(?:{_AGREED}|{_WHO}|date(?:of)?)*(?:withdrawn|withdrew|withdrawal|revoked|refused|declined"
    r"|widerrufen|widerruf|widerspruch|abgelehnt|撤回|철회|退出)(?:date|on|datum)?"
    r"|objection|objected|opposition|refus|retrait"
)
# Of the plain form of a heading: in which folder a file lies that others have the name of
FOLDER = re.compile(
    r"(?:sub|image|file|parent|study|series|patient)?(?:folder|dir|directory)s?(?:name|path)?"
    r"|ordner(?:name)?|verzeichnis|dossier|carpeta|文件夹|フォルダ|폴더"
)
# What else says who somebody is, when they said so and how often they were counted
BESIDE_WHO = re.compile(
    r"issuer.*|assigningauthority|(?:sur|last|first|family|given|full|sub)?name|vorname|nachname"
    r"|nom|prenom|apellidos?|cognome|dob|birth(?:date|day)?|dateofbirth|geburtsdatum|geb"
    r"|(?:request|entry|signature|letter|received)?(?:date|datum|fecha|data)(?:ofrequest|received)?"
    r"|日期|生年月日|出生日期|생년월일|comments?|remarks?|notes?|bemerkung(?:en)?|reason|grund|motivo?"
    r"|备注|原因|lfdnr|nr|no|index|row|line|seq|序号|by|signedby|operator|column\d+"
)
# By what people are known who have no number
NAMED = re.compile(
    r"(?:(?:sur|last|first|family|given|full)?name|vorname|nachname|nom|prenom|apellidos?|cognome"
    r"|dob|birth(?:date|day)?|dateofbirth|geburtsdatum|geb|生年月日|出生日期|생년월일|이름|氏名)"
)
# A file's name of which it says that those who are in it left
LEAVING = re.compile(
    r"opt(?:ed|ing|s)?out|withdr[ae]wn?|withdrawals?|widerruf|widerspr[uo]ch|revok|revocat|refus"
    r"|declin|abgelehnt|verweiger|(?:no|non|not|without|ohne|sans|sin|sem)(?:consent|einwilligung)"
    r"|objection|objected|opposition|retrait|ritirat|retirad|revocad|отозва|отказ|撤回|撤销|拒绝|拒否"
    r"|退出|不同意|未同意|철회|거부"
)
# A word of the name of a list of patients of which it says the same; over pictures or in a table of
# findings it may mean anything
GONE = re.compile(
    r"eras(?:e|ed|ures?)|delet(?:e|ed|ions?)|remov(?:e|ed|als?)|exclu(?:de|ded|sions?)|leavers?"
    r"|drop(?:ped|outs?)|dsa?r|gdpr|dsgvo|rgpd|forget|forgotten|gelo(?:e)?scht|lo(?:e)?schung|ausgeschlossen"
    r"|ausgetreten|austritte?|exclus|supprime[rs]?|effacement|删除|排除|削除|除外|삭제|제외"
)
LEFT_ALONE = "left"  # a side as well: in a name of nothing else
BESIDE_LEFT = re.compile(
    r"left|(?:patient|participant|subject|id)s?|study|trial|list|of|who|have|has|the"
)
AGREEING = re.compile(
    r"consent|einwilligung|einverstandnis|zustimmung|toestemming|согласи|同意|동의"
)
LABEL = re.compile(
    r"label|organ|anatomy|region|body.?part|exam|plane|view|descri|protocol|class|structure", re.I
)


def plain(heading: str) -> str:
    """A heading by its letters and digits alone: "Patienten-Nr." is "patientennr"."""
    folded = unicodedata.normalize("NFKD", heading).casefold()
    return "".join(one for one in unicodedata.normalize("NFC", _bare(folded)) if one.isalnum())


def _bare(text: str) -> str:
    """Latin letters without their accents; Hangul is composed of marks of another kind."""
    return "".join(one for one in text if not unicodedata.combining(one))


def told(heading: str, rule: Sidecar) -> str | None:
    """What a site's file says that a column means; None if it does not speak of it."""
    if heading in rule.columns:
        return rule.columns[heading]
    wanted = plain(heading)
    return next((means for one, means in rule.columns.items() if plain(one) == wanted), None)


def meaning(heading: str, rule: Sidecar) -> str:
    """What a column is read as: patient, label, ...; "" if it is ignored."""
    if (means := told(heading, rule)) is not None:
        return "" if means == "ignore" else means
    if PATIENT.fullmatch(plain(heading)) or PATIENT_NAME.fullmatch(plain(heading)):
        return "patient"
    if CONSENT.fullmatch(plain(heading)):
        return "consent"
    if OPT_OUT.fullmatch(plain(heading)):
        return "opt_out"
    return "label" if LABEL.search(heading) else ""


def patient_columns(headings: Iterable[str], rule: Sidecar) -> list[str]:
    """The columns that name the patient, the surest first: told, then numbers, then names."""
    found: list[tuple[int, str]] = []
    for heading in headings:
        means = told(heading, rule)
        if means == "patient":
            found.append((0, heading))
        elif means is None and PATIENT.fullmatch(plain(heading)):
            found.append((1, heading))
        elif means is None and PATIENT_NAME.fullmatch(plain(heading)):
            found.append((2, heading))
    return [heading for _, heading in sorted(found, key=lambda one: one[0])]


def id_columns(headings: Iterable[str], rule: Sidecar) -> list[str]:
    """The columns that name the patient by a number, or of which the site says that they do."""
    found = patient_columns(headings, rule)
    return [one for one in found if told(one, rule) or not PATIENT_NAME.fullmatch(plain(one))]


def file_column(rows: Sequence[dict[str, str]], wanted: str | None) -> str | None:
    """The column that names files: as wanted, else by its values, else by its heading."""
    headings = list(rows[0])
    if wanted is not None:
        return next((h for h in headings if plain(h) == plain(wanted)), None)
    sample = rows[:200]
    shares = {
        heading: sum(bool(LOOKS_LIKE_FILE.search(row.get(heading, "").strip())) for row in sample)
        for heading in headings
    }
    best = max(shares, key=lambda heading: (shares[heading], -headings.index(heading)))
    if shares[best] * 2 > len(sample):
        return best
    named = {plain(heading): heading for heading in reversed(headings)}
    key = next((named[name] for name in KEY_NAMES if name in named), None)
    distinct = {row.get(key, "") for row in rows} if key else set()
    return key if key and len(distinct) * 2 > len(rows) else None


def folder_column(headings: Iterable[str]) -> str | None:
    """The column that names the folder of a file."""
    return next((heading for heading in headings if FOLDER.fullmatch(plain(heading))), None)


def speaks(cell: str) -> bool:
    """Whether a cell is one that people put over a column of files or patients."""
    name = plain(cell)
    return name in KEY_NAMES or bool(PATIENT.fullmatch(name) or PATIENT_NAME.fullmatch(name))


def first_line(lines: Sequence[Sequence[str]]) -> int:
    """Place of the line of headings: titles and comments come before it, files only after.

    Args:
        lines: cells of the first lines of a table.

    Returns:
        Its place; -1 if the very first line names a file, so that there are no headings.
    """
    data = next(
        (at for at, cells in enumerate(lines) if any(LOOKS_LIKE_FILE.search(c) for c in cells)),
        len(lines),
    )
    if data == 0:
        return -1
    before = [at for at in range(data) if any(lines[at])]
    if not before:
        return 0
    if data < len(lines):
        return max(before, key=lambda at: (*_heads(lines[at], at == before[-1]), at))
    # Files without endings: what looks like the lines below it may well be one of them
    width = max(sum(map(bool, lines[at])) for at in before)
    wide = [at for at in before if 2 * sum(map(bool, lines[at])) > width]
    named = [at for at in wide if sum(map(speaks, lines[at])) > 1]
    return min(named or wide)


def _heads(cells: Sequence[str], nearest: bool) -> tuple[bool, bool, bool, int]:
    """How much a line looks like one of headings; comments may have as many cells."""
    said = [cell for cell in cells if cell]
    remark = cells[0].startswith("#") and not nearest
    numbers = any(cell.replace(".", "").replace(",", "").isdigit() for cell in said)
    return not remark, any(map(speaks, said)), not numbers, len(said)
