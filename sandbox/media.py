"""Files for template headers, at /__sandbox__/media/: good files, and faulty ones."""

import struct
import zlib
from collections.abc import Callable

from sandbox.faults import Response

PATH = "/media/"
TOO_LARGE = 7 * 1024 * 1024
# In real seconds, longer than a client should wait.
SLOW_SECONDS = 60.0

PAGE = b"<!doctype html><html><head><title>Shared file</title></head><body>Log in</body></html>"


def png() -> bytes:
    """Return a PNG image of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xe8\x6a\x33")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def jpeg() -> bytes:
    """Return a grey JPEG image of 8 × 8 pixels: one block with all coefficients 0."""

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    # A Huffman table with one code, of one bit, for the symbol 0.
    only_zero = bytes([1, *[0] * 15, 0])
    return (
        b"\xff\xd8"
        + segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
        + segment(0xDB, bytes([0, *[1] * 64]))
        + segment(0xC0, struct.pack(">BHHBBBB", 8, 8, 8, 1, 1, 0x11, 0))
        + segment(0xC4, b"\x00" + only_zero)
        + segment(0xC4, b"\x10" + only_zero)
        + segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
        + b"\x3f\xff\xd9"
    )


def mp4() -> bytes:
    """Return an MP4 video without a track."""

    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data) + 8) + kind + data

    matrix = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    # Version, times, time scale, length, speed, volume; then the next free number of a track.
    header = struct.pack(">6IH10x", 0, 0, 0, 1000, 0, 0x10000, 0x0100)
    header += matrix + bytes(24) + struct.pack(">I", 1)
    return box(b"ftyp", b"isom\0\0\2\0isommp42") + box(b"moov", box(b"mvhd", header))


def pdf() -> bytes:
    """Return a PDF document of one empty page."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%sendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 4\n0000000000 65535 f \n" + table + end


def respond(name: str) -> Response:
    """Answer a request for the file of that name."""
    make = FILES.get(name)
    return make() if make else Response(404, b"Not found", {"Content-Type": "text/plain"})


def _file(media_type: str, body: bytes) -> Response:
    return Response(200, body, {"Content-Type": media_type})


def _jpeg(**how: object) -> Response:
    return Response(200, jpeg(), {"Content-Type": "image/jpeg"}, **how)  # type: ignore[arg-type]


FILES: dict[str, Callable[[], Response]] = {
    "picture.jpg": _jpeg,
    "picture.png": lambda: _file("image/png", png()),
    "video.mp4": lambda: _file("video/mp4", mp4()),
    "document.pdf": lambda: _file("application/pdf", pdf()),
    # A web page, as share links of file hosts give; the second one claims to be an image.
    "page.jpg": lambda: _file("text/html; charset=utf-8", PAGE),
    "disguised.jpg": lambda: _file("image/jpeg", PAGE),
    # A JPEG image with the wrong Content-Type.
    "wrong-type.jpg": lambda: _file("image/png", jpeg()),
    "no-type.jpg": lambda: Response(200, jpeg()),
    "empty.jpg": lambda: _file("image/jpeg", b""),
    "no-length.jpg": lambda: _jpeg(declared=False),
    "too-large.jpg": lambda: Response(
        200,
        jpeg() + bytes(64 * 1024),
        {"Content-Type": "image/jpeg", "Content-Length": str(TOO_LARGE)},
        declared=False,
    ),
    "cut.jpg": lambda: _jpeg(cut=20, end="close"),
    "slow.jpg": lambda: _jpeg(delay=SLOW_SECONDS),
    "drip.jpg": lambda: _jpeg(drip=SLOW_SECONDS),
    "reset.jpg": lambda: _jpeg(silent=True, end="reset"),
    "redirect.jpg": lambda: Response(302, b"", {"Location": "/__sandbox__/media/picture.jpg"}),
    "private.jpg": lambda: Response(403, b"Forbidden", {"Content-Type": "text/plain"}),
    "broken.jpg": lambda: Response(500, b"Oops", {"Content-Type": "text/plain"}),
}
