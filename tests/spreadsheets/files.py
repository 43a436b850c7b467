"""Builders of spreadsheets, good ones by a library and hostile ones by hand."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

WORKBOOK = (
    f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
)


def rels(**targets: str) -> str:
    """Write a relationships part: rId1="worksheet:worksheets/sheet1.xml"."""
    entries = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/{target.partition(":")[0]}"'
        f' Target="{target.partition(":")[2]}"/>'
        for name, target in targets.items()
    )
    return f'<Relationships xmlns="{PACKAGE}">{entries}</Relationships>'


def xlsx(
    path: Path, rows: Sequence[Sequence[Any]], *, formats: Mapping[int, str] | None = None
) -> Path:
    """Write rows with one number format for each column that is named."""
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        styles = {
            column: workbook.add_format({"num_format": code})
            for column, code in (formats or {}).items()
        }
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif value is not None:
                    sheet.write(number, column, value, styles.get(column))
    return path


def raw_xlsx(
    path: Path,
    cells: str = "",
    *,
    sheet: str | bytes | None = None,
    strings: str = "",
    styles: str = "",
    workbook: str = WORKBOOK,
    **others: str,
) -> Path:
    """Write an .xlsx from the XML inside <sheetData>, or from whole parts."""
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": rels(rId1="officeDocument:xl/workbook.xml"),
        "xl/workbook.xml": workbook,
        "xl/_rels/workbook.xml.rels": rels(
            rId1="worksheet:worksheets/sheet1.xml",
            rId2="sharedStrings:sharedStrings.xml",
            rId3="styles:styles.xml",
            rId4="worksheet:worksheets/sheet2.xml",
        ),
        "xl/worksheets/sheet1.xml": sheet
        or f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>',
        **others,
    }
    if strings:
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{strings}</sst>'
    if styles:
        parts["xl/styles.xml"] = f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path
