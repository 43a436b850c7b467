"""Files for template headers, and the header media in the ledger."""

import zlib

import pytest
import requests

from sandbox import media


@pytest.mark.parametrize(
    ("name", "media_type", "start"),
    [
        ("picture.jpg", "image/jpeg", b"\xff\xd8\xff"),
        ("picture.png", "image/png", b"\x89PNG"),
        ("video.mp4", "video/mp4", b"\0\0\0\x18ftyp"),
        ("document.pdf", "application/pdf", b"%PDF-1.4"),
    ],
)
def test_good_files(api, name, media_type, start):
    response = requests.get(f"{api.url}/__sandbox__/media/{name}", timeout=5)
    assert response.headers["Content-Type"] == media_type
    assert int(response.headers["Content-Length"]) == len(response.content)
    assert response.content.startswith(start)


def test_the_png_holds_its_pixel():
    data = media.png()
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at])
    assert len(zlib.decompress(data[at + 4 : at + 4 + length])) == 1 + 3


def test_the_table_of_the_pdf_points_at_its_objects():
    data = media.pdf()
    table = data[data.index(b"xref") :].splitlines()[3:6]
    for number, line in enumerate(table, start=1):
        assert data[int(line[:10]) :].startswith(b"%d 0 obj" % number)
    assert data[int(data.split()[-2]) :].startswith(b"xref")


def test_an_unknown_name(api):
    assert requests.get(f"{api.url}/__sandbox__/media/nothing", timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("given", "media"),
    [
        ({"headerMediaUrl": "https://x.example/a.jpg"}, "https://x.example/a.jpg"),
        ({"headerMediaId": "123"}, "123"),
    ],
)
def test_the_ledger_holds_the_header_media(api, given, media):
    api.send("233244123451", "Ama", "20%", templateName="promotion_broadcast", **given)
    api.send("233244123452", "Kofi", "MF-24")
    assert [line["media"] for line in api.ledger()] == [media, None]
