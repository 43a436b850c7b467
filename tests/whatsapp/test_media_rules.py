"""What WhatsApp takes above a message, told by the first bytes of a file."""

import pytest

from sandbox import media as files
from whatsapp.media import KINDS, MB, Answer, judge, megabytes, true_types

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
        # The last sign is cut in the middle.
        (DOCUMENT, "text/plain", "Prices in ₵".encode()[:-1]),
    ],
)
def test_what_whatsapp_takes(kind, declared, head):
    seen = judge(kind, Answer(declared, 1234, head))
    assert (seen.problem, seen.content_type, seen.size) == ("", declared, 1234)


@pytest.mark.parametrize(
    ("kind", "declared", "head", "problem"),
    [
        (IMAGE, "image/png", files.jpeg(), "its server calls it something else"),
        (IMAGE, "", files.jpeg(), "its server calls it something else"),
        (IMAGE, "application/octet-stream", files.png(), "its server calls it something else"),
        (DOCUMENT, "application/pdf", OLE, "its server calls it something else"),
        (IMAGE, "text/html", files.PAGE, "leads to a web page, not to a picture"),
        (IMAGE, "image/jpeg", files.PAGE, "leads to a web page, not to a picture"),
        (DOCUMENT, "text/plain", b"\xef\xbb\xbf\n <HTML>", "leads to a web page"),
        (IMAGE, "video/mp4", files.mp4(), "leads to a video, not to a picture"),
        (IMAGE, "image/jpeg", files.pdf(), "leads to a document, not to a picture"),
        (IMAGE, "image/jpeg", b"Hello", "leads to a text, not to a picture"),
        (VIDEO, "image/png", files.png(), "leads to a picture, not to a video"),
        (DOCUMENT, "image/png", files.png(), "leads to a picture, not to a document"),
        (IMAGE, "image/webp", b"RIFF\0\0\0\0WEBP", "It takes JPEG and PNG."),
        (IMAGE, "image/gif", b"GIF89a", "It takes JPEG and PNG."),
        (IMAGE, "image/jpeg", b"\0\0\0\x18ftypheic", "It takes JPEG and PNG."),
        (VIDEO, "video/mp4", b"\0\0\0\x14ftypqt  ", "It takes MP4 and 3GP."),
        (VIDEO, "video/mp4", b"\x1a\x45\xdf\xa3", "It takes MP4 and 3GP."),
        (DOCUMENT, "application/x", b"\0\1\2", "PDF, Word, Excel, PowerPoint and text."),
        (DOCUMENT, "text/plain", "é".encode("latin-1") * 9, "does not take this kind"),
    ],
)
def test_what_whatsapp_refuses(kind, declared, head, problem):
    seen = judge(kind, Answer(declared, 1234, head))
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
    assert judge(kind, Answer(declared, limit * MB, head)).problem == ""
    assert judge(kind, Answer(declared, limit * MB + 1, head)).problem == (
        f"The {kind.name} is {limit}.1 MB; WhatsApp takes up to {limit} MB. Make it smaller."
    )
    assert "does not say how large" in judge(kind, Answer(declared, None, head)).problem
    assert "empty" in judge(kind, Answer(declared, 0, b"")).problem


def test_megabytes():
    assert [megabytes(n) for n in (7 * MB, 5 * MB + 1, 700)] == ["7", "5.1", "0.1"]


def test_no_first_bytes_are_too_odd():
    for head in (b"", b"\0", b"\xff", b"\0\0\0\0ftyp", b"\xe2\x82"):
        assert isinstance(true_types(head), set)
