"""What WhatsApp takes above a message: the kinds of media, and whether a file is one of them.

Types and sizes are those of Meta's reference of the Cloud API, "Supported media types" (December
2025): images as JPEG or PNG up to 5 MB, videos as MP4 or 3GP up to 16 MB, documents up to 100 MB.
Meta counts a megabyte as 1,048,576 bytes. What the server of a link calls a file has to be what
the file is: WhatsApp refuses it otherwise (131053).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

MB = 1024 * 1024
OFFICE = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of media: its word for people, the types that WhatsApp takes, the most bytes."""

    name: str
    types: Mapping[str, str]
    max_bytes: int

    @property
    def formats(self) -> str:
        """List the formats: `JPEG and PNG`."""
        *others, last = dict.fromkeys(self.types.values())
        return f"{', '.join(others)} and {last}"


KINDS = {
    "image": Kind("picture", {"image/jpeg": "JPEG", "image/png": "PNG"}, 5 * MB),
    "video": Kind("video", {"video/mp4": "MP4", "video/3gpp": "3GP"}, 16 * MB),
    "document": Kind(
        "document",
        {
            "application/pdf": "PDF",
            "application/msword": "Word",
            f"{OFFICE}.wordprocessingml.document": "Word",
            "application/vnd.ms-excel": "Excel",
            f"{OFFICE}.spreadsheetml.sheet": "Excel",
            "application/vnd.ms-powerpoint": "PowerPoint",
            f"{OFFICE}.presentationml.presentation": "PowerPoint",
            "text/plain": "text",
        },
        100 * MB,
    ),
}
FORMATS = {media_type: name for kind in KINDS.values() for media_type, name in kind.types.items()}

# So many of the first bytes tell a type.
HEAD_BYTES = 4096
PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said of a file, and its first bytes. `size` is None where it was not told."""

    declared: str
    size: int | None
    head: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a link found: a file for WhatsApp, or the problem in words for people."""

    content_type: str = ""
    size: int | None = None
    problem: str = ""


def judge(kind: Kind, answer: Answer) -> Seen:
    """Say whether WhatsApp would take the file as that kind of media."""
    if answer.size == 0:
        return Seen(problem="The file behind this link is empty.")
    fitting = true_types(answer.head) & kind.types.keys()
    if not fitting:
        return Seen(problem=_why_not_kind(kind, answer))
    if answer.declared not in fitting:
        return Seen(
            problem=f"This is a {kind.name}, but its server calls it something else, and WhatsApp "
            "goes by that. Put the file on another server."
        )
    if answer.size is None:
        return Seen(
            problem=f"The server does not say how large this {kind.name} is, so nobody can tell "
            "whether WhatsApp takes it. Put the file on another server."
        )
    if answer.size > kind.max_bytes:
        return Seen(
            problem=f"The {kind.name} is {megabytes(answer.size)} MB; "
            f"WhatsApp takes up to {megabytes(kind.max_bytes)} MB. Make it smaller."
        )
    return Seen(content_type=answer.declared, size=answer.size)


def megabytes(size: int) -> str:
    """Write a size so that what is too large never reads as if it were not: 5.1 for 5.01."""
    return f"{ceil(size / MB * 10) / 10:g}"


def true_types(head: bytes) -> set[str]:
    """Return the types that a file with these first bytes may be of."""
    if head.startswith(b"\xff\xd8\xff"):
        return {"image/jpeg"}
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return {"image/png"}
    if head.startswith(b"GIF8") or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return {"image/other"}
    if head[4:8] == b"ftyp":
        return {_brand(head[8:12])}
    if b"%PDF-" in head[:1024]:
        return {"application/pdf"}
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return {
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
        }
    if head.startswith(b"PK\x03\x04"):
        return {media_type for media_type in FORMATS if media_type.startswith(OFFICE)}
    if is_page(head):
        return {"text/html"}
    return {"text/plain"} if _is_text(head) else set()


def is_page(head: bytes) -> bool:
    """Say whether the bytes begin a web page."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGE_STARTS)


def _brand(brand: bytes) -> str:
    if brand.startswith((b"3gp", b"3g2")):
        return "video/3gpp"
    if brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"):
        return "image/other"
    return "video/other" if brand == b"qt  " else "video/mp4"


def _is_text(head: bytes) -> bool:
    """Say whether the bytes are UTF-8 without control characters; the last one may be cut."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode()
    return bool(text) and all(sign.isprintable() or sign in "\r\n\t\f\ufeff" for sign in text)


def _why_not_kind(kind: Kind, answer: Answer) -> str:
    types = true_types(answer.head)
    if "text/html" in types or "html" in answer.declared:
        return (
            f"This link leads to a web page, not to a {kind.name}. Share links of Google Drive "
            "or Dropbox do that: use one that opens the file itself."
        )
    families = {"image": "picture", "video": "video", "application": "document"}
    others = {families.get(found.partition("/")[0], "text") for found in types} - {kind.name}
    if others:
        return f"This link leads to a {others.pop()}, not to a {kind.name}."
    return f"WhatsApp does not take this kind of {kind.name}. It takes {kind.formats}."
