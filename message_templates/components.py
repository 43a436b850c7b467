"""Read the components of a WhatsApp template: placeholders, rendering, why it can't be sent.

`components` is the list of dicts that WhatsApp describes a template by, as ChumiAI passes it
on, with upper-case `type` and `format`. Types that nobody has heard of and values of the wrong
type are expected: every function answers, none raises.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")

# Lengths in characters, from Meta's reference of template components.
HEADER_MAX = 60
BODY_MAX = 1024
BODY_ALONE_MAX = 32_768
FOOTER_MAX = 60

MEDIA_FORMATS = {"IMAGE": "image", "VIDEO": "video", "GIF": "video", "DOCUMENT": "document"}
# What a person gives for each campaign. A GIF goes through another API of Meta's.
SENDABLE_MEDIA = {"IMAGE", "VIDEO", "DOCUMENT"}
SENDABLE_BUTTONS = {"QUICK_REPLY", "URL", "PHONE_NUMBER"}

STATUS_REASONS = {
    "PENDING": "WhatsApp is still reviewing this template. That can take up to 24 hours.",
    "IN_APPEAL": "WhatsApp rejected this template, and an appeal is being looked at.",
    "REJECTED": "WhatsApp rejected this template. Change it in ChumiAI and submit it again.",
    "PAUSED": (
        "WhatsApp paused this template because people blocked or reported it. "
        "It can be sent again when WhatsApp lifts the pause."
    ),
    "DISABLED": "WhatsApp disabled this template for good. Make another one in ChumiAI.",
    "FLAGGED": "WhatsApp flagged this template for its low quality and may disable it.",
    "LOCKED": "WhatsApp locked this template, so it can't be sent at the moment.",
    "LIMIT_EXCEEDED": "Your WhatsApp account has too many templates, so this one is on hold.",
    "ARCHIVED": "This template was archived.",
    "DELETED": "This template was deleted in WhatsApp.",
    "PENDING_DELETION": "This template is being deleted in WhatsApp.",
}
COMPONENT_REASONS = {
    "CAROUSEL": "It is a carousel of cards, which can't be sent from here yet.",
    "LIMITED_TIME_OFFER": "It is a limited-time offer, which can't be sent from here yet.",
}
BUTTON_REASONS = {
    "COPY_CODE": "It has a button that copies a coupon code, which can't be filled in from here.",
    "OTP": "It has a button for a log-in code. Such templates are not for campaigns.",
    "CATALOG": "It has a button that opens a catalogue, which can't be sent from here yet.",
    "MPM": "It has a button that opens a list of products, which can't be sent from here yet.",
    "SPM": "It has a button that opens a product, which can't be sent from here yet.",
    "FLOW": "It has a button that opens a form in WhatsApp, which can't be sent from here yet.",
}


@dataclass(frozen=True)
class Header:
    """The line or the media above the body; `format` is TEXT, IMAGE, …, or what WhatsApp says."""

    format: str
    text: str = ""

    @property
    def media(self) -> str:
        """Name the kind of media in lower case, '' for a text or an unknown header."""
        return MEDIA_FORMATS.get(self.format, "")

    @property
    def media_name(self) -> str:
        """Name the kind of media as people do, '' for a text or an unknown header."""
        return "picture" if self.media == "image" else self.media


@dataclass(frozen=True)
class Button:
    """A button below the bubble; `kind` is QUICK_REPLY, URL, PHONE_NUMBER, …"""

    kind: str
    text: str = ""
    url: str = ""
    phone_number: str = ""


@dataclass(frozen=True)
class Content:
    """A template taken apart; `others` are the types that have no place of their own here."""

    header: Header | None = None
    body: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """Lengths of a rendered body: longer than `warn` is doubtful, longer than `error` fails."""

    warn: int
    error: int


@dataclass(frozen=True)
class Hint:
    """The words on either side of a placeholder, for whoever has to say what goes in."""

    before: str
    after: str


def parse(components: object) -> Content:
    """Take the components apart; of two of one type the first counts."""
    header: Header | None = None
    body = footer = ""
    buttons: tuple[Button, ...] = ()
    others = []
    for component in reversed(_dicts(components)):
        match _word(component.get("type")):
            case "HEADER":
                text = _text(component.get("text"))
                header = Header(_word(component.get("format")) or ("TEXT" if text else ""), text)
            case "BODY":
                body = _text(component.get("text"))
            case "FOOTER":
                footer = _text(component.get("text"))
            case "BUTTONS":
                buttons = tuple(_button(raw) for raw in _dicts(component.get("buttons")))
            case other:
                others.append(other)
    return Content(header, body, footer, buttons, tuple(reversed(others)))


def body_text(components: object) -> str:
    """Return the text of the body, placeholders and all."""
    return parse(components).body


def body_hash(components: object) -> str:
    """Return the SHA-256 of the body's text: equal as long as the same values fit it."""
    return sha256(body_text(components).encode(errors="surrogatepass")).hexdigest()


def placeholders(components: object, parameter_format: str = "POSITIONAL") -> list[str]:
    """List the body's placeholders once each, in the order in which their values are sent.

    Numbers go by their value, names by their first appearance.
    """
    names = list(dict.fromkeys(PLACEHOLDER.findall(body_text(components))))
    if _word(parameter_format) == "NAMED" or not all(name.isdigit() for name in names):
        return names
    # Compared as digits, since Python refuses to make an integer of thousands of them.
    return sorted(names, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))


def sample_values(components: object, parameter_format: str = "POSITIONAL") -> dict[str, str]:
    """Return the example values that were submitted with the body, by placeholder."""
    names = placeholders(components, parameter_format)
    for component in _dicts(components):
        if _word(component.get("type")) != "BODY":
            continue
        example = component.get("example")
        if not isinstance(example, dict):
            return {}
        named = {
            _text(pair.get("param_name")): _text(pair.get("example"))
            for pair in _dicts(example.get("body_text_named_params"))
        }
        samples = example.get("body_text")
        # WhatsApp documents a list of lists; one value also comes as a flat list or a string.
        if isinstance(samples, list) and samples and isinstance(samples[0], list):
            samples = samples[0]
        if isinstance(samples, str):
            samples = [samples]
        ordered = dict(
            zip(names, map(_text, samples if isinstance(samples, list) else []), strict=False)
        )
        return {name: value for name in names if (value := named.get(name) or ordered.get(name))}
    return {}


def why_not_sendable(
    *,
    components: object,
    parameter_format: str = "POSITIONAL",
    category: str = "",
    status: str = "APPROVED",
    vanished: bool = False,
) -> str:
    """Say in a sentence or two why a campaign can't use the template, '' when it can."""
    if vanished:
        return "ChumiAI no longer lists this template. It is kept for its history."
    if _word(status) != "APPROVED":
        return STATUS_REASONS.get(
            _word(status), "WhatsApp has not approved this template, so it can't be sent."
        )
    if _word(category) == "AUTHENTICATION":
        return "It is for log-in codes. Such templates are not for campaigns."
    template = parse(components)
    for other in template.others:
        return COMPONENT_REASONS.get(
            other, "It has a part that is not known here, so it can't be sent from here yet."
        )
    if not template.body.strip():
        return "It has no text that could be sent."
    names = placeholders(components, parameter_format)
    numbered = _word(parameter_format) != "NAMED" and any(name.isdigit() for name in names)
    if numbered and names != [str(number) for number in range(1, len(names) + 1)]:
        return "Its placeholders are not numbered 1, 2, 3 and so on, so values could be mixed up."
    return _why_not_header(template.header) or _why_not_buttons(template.buttons)


def warnings(
    *, components: object, parameter_format: str = "POSITIONAL", quality: str = ""
) -> list[str]:
    """List what a person should know before sending a template that can be sent."""
    found = []
    if _word(quality) == "YELLOW":
        found.append(
            "WhatsApp rates the quality of this template as medium. "
            "If more people block or report it, it may be paused."
        )
    if _word(quality) == "RED":
        found.append(
            "WhatsApp rates the quality of this template as low. "
            "It may be paused while your campaign is going out."
        )
    if _word(parameter_format) == "NAMED" and placeholders(components, parameter_format):
        found.append(
            "The placeholders of this template have names. ChumiAI describes numbered ones only, "
            "so send yourself a test first."
        )
    return found


def limits(components: object) -> Limits:
    """Return how long the rendered body may be.

    Meta allows 1,024 characters beside other components and 32,768 for a body alone, which
    other sources doubt; a limited-time offer has 600.
    """
    template = parse(components)
    if "LIMITED_TIME_OFFER" in template.others:
        return Limits(warn=600, error=600)
    if template.header or template.footer or template.buttons or template.others:
        return Limits(warn=BODY_MAX, error=BODY_MAX)
    return Limits(warn=BODY_MAX, error=BODY_ALONE_MAX)


def render(text: str, values: Mapping[str, str]) -> str:
    """Put the values in; a placeholder without a value stays as it is."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def hints(body: str, names: list[str], words: int = 4) -> dict[str, Hint]:
    """Return the words around the first appearance of each placeholder, on its own line."""
    found: dict[str, Hint] = {}
    for match in PLACEHOLDER.finditer(body):
        if match[1] in names and match[1] not in found:
            before = body[: match.start()].rpartition("\n")[2]
            after = body[match.end() :].partition("\n")[0]
            found[match[1]] = Hint(
                before="".join(re.findall(r"\S*\s*", before)[:-1][-words:]),
                after="".join(re.findall(r"\s*\S*", after)[:words]).rstrip(),
            )
    return found


def format_whatsapp(text: str, values: Mapping[str, str] | None = None) -> SafeString:
    """Render a text as the phone shows it, with the values marked and all else escaped.

    The values go in first, so that an asterisk in a value does here what it does on the phone.
    """
    # Safe, since every character of the text goes out through _Message._pieces().
    return mark_safe(_Message(text, values or {}).html())


# What WhatsApp does with a text. Its rules are known from its help pages and from trying, not
# from a specification: markers touch a non-space inside and a non-letter outside, and pair up
# within a line; code is taken literally; lines may be quotes or items of a list.

MARKERS = {"*": "strong", "_": "em", "~": "s"}
ATOM = re.compile(
    r"```(?P<block>(?=\s*[^\s`])(?:(?!```).)+)```"
    r"|`(?P<code>(?=[^`\n]*[^`\s])[^`\n]+)`"
    r"|(?<![^\W_])(?P<link>(?:https?://|www\.)[^\s<>]*[^\s<>.,;:!?)\]'\"*_~`])",
    re.DOTALL | re.IGNORECASE,
)
QUOTE, BULLET, NUMBER = re.compile(r"> ?"), re.compile(r"[*-] +"), re.compile(r"(\d{1,4})\. +")


@dataclass(frozen=True)
class _Atom:
    """A stretch in which markers mean nothing: `start`–`end` with its ends, inside without."""

    kind: str
    start: int
    end: int
    inside: tuple[int, int]


class _Message:
    """A text with its values put in, which remembers where every character came from."""

    def __init__(self, text: str, values: Mapping[str, str]):
        self.text = ""
        self.spans: list[tuple[int, int, str]] = []
        last = 0
        plain = []
        length = 0
        for match in PLACEHOLDER.finditer(text):
            shown = values.get(match[1])
            plain += [text[last : match.start()], match[0] if shown is None else shown]
            length += len(plain[-2])
            kind = "placeholder" if shown is None else "value"
            self.spans.append((length, length + len(plain[-1]), kind))
            length += len(plain[-1])
            last = match.end()
        self.text = "".join([*plain, text[last:]])
        self.atoms = {atom.start: atom for atom in self._find_atoms()}

    def _find_atoms(self) -> Iterator[_Atom]:
        taken = [(start, end) for start, end, kind in self.spans if kind == "placeholder"]
        for start, end in taken:
            yield _Atom("text", start, end, (start, end))
        for match in ATOM.finditer(self.text):
            kind = match.lastgroup or ""
            # A link that ends in the middle of a placeholder is none.
            if not any(start < match.end() < end for start, end in taken):
                yield _Atom(kind, match.start(), match.end(), match.span(kind))

    def html(self) -> str:
        """Return the whole text as HTML, line by line."""
        out: list[str] = []
        open_tag = content = ""
        for start, end in self._lines():
            tag, at, opening = self._line_kind(start, end)
            if tag != open_tag:
                # A break just before a block does not show: an empty line there needs its own.
                out.append("<br>" if start and not open_tag and not content else "")
                out.append(f"</{open_tag}>" if open_tag else "")
                out.append(opening)
            elif start and tag in ("", "blockquote"):
                out.append("<br>")
            content = self._inline(at, end, MARKERS)
            out.append(f"<li>{content}</li>" if tag in ("ul", "ol") else content)
            open_tag = tag
        out.append(f"</{open_tag}>" if open_tag else "")
        return "".join(out)

    def _lines(self) -> Iterator[tuple[int, int]]:
        """Yield the ends of each line; a block of code belongs to one line, whatever is in it."""
        start = at = 0
        while at < len(self.text):
            if atom := self.atoms.get(at):
                at = atom.end
            elif self.text[at] == "\n":
                yield start, at
                start = at = at + 1
            else:
                at += 1
        yield start, len(self.text)

    def _line_kind(self, start: int, end: int) -> tuple[str, int, str]:
        """Return the tag around a line ('' for none), where its words begin, and the opening."""
        if match := QUOTE.match(self.text, start, end):
            return "blockquote", match.end(), "<blockquote>"
        if (match := BULLET.match(self.text, start, end)) and match.end() < end:
            return "ul", match.end(), "<ul>"
        if (match := NUMBER.match(self.text, start, end)) and match.end() < end:
            return "ol", match.end(), f'<ol start="{int(match[1])}">'
        return "", start, ""

    def _inline(self, start: int, end: int, markers: Mapping[str, str]) -> str:
        out: list[str] = []
        hopeless: set[str] = set()
        at = done = start
        while at < end:
            atom = self.atoms.get(at)
            if atom and atom.end <= end:
                out += [self._pieces(done, at), self._atom(atom)]
                at = done = atom.end
                continue
            marker = self.text[at]
            if marker in markers and marker not in hopeless and self._opens(at, start, end):
                closing = self._closing(at, end)
                if closing:
                    tag = markers[marker]
                    rest = {other: markers[other] for other in markers if other != marker}
                    out.append(self._pieces(done, at))
                    out.append(f"<{tag}>{self._inline(at + 1, closing, rest)}</{tag}>")
                    at = done = closing + 1
                    continue
                # What closes nothing here closes nothing further on: without this, a long
                # text of lone asterisks would take quadratic time.
                hopeless.add(marker)
            at += 1
        out.append(self._pieces(done, end))
        return "".join(out)

    def _opens(self, at: int, start: int, end: int) -> bool:
        inside = self.text[at + 1 : at + 2] if at + 1 < end else ""
        outside = self.text[at - 1] if at > start else ""
        return bool(inside.strip()) and inside != self.text[at] and not outside.isalnum()

    def _closing(self, opening: int, end: int) -> int:
        """Return where the marker at `opening` is closed before `end`, 0 for nowhere."""
        marker, at = self.text[opening], opening + 1
        while at < end:
            if (atom := self.atoms.get(at)) and atom.end <= end:
                at = atom.end
                continue
            if self.text[at] == marker and at > opening + 1:
                outside = self.text[at + 1] if at + 1 < end else ""
                if self.text[at - 1].strip() and not outside.isalnum():
                    return at
            at += 1
        return 0

    def _atom(self, atom: _Atom) -> str:
        inside = self._pieces(*atom.inside)
        match atom.kind:
            case "block" | "code":
                return f"<code>{inside}</code>"
            case "link":
                # Not a real link: nobody should visit an offer from a preview by accident.
                return f'<span class="link">{inside}</span>'
            case _:
                return inside

    def _pieces(self, start: int, end: int) -> str:
        """Escape a stretch, with what came from a placeholder marked. Only here text gets out."""
        out = []
        at = start
        for span_start, span_end, kind in self.spans:
            left, right = max(at, span_start), min(end, span_end)
            if left < right:
                out += [_escape(self.text[at:left])]
                out += [f'<span class="{kind}">{_escape(self.text[left:right])}</span>']
                at = right
        return "".join([*out, _escape(self.text[at:end])])


def _why_not_header(header: Header | None) -> str:
    if header is None:
        return ""
    if header.format == "TEXT":
        if PLACEHOLDER.search(header.text):
            return "Its header has a placeholder, and only the body can be filled in from here."
        return ""
    if header.format in SENDABLE_MEDIA:
        return ""
    if header.format == "GIF":
        return "It needs a moving picture (GIF) in its header, which can't be sent from here yet."
    if header.format == "LOCATION":
        return "It needs a place in its header, which can't be sent from here yet."
    return "Its header is of a kind that is not known here, so it can't be sent from here yet."


def _why_not_buttons(buttons: tuple[Button, ...]) -> str:
    for button in buttons:
        if button.kind == "URL" and PLACEHOLDER.search(button.url):
            return "One of its buttons has a link with a placeholder: only the body can be filled."
        if button.kind not in SENDABLE_BUTTONS:
            return BUTTON_REASONS.get(
                button.kind, "It has a button of a kind that is not known here."
            )
    return ""


def _button(raw: dict[str, Any]) -> Button:
    return Button(
        kind=_word(raw.get("type")),
        text=_text(raw.get("text")),
        url=_text(raw.get("url")),
        phone_number=_text(raw.get("phone_number")),
    )


def _escape(text: str) -> str:
    return str(escape(text)).replace("\n", "<br>")


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _word(value: object) -> str:
    return _text(value).strip().upper()
