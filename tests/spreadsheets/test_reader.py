"""Reading .xlsx and .csv files, good, damaged and hostile."""

import random
import zipfile

import openpyxl
import pytest

from spreadsheets.cells import Limits, Row, SpreadsheetError
from spreadsheets.reader import read_head, read_rows
from tests.spreadsheets.files import MAIN, OFFICE, WORKBOOK, raw_xlsx, rels, xlsx


def texts(path, **options):
    return [(row.number, [cell.text for cell in row.cells]) for row in read_rows(path, **options)]


def refusal(path, **options):
    with pytest.raises(SpreadsheetError) as caught:
        list(read_rows(path, **options))
    return str(caught.value)


@pytest.fixture
def file(tmp_path):
    def write(content, name="file.bin"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


# xlsx


def test_rows_keep_the_numbers_and_formats_that_the_user_sees(tmp_path):
    rows = [["Phone", "Name", "Owes", "Due"], [], [244123456, "Ama", 1500, 45983]]
    formats = {0: "0000000000", 2: '"GHS "#,##0.00', 3: "d mmm yyyy"}
    path = xlsx(tmp_path / "people.xlsx", rows, formats=formats)
    assert texts(path) == [
        (1, ["Phone", "Name", "Owes", "Due"]),
        (3, ["0244123456", "Ama", "GHS 1,500.00", "22 Nov 2025"]),
    ]
    cells = list(read_rows(path))[1].cells
    assert [cell.kind for cell in cells] == ["number", "text", "number", "date"]
    assert [cell.raw for cell in cells] == ["244123456", "Ama", "1500", "45983"]


def test_a_file_written_by_openpyxl(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Phone", "VIP", "When"])
    book.active.append([233244123456.0, True, None])
    book.active["C2"] = "=1+1"
    book.save(tmp_path / "people.xlsx")
    head, row = read_rows(tmp_path / "people.xlsx")
    assert [cell.text for cell in row.cells] == ["233244123456", "TRUE", ""]
    # openpyxl writes formulas without their results.
    assert row.cells[2].kind == "formula"


def test_every_kind_of_cell(tmp_path):
    path = raw_xlsx(
        tmp_path / "a.xlsx",
        '<row r="2"><c r="B2" t="s"><v>1</v></c><c r="C2" t="inlineStr"><is><t>in</t></is></c>'
        '<c r="D2" t="str"><f>A1</f><v>x_x0041_</v></c><c r="E2" t="e"><v>#N/A</v></c>'
        '<c r="F2" t="b"><v>0</v></c><c r="G2"><f>1</f><v>7</v></c><c r="H2"><f>1</f></c>'
        '<c r="I2" t="str"><f>1</f><v></v></c><c r="J2" t="d"><v>2025-11-22</v></c>'
        '<c r="K2"><v>2.33244123456E11</v></c></row>',
        strings="<si><t>no</t></si><si><r><t>rich </t></r><r><t>text</t></r>"
        "<rPh><t>hidden</t></rPh></si>",
    )
    (row,) = read_rows(path)
    assert [(cell.text, cell.kind) for cell in row.cells] == [
        ("", "empty"),
        ("rich text", "text"),
        ("in", "text"),
        ("xA", "text"),
        ("#N/A", "error"),
        ("FALSE", "bool"),
        ("7", "number"),
        ("", "formula"),
        ("", "empty"),
        ("2025-11-22", "date"),
        ("233244123456", "number"),
    ]


def test_rows_and_cells_without_places_are_counted(tmp_path):
    path = raw_xlsx(
        tmp_path / "a.xlsx",
        "<row><c><v>1</v></c><c/><c><v>2</v></c></row><row/><row><c><v>3</v></c></row>",
    )
    assert texts(path) == [(1, ["1", "", "2"]), (3, ["3"])]


def test_hidden_rows_are_marked(tmp_path):
    path = raw_xlsx(
        tmp_path / "a.xlsx",
        '<row r="1"><c><v>1</v></c></row><row r="2" hidden="1"><c><v>2</v></c></row>',
    )
    assert [row.hidden for row in read_rows(path)] == [False, True]


def test_prefixed_and_strict_documents(tmp_path):
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    path = raw_xlsx(
        tmp_path / "a.xlsx",
        sheet=f'<x:worksheet xmlns:x="{strict}"><x:sheetData><x:row r="1"><x:c r="A1">'
        "<x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>",
    )
    assert texts(path) == [(1, ["5"])]


def book_of_two(states):
    sheets = "".join(
        f'<sheet name="S{i}" sheetId="{i}" r:id="rId{relation}" state="{state}"/>'
        for i, (relation, state) in enumerate(zip((1, 4), states, strict=True), start=1)
    )
    return f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>'


SECOND = {
    "xl/worksheets/sheet2.xml": f'<worksheet xmlns="{MAIN}"><sheetData><row><c><v>2</v></c></row>'
    "</sheetData></worksheet>"
}


@pytest.mark.parametrize(
    ("states", "sheets", "first"),
    [
        (("visible", "visible"), ("S1", "S2"), "1"),
        (("hidden", "visible"), ("S2",), "2"),
        (("visible", "veryHidden"), ("S1",), "1"),
        (("hidden", "hidden"), ("S1", "S2"), "1"),
    ],
)
def test_the_first_visible_sheet_is_read(tmp_path, states, sheets, first):
    path = raw_xlsx(
        tmp_path / "a.xlsx", "<row><c><v>1</v></c></row>", workbook=book_of_two(states), **SECOND
    )
    head = read_head(path)
    assert head.sheets == sheets and head.rows[0].cells[0].text == first


def test_a_sheet_can_be_chosen(tmp_path):
    book = book_of_two(("visible", "visible"))
    path = raw_xlsx(tmp_path / "a.xlsx", "<row><c><v>1</v></c></row>", workbook=book, **SECOND)
    assert texts(path, sheet="S2") == [(1, ["2"])]
    assert "sheet" in refusal(path, sheet="S3")


def test_the_head_is_read_without_the_rest(tmp_path):
    # The damage after the first rows is not read.
    rows = "".join(f'<row r="{i}"><c><v>{i}</v></c></row>' for i in range(1, 20_000))
    path = raw_xlsx(tmp_path / "a.xlsx", rows + "<broken")
    assert [row.number for row in read_head(path, rows=3).rows] == [1, 2, 3]
    assert "damaged" in refusal(path, limits=Limits(rows=50_000))


def test_the_head_stops_within_a_million_blank_rows(tmp_path):
    blank = "".join(f'<row r="{i}"><c r="A{i}" s="0"/></row>' for i in range(2, 150_000))
    path = raw_xlsx(tmp_path / "a.xlsx", '<row r="1"><c><v>1</v></c></row>' + blank + "<broken")
    assert [row.number for row in read_head(path).rows] == [1]


def test_dates_of_1904(tmp_path):
    path = raw_xlsx(
        tmp_path / "a.xlsx",
        '<row><c s="1"><v>44521</v></c></row>',
        styles='<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>',
        workbook=WORKBOOK.replace("<sheets>", '<workbookPr date1904="1"/><sheets>'),
    )
    assert texts(path) == [(1, ["22/11/2025"])]


def test_formats_of_conditional_styles_are_ignored(tmp_path):
    path = raw_xlsx(
        tmp_path / "a.xlsx",
        '<row><c s="0"><v>5</v></c></row>',
        styles='<numFmts><numFmt numFmtId="164" formatCode="0.0"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="10"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="164"/></cellXfs>'
        '<dxfs><dxf><numFmt numFmtId="164" formatCode="0%"/></dxf></dxfs>',
    )
    assert texts(path) == [(1, ["5.0"])]


# csv


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found(file, delimiter):
    lines = ["Phone,Name", "0244123456,Ama", "0201234567,Kofi"]
    path = file("\n".join(line.replace(",", delimiter) for line in lines))
    assert texts(path)[2] == (3, ["0201234567", "Kofi"])


def test_commas_in_texts_are_not_the_separator(file):
    path = file("Phone;Note\n0244123456;Hello, Ama, come\n0201234567;Bye\n")
    assert texts(path)[1] == (2, ["0244123456", "Hello, Ama, come"])


def test_one_column_needs_no_separator(file):
    assert texts(file("Phone\n+233 24 412 3456\n")) == [(1, ["Phone"]), (2, ["+233 24 412 3456"])]


def test_the_line_that_declares_the_separator_is_not_a_row(file):
    assert texts(file("sep=;\r\nPhone;Name\r\n")) == [(1, ["Phone", "Name"])]


def test_csv_rows_are_numbered_as_records_with_blank_ones_counted(file):
    path = file('Phone,Note\n\n0244123456,"two\nlines, ""quoted"""\n , \n0201234567,x\r\n')
    assert texts(path) == [
        (1, ["Phone", "Note"]),
        (3, ["0244123456", 'two\nlines, "quoted"']),
        (5, ["0201234567", "x"]),
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_encodings(file, encoding):
    people = "Phone,Name\n" + "0244123456,Zoë Müller-Åsä\n" * 50
    assert texts(file(people.encode(encoding)))[-1] == (51, ["0244123456", "Zoë Müller-Åsä"])


def test_text_with_a_late_byte_that_is_not_utf8_is_western(file):
    path = file(b"Phone,Name\n" + b"0244123456,Ama\n" * 10_000 + b"1,Zo\xeb\n")
    assert texts(path, limits=Limits(rows=20_000))[-1] == (10_002, ["1", "Zoë"])


def test_a_character_across_two_reads_stays_utf8(file):
    path = file("a" * 65_535 + "ë\n", "long.csv")
    assert texts(path, limits=Limits(cell_length=100_000)) == [(1, ["a" * 65_535 + "ë"])]


def test_texts_protected_by_a_formula_are_unwrapped(file):
    assert texts(file('Phone,Name\n="0244123456",Ama\n')) == [
        (1, ["Phone", "Name"]),
        (2, ["0244123456", "Ama"]),
    ]


def test_an_unclosed_quotation_mark_is_refused(file):
    assert "quotation mark" in refusal(file('Phone,Name\n1,"Ama\n2,Kofi\n'))
    assert "quotation mark" in refusal(file('Phone,Name\n1,"Ama\n2,"Kofi"\n'))


def test_stray_zeros_are_dropped(file):
    path = file("Phone,Name\n" + "1,Ama\n" * 200 + "2,Ko\0fi\n")
    assert texts(path)[-1] == (202, ["2", "Kofi"])


# Other files

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \r\n\t ", "empty"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"\x89PNG\r\n\x1a\n....", "an image"),
        (b"\xff\xd8\xff\xe0 JFIF", "an image"),
        (b"\0\0\0\x18ftypmp42", "a video"),
        (b"{\\rtf1 }", "a text document"),
        (b"\x1f\x8b\x08\0", "a compressed file"),
        (b"<html><table><tr><td>1", "a web page"),
        (b'\xef\xbb\xbf\n<?xml version="1.0"?><Workbook>', "a web page"),
        ("<html>".encode("utf-16"), "a web page"),
        (OLE + b"\0" * 600, "old Excel"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
            + b"\1" * 500_000
            + "EncryptedPackage".encode("u16"),
            "password",
        ),
        (b"\x09\x08\x10\0\0\6", "old Excel"),
        (bytes(range(256)) * 20, "not a spreadsheet"),
        (b"\x7fELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0>\0\1\0\0\0", "not a spreadsheet"),
        (b"PK\x03\x04 and then nothing", "damaged"),
        (b"PK\x05\x06" + b"\0" * 18, "not a spreadsheet"),
    ],
)
def test_other_files_are_refused_by_their_type(file, content, says):
    # The name says .xlsx, which is never trusted.
    assert says in refusal(file(content, "people.xlsx"))


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ("word/document.xml", "Word"),
        ("mimetype", "LibreOffice"),
        ("xl/workbook.bin", "binary"),
        ("people.xlsx", "zip folder"),
        ("photo.jpg", "not a spreadsheet"),
        ("[Content_Types].xml", "damaged"),
    ],
)
def test_other_archives_are_refused_by_their_type(tmp_path, member, says):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr(member, "x")
    assert says in refusal(tmp_path / "a.xlsx")


# Hostile and damaged files


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    f'<worksheet xmlns="{MAIN}"><sheetData><row><c t="str"><v>&b;</v></c></row></sheetData>'
    "</worksheet>"
)
OUTSIDE = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><worksheet/>'


@pytest.mark.parametrize(
    "cells",
    [
        "<row><c><v>1</v>",
        '<row r="0x1"><c><v>1</v></c></row>',
        '<row r="-1"><c><v>1</v></c></row>',
        '<row r="1048577"><c><v>1</v></c></row>',
        '<row r="99999999999999999999"><c><v>1</v></c></row>',
        '<row r="2"/><row r="2"><c><v>1</v></c></row>',
        '<row r="5"/><row r="2"><c><v>1</v></c></row>',
        '<row><c r="11"><v>1</v></c></row>',
        '<row><c r="ÄÖ1"><v>1</v></c></row>',
        '<row><c r="AAAA1"><v>1</v></c></row>',
        '<row><c r="1"/><c><v>1</v></c></row>',
        "<row>" + "<c/>" * 17_000 + "</row>",
        '<row><c t="s"><v>0</v></c></row>',
        '<row><c t="s"><v>-1</v></c></row>',
        '<row><c t="s"><v>x</v></c></row>',
        "<row><c><v>nan</v></c></row>",
        "<row><c><v>inf</v></c></row>",
        "<row><c><v>1e999</v></c></row>",
        "<row><c><v>twelve</v></c></row>",
        '<row><c s="-1"><v>1</v></c></row>',
        "<row><c><v>&undefined;</v></c></row>",
    ],
)
def test_damaged_cells_are_refused(tmp_path, cells):
    assert "damaged" in refusal(raw_xlsx(tmp_path / "a.xlsx", cells))


@pytest.mark.parametrize("sheet", [ENTITIES, OUTSIDE, b"\xff\xfe<", "not xml", b"\0" * 50])
def test_damaged_sheets_are_refused(tmp_path, sheet):
    assert "damaged" in refusal(raw_xlsx(tmp_path / "a.xlsx", sheet=sheet))


@pytest.mark.parametrize(
    "others",
    [
        {"workbook": "<workbook/>"},
        {"workbook": ENTITIES},
        {"_rels/.rels": "<Relationships/>"},
        {"_rels/.rels": rels(rId1="officeDocument:../../../../etc/passwd")},
        {"xl/_rels/workbook.xml.rels": "<x"},
        {"xl/_rels/workbook.xml.rels": rels(rId1="worksheet:missing.xml")},
        {"styles": '<cellXfs><xf numFmtId="many"/></cellXfs>'},
    ],
)
def test_damaged_structures_are_refused(tmp_path, others):
    assert refusal(raw_xlsx(tmp_path / "a.xlsx", "<row><c><v>1</v></c></row>", **others))


def test_a_cell_in_the_far_corner_is_refused_and_costs_nothing(tmp_path):
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c>'
    assert "Row 1048576" in refusal(raw_xlsx(tmp_path / "a.xlsx", far + "</row>"))
    # Formats without content may stand anywhere.
    styled = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1" s="0"/></row>'
    assert texts(raw_xlsx(tmp_path / "b.xlsx", styled)) == [(1, ["1"])]


def test_a_declared_size_of_the_sheet_is_ignored(tmp_path):
    path = raw_xlsx(
        tmp_path / "a.xlsx",
        sheet=f'<worksheet xmlns="{MAIN}"><dimension ref="A1:XFD1048576"/><sheetData>'
        "<row><c><v>1</v></c></row></sheetData></worksheet>",
    )
    assert texts(path) == [(1, ["1"])]


@pytest.mark.parametrize("part", ["sheet", "strings", "styles", "workbook"])
def test_a_zip_bomb_is_stopped_while_it_unpacks(tmp_path, part):
    bomb = " " * 30_000_000
    cells = '<row><c t="s"><v>0</v></c></row>'
    contents = {"strings": "<si><t>a</t></si>", "styles": "<cellXfs/>", "workbook": WORKBOOK}
    if part == "sheet":
        cells += bomb
    elif part == "workbook":
        contents["workbook"] += bomb
    else:
        contents[part] = bomb + contents[part]
    assert "unpacks" in refusal(raw_xlsx(tmp_path / "a.xlsx", cells, **contents))


def test_limits_are_sentences(tmp_path, file):
    rows = [["Phone"], *([str(i)] for i in range(5))]
    path = xlsx(tmp_path / "a.xlsx", rows)
    assert len(texts(path, limits=Limits(rows=6))) == 6
    assert "more than 5 rows" in refusal(path, limits=Limits(rows=5))
    wide = file("a,b,c\n1,2,3\n")
    assert "column 2" in refusal(wide, limits=Limits(columns=2))
    assert "more than 4 characters" in refusal(file("abcde,1\n"), limits=Limits(cell_length=4))
    long = raw_xlsx(tmp_path / "b.xlsx", '<row><c t="str"><v>abcde</v></c></row>')
    assert "more than 4 characters" in refusal(long, limits=Limits(cell_length=4))
    assert "unpacks" in refusal(wide, limits=Limits(unpacked_bytes=5))
    assert "unpacks" in refusal(path, limits=Limits(parts=3))


def test_a_tag_without_end_is_refused(tmp_path):
    path = raw_xlsx(tmp_path / "a.xlsx", f'<row x="{"a" * 5_000_000}"><c><v>1</v></c></row>')
    assert "damaged" in refusal(path, limits=Limits(ratio=5000))


def test_a_line_without_end_is_refused(file):
    assert "not a spreadsheet" in refusal(file("a" * 1_200_000))


def test_an_encrypted_member_is_refused(tmp_path):
    path = raw_xlsx(tmp_path / "a.xlsx", "<row><c><v>1</v></c></row>")
    data = bytearray(path.read_bytes())
    start = -1
    while (start := data.find(b"PK\x01\x02", start + 1)) >= 0:
        data[start + 8] |= 1
    path.write_bytes(data)
    assert "password" in refusal(path)


@pytest.mark.parametrize("seed", range(8))
def test_mutated_files_give_rows_or_a_sentence(tmp_path, seed):
    """Flip bytes in the archive and in the XML inside, and cut: rows or a sentence, no crash."""
    dice = random.Random(seed)
    rows = [["Phone", "Name"], *([f"02441234{i:02}", f"Ama {i}"] for i in range(20))]
    good = xlsx(tmp_path / "good.xlsx", rows, formats={}).read_bytes()
    with zipfile.ZipFile(tmp_path / "good.xlsx") as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    table = "\n".join(",".join(row) for row in rows).encode()
    path = tmp_path / "mutant"
    verdicts = set()
    for _ in range(40):
        way = dice.choice(("archive", "part", "csv"))
        if way == "part":
            name = dice.choice(sorted(parts))
            with zipfile.ZipFile(path, "w") as archive:
                for part, content in parts.items():
                    archive.writestr(part, _mutate(content, dice) if part == name else content)
        else:
            path.write_bytes(_mutate(good if way == "archive" else table, dice))
        try:
            verdicts.add(all(isinstance(row, Row) for row in read_rows(path)))
        except SpreadsheetError as error:
            assert str(error).endswith(".")
            verdicts.add("refused")
    assert verdicts == {True, "refused"}


def _mutate(content, dice):
    data = bytearray(content)
    for _ in range(dice.choice((1, 3, 20))):
        place = dice.randrange(len(data))
        if dice.random() < 0.1:
            del data[place : place + dice.choice((1, 10, 1000))]
            if not data:
                data.extend(b"x")
        else:
            data[place] = dice.randrange(256)
    return bytes(data)


def test_a_repr_shows_no_personal_data(file):
    path = file("Phone,Name\n0244123456,Ama\n")
    shown = repr(read_head(path)) + repr(list(read_rows(path)))
    shown += repr(list(read_rows(path))[0].cells)
    assert "Ama" not in shown and "0244" not in shown
