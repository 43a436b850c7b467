"""The media that WhatsApp accepts above a message, and the check of a file.

Types and sizes are those of Meta's reference of the Cloud API, "Supported media types" (December
2025): images as JPEG or PNG up to 5 MB, videos as MP4 or 3GP up to 16 MB, documents up to 100 MB.
Meta counts a megabyte as 1,048,576 bytes. The type that a server declares has to be the type of
the file: WhatsApp refuses it otherwise (131053).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from core.sentences import Sentence
from core.sentences import gettext_noop as _

MB = 1024 * 1024
OFFICE = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of media: {type: format} that WhatsApp accepts, and the maximum size."""

    types: Mapping[str, str]
    max_bytes: int

    @property
    def formats(self) -> str:
        """The formats: `JPEG, PNG`."""
        return ", ".join(dict.fromkeys(self.types.values()))


KINDS = {
    "image": Kind({"image/jpeg": "JPEG", "image/png": "PNG"}, 5 * MB),
    "video": Kind({"video/mp4": "MP4", "video/3gpp": "3GP"}, 16 * MB),
    "document": Kind(
        {
            "application/pdf": "PDF",
            "application/msword": "Word",
            f"{OFFICE}.wordprocessingml.document": "Word",
            "application/vnd.ms-excel": "Excel",
            f"{OFFICE}.spreadsheetml.sheet": "Excel",
            "application/vnd.ms-powerpoint": "PowerPoint",
            f"{OFFICE}.presentationml.presentation": "PowerPoint",
            "text/plain": "TXT",
        },
        100 * MB,
    ),
}
FORMATS = {media_type: name for kind in KINDS.values() for media_type, name in kind.types.items()}

# The first bytes of a file, enough to know its type.
HEAD_BYTES = 4096
PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")


EMPTY = _("The file behind this link is empty.")
OTHER_TYPE = _(
    "The server of this link calls the file something else, and WhatsApp goes by that. "
    "Put the file on another server."
)
NO_SIZE = _(
    "The server does not say how large this file is, so we can't check WhatsApp's limit. "
    "Put the file on another server."
)
TOO_LARGE = _("This file is {size} MB; WhatsApp accepts up to {limit} MB. Make it smaller.")
WEB_PAGE = _(
    "This link leads to a web page, not to a file. "
    "Share links of Google Drive or Dropbox do that: use a link that opens the file itself."
)
IMAGE = _("This link leads to an image. WhatsApp accepts only these files here: {formats}.")
VIDEO = _("This link leads to a video. WhatsApp accepts only these files here: {formats}.")
DOCUMENT = _("This link leads to a document. WhatsApp accepts only these files here: {formats}.")
TEXT = _("This link leads to a text. WhatsApp accepts only these files here: {formats}.")
OTHER_FORMAT = _("WhatsApp does not accept this type of file. It accepts {formats}.")
# The problem by the start of the found type, and the kind of media that it would be.
OTHER_KINDS = {
    "image": (IMAGE, "image"),
    "video": (VIDEO, "video"),
    "application": (DOCUMENT, "document"),
    "text": (TEXT, ""),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server declared about a file, and its first bytes. `size` is None if unknown."""

    declared: str
    size: int | None
    head: bytes


@dataclass(frozen=True, slots=True)
class MediaCheck:
    """The result of the check of a link: a file for WhatsApp, or the problem as a sentence."""

    content_type: str = ""
    size: int | None = None
    problem: str = ""


def check_file(kind: Kind, answer: Answer) -> MediaCheck:
    """Check whether WhatsApp would accept the file as that kind of media."""
    if answer.size == 0:
        return MediaCheck(problem=EMPTY)
    fitting = true_types(answer.head) & kind.types.keys()
    if not fitting:
        return MediaCheck(problem=_wrong_kind(kind, answer))
    if answer.declared not in fitting:
        return MediaCheck(problem=OTHER_TYPE)
    if answer.size is None:
        return MediaCheck(problem=NO_SIZE)
    if answer.size > kind.max_bytes:
        sizes = {"size": megabytes(answer.size), "limit": megabytes(kind.max_bytes)}
        return MediaCheck(problem=Sentence(TOO_LARGE, sizes))
    return MediaCheck(content_type=answer.declared, size=answer.size)


def megabytes(size: int) -> str:
    """Return a size in MB, rounded up so that a size above a limit shows above it."""
    return f"{ceil(size / MB * 10) / 10:g}"


def true_types(head: bytes) -> set[str]:
    """Return the types that a file with these first bytes may have."""
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
    """Return True if the bytes are the start of a web page."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGE_STARTS)


def _brand(brand: bytes) -> str:
    if brand.startswith((b"3gp", b"3g2")):
        return "video/3gpp"
    if brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"):
        return "image/other"
    return "video/other" if brand == b"qt  " else "video/mp4"


def _is_text(head: bytes) -> bool:
    """Return True if the bytes are UTF-8 without control characters; the last one may be cut."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode()
    return bool(text) and all(
        letter.isprintable() or letter in "\r\n\t\f\ufeff" for letter in text
    )


def _wrong_kind(kind: Kind, answer: Answer) -> str:
    types = true_types(answer.head)
    if "text/html" in types or "html" in answer.declared:
        return WEB_PAGE
    for found in types:
        message, name = OTHER_KINDS[found.partition("/")[0]]
        if kind is not KINDS.get(name):
            return Sentence(message, {"formats": kind.formats})
    return Sentence(OTHER_FORMAT, {"formats": kind.formats})
