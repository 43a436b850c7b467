"""The archive of an .xlsx and its XML parts, unpacked and parsed piece by piece under limits."""

import re
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from xml.parsers import expat

from spreadsheets.cells import CHUNK, DAMAGED, PROTECTED, TOO_BIG, Limits, SpreadsheetError

# Bytes.
_LONGEST_TAG = 2_000_000

_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
    ValueError,
)  # fmt: skip


class _Budget:
    """Counts the unpacked bytes of an archive, and stops a zip bomb while it unpacks."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unpacked = 0
        self._packed = 0

    def open_part(self, packed: int) -> None:
        self._packed += packed

    def spend(self, size: int) -> None:
        self._unpacked += size
        suspicious = self._unpacked > max(10_000_000, self._limits.ratio * self._packed)
        if suspicious or self._unpacked > self._limits.unpacked_bytes:
            raise SpreadsheetError(TOO_BIG)


class Archive:
    """An open .xlsx: its parts by name, unpacked within the limits. Closing closes every part."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._budget = _Budget(limits)
        self._size = path.stat().st_size
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise SpreadsheetError(DAMAGED) from None
        # A zip file stays open as long as any of its parts is.
        self._open = ExitStack()
        self._open.callback(self._zip.close)
        infos = self._zip.infolist()
        if len(infos) > limits.parts:
            self.close()
            raise SpreadsheetError(TOO_BIG)
        # Some programs write backslashes, a leading slash or another case.
        self._parts = {
            info.filename.replace("\\", "/").lstrip("/").lower(): info for info in infos
        }

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    @property
    def names(self) -> set[str]:
        """The names of all parts, in lower case."""
        return set(self._parts)

    def close(self) -> None:
        """Close the file and every part of it."""
        self._open.close()

    def open(self, name: str) -> IO[bytes]:
        """Return a part to read from. Raise `SpreadsheetError` where it is missing or locked."""
        info = self._parts.get(name.lower())
        if info is None:
            raise SpreadsheetError(DAMAGED)
        if info.flag_bits & 1:
            raise SpreadsheetError(PROTECTED)
        self._budget.open_part(min(info.compress_size, self._size))
        try:
            source = self._zip.open(info)
        except _ZIP_ERRORS:
            raise SpreadsheetError(DAMAGED) from None
        self._open.callback(source.close)
        return source

    def spend(self, size: int) -> None:
        """Count unpacked bytes. Raise `SpreadsheetError` past the limit."""
        self._budget.spend(size)


class Part:
    """One XML part, parsed in pieces as it is unpacked."""

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive = archive
        self._source = archive.open(name)
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        # Without a document type there are no entities to expand.
        parser.StartDoctypeDeclHandler = self._refuse
        self._parser = parser
        self._read = 0
        self._done = False

    def pump(self) -> bool:
        """Parse one more piece. Return False at the end of the part."""
        try:
            chunk = self._source.read(CHUNK)
        except _ZIP_ERRORS:
            raise SpreadsheetError(DAMAGED) from None
        self._archive.spend(len(chunk))
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
                raise MemoryError from None
            raise SpreadsheetError(DAMAGED) from None
        except (LookupError, UnicodeError, ValueError):
            raise SpreadsheetError(DAMAGED) from None
        # The parser starts an unfinished tag again with every piece, so a long tag costs time.
        self._read += len(chunk)
        if self._read - self._parser.CurrentByteIndex > _LONGEST_TAG:
            raise SpreadsheetError(DAMAGED)
        return bool(chunk) and not self._done

    def _refuse(self, *_: object) -> None:
        raise SpreadsheetError(DAMAGED)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        pass

    def _end(self, name: str) -> None:
        pass

    def _characters(self, text: str) -> None:
        pass


class Elements(Part):
    """The elements of a small part, as (parent, tag, attributes)."""

    def __init__(self, archive: Archive, name: str) -> None:
        super().__init__(archive, name)
        self.found: list[tuple[str, str, dict[str, str]]] = []
        self._parents = [""]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        self.found.append((self._parents[-1], tag, attributes))
        self._parents.append(tag)

    def _end(self, name: str) -> None:
        self._parents.pop()


class SharedStrings(Part):
    """The texts that cells refer to, parsed only as far as they are needed."""

    def __init__(self, archive: Archive, name: str) -> None:
        super().__init__(archive, name)
        self._texts: list[str] = []
        self._pieces: list[str] = []
        self._inside = False
        self._phonetic = False

    def get(self, index: int) -> str:
        """Return one text. Raise `SpreadsheetError` where there is none."""
        while index >= len(self._texts):
            if not self.pump() and index >= len(self._texts):
                raise SpreadsheetError(DAMAGED)
        return self._texts[index]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "t":
            self._inside = not self._phonetic
        elif tag == "rPh":
            self._phonetic = True

    def _end(self, name: str) -> None:
        tag = name.rpartition(":")[2]
        if tag == "t":
            self._inside = False
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "si":
            self._texts.append(unescape("".join(self._pieces)))
            self._pieces.clear()

    def _characters(self, text: str) -> None:
        if self._inside:
            self._pieces.append(text)


def integer(text: str | None) -> int:
    """Read an attribute that is a whole number; 0 where it is missing."""
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise SpreadsheetError(DAMAGED)
    return int(text)


_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def unescape(text: str) -> str:
    """Undo _xHHHH_, which Excel writes for characters that XML can't hold."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(
        lambda match: (
            match[0] if 0xD800 <= (code := int(match[1], 16)) <= 0xDFFF or not code else chr(code)
        ),
        text,
    )
