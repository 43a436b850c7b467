"""Which files WhatsApp accepts above a message, by their first bytes."""

import pytest

from sandbox import media as files
from whatsapp.media import KINDS, MB, Answer, check_file, megabytes, true_types

IMAGE, VIDEO, DOCUMENT = KINDS["image"], KINDS["video"], KINDS["document"]
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("kind", "declared", "head"),
    [
        (IMAGE, "image/jpeg", files.jpeg()),
        (IMAGE, "image/png", files.png()),
        (VIDEO, "video/mp4", files.mp4()),
        (VIDEO, "video/3gpp", b"\0\0\0\x18ftyp3gp5"),
        (DOCUMENT, "application/pdf", files.pdf()),
        (DOCUMENT, "application/pdf", b"\n\n" + files.pdf()),
        (DOCUMENT, "application/msword", OLE),
        (DOCUMENT, "application/vnd.ms-excel", OLE),
        (DOCUMENT, DOCX, b"PK\x03\x04"),
        (DOCUMENT, "text/plain", "Prices in ₵".encode()),
        # The last character is cut.
        (DOCUMENT, "text/plain", "Prices in ₵".encode()[:-1]),
    ],
)
def test_files_that_whatsapp_accepts(kind, declared, head):
    seen = check_file(kind, Answer(declared, 1234, head))
    assert (seen.problem, seen.content_type, seen.size) == ("", declared, 1234)


@pytest.mark.parametrize(
    ("kind", "declared", "head", "problem"),
    [
        (IMAGE, "image/png", files.jpeg(), "calls the file something else"),
        (IMAGE, "", files.jpeg(), "calls the file something else"),
        (IMAGE, "application/octet-stream", files.png(), "calls the file something else"),
        (DOCUMENT, "application/pdf", OLE, "calls the file something else"),
        (IMAGE, "text/html", files.PAGE, "leads to a web page"),
        (IMAGE, "image/jpeg", files.PAGE, "leads to a web page"),
        (DOCUMENT, "text/plain", b"\xef\xbb\xbf\n <HTML>", "leads to a web page"),
        (IMAGE, "video/mp4", files.mp4(), "leads to a video."),
        (IMAGE, "image/jpeg", files.pdf(), "leads to a document."),
        (IMAGE, "image/jpeg", b"Hello", "leads to a text."),
        (VIDEO, "image/png", files.png(), "leads to an image."),
        (DOCUMENT, "image/png", files.png(), "leads to an image."),
        (IMAGE, "image/webp", b"RIFF\0\0\0\0WEBP", "It accepts JPEG, PNG."),
        (IMAGE, "image/gif", b"GIF89a", "It accepts JPEG, PNG."),
        (IMAGE, "image/jpeg", b"\0\0\0\x18ftypheic", "It accepts JPEG, PNG."),
        (VIDEO, "video/mp4", b"\0\0\0\x14ftypqt  ", "It accepts MP4, 3GP."),
        (VIDEO, "video/mp4", b"\x1a\x45\xdf\xa3", "It accepts MP4, 3GP."),
        (DOCUMENT, "application/x", b"\0\1\2", "PDF, Word, Excel, PowerPoint, TXT."),
        (DOCUMENT, "text/plain", "é".encode("latin-1") * 9, "does not accept this type"),
    ],
)
def test_files_that_whatsapp_refuses(kind, declared, head, problem):
    seen = check_file(kind, Answer(declared, 1234, head))
    assert problem in seen.problem
    assert (seen.content_type, seen.size) == ("", None)
    assert declared == "" or declared not in seen.problem


@pytest.mark.parametrize(
    ("kind", "declared", "head", "limit"),
    [
        (IMAGE, "image/jpeg", files.jpeg(), 5),
        (VIDEO, "video/mp4", files.mp4(), 16),
        (DOCUMENT, "application/pdf", files.pdf(), 100),
    ],
)
def test_sizes(kind, declared, head, limit):
    assert check_file(kind, Answer(declared, limit * MB, head)).problem == ""
    assert check_file(kind, Answer(declared, limit * MB + 1, head)).problem == (
        f"This file is {limit}.1 MB; WhatsApp accepts up to {limit} MB. Make it smaller."
    )
    assert "does not say how large" in check_file(kind, Answer(declared, None, head)).problem
    assert "empty" in check_file(kind, Answer(declared, 0, b"")).problem


def test_megabytes():
    assert [megabytes(n) for n in (7 * MB, 5 * MB + 1, 700)] == ["7", "5.1", "0.1"]


def test_any_first_bytes_have_an_answer():
    for head in (b"", b"\0", b"\xff", b"\0\0\0\0ftyp", b"\xe2\x82"):
        assert isinstance(true_types(head), set)
