"""Cells of workbooks (.xlsx), sheet by sheet, merged ones in each of their rows."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from echoatlas.pipeline.read.dicom.values import unsaid

MOST_SHEET_BYTES = 512 << 20
# A damaged workbook fails wherever in it the damage is, and no sidecar may end a run.
SHEET_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
# Of one column; wider ones are titles (ECMA-376 18.3.1.55)
MERGED = re.compile(rb'<(?:\w+:)?mergeCell ref="([A-Z]{1,3})(\d{1,7}):\1(\d{1,7})"')
Lines = Iterator[tuple[Any, ...]]


def workbook_sheets(data: bytes) -> Iterator[tuple[str, Lines]]:
    """The title and the lines of each sheet of a workbook; none if the bytes are another zip.

    Raises:
        SHEET_ERRORS: the workbook is damaged.
    """
    import openpyxl  # not with the module: few tables need it, and each worker would load it
    from openpyxl.utils.exceptions import InvalidFileException

    with zipfile.ZipFile(io.BytesIO(data)) as package:
        if "xl/workbook.xml" not in package.namelist():
            return
        if sum(info.file_size for info in package.infolist()) > MOST_SHEET_BYTES:
            return
        try:
            with unsaid():
                book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
                for sheet in book.worksheets:
                    sheet.reset_dimensions()  # some programs write those of a sheet of one cell
                    lines = sheet.iter_rows(values_only=True)
                    yield (
                        sheet.title,
                        _filled(lines, package.read(sheet._worksheet_path.lstrip("/"))),
                    )
        except InvalidFileException as error:
            raise ValueError from error


def _filled(lines: Lines, sheet: bytes) -> Lines:
    """Lines in which a cell merged downward says in each of its lines what it says in the first.

    The file has it in the first alone; to who reads it, the others belong to nobody.
    """
    from openpyxl.utils import column_index_from_string

    below: dict[int, list[tuple[int, int]]] = {}
    for column, first, last in MERGED.findall(sheet):
        place = column_index_from_string(column.decode()) - 1
        below.setdefault(int(first), []).append((place, int(last)))
    open_cells: dict[int, tuple[Any, int]] = {}
    for number, line in enumerate(lines, start=1):
        cells = list(line)
        for place, (value, last) in list(open_cells.items()):
            if number > last:
                del open_cells[place]
                continue
            cells += [None] * (place + 1 - len(cells))
            cells[place] = value if cells[place] is None else cells[place]
        for place, last in below.get(number, ()):
            if place < len(cells):
                open_cells[place] = cells[place], last
        yield tuple(cells)
