"""Parse the components of a WhatsApp template, find its placeholders and render its text.

`components` is WhatsApp's list of dicts, as ChumiAI passes it on, with upper-case `type` and
`format`. Unknown types and values of the wrong type are expected: no function raises on them.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

PLACEHOLDER = re.compile(r"(?<!\{)\{\{\s*([A-Za-z0-9_]+)\s*\}\}(?!\})")
# Braces as a placeholder has them: of one that is not known here, or of half a one.
BRACES = re.compile(r"\{\s*\{|\}\s*\}")

# Cards of a carousel, from the same.
MOST_CARDS = 10
# Lengths in characters, from Meta's reference of template components.
BODY_MAX = 1024
BODY_ALONE_MAX = 32_768

MEDIA_FORMATS = {"IMAGE": "image", "VIDEO": "video", "GIF": "video", "DOCUMENT": "document"}
MEDIA_NAMES = {"image": _("image"), "video": _("video"), "document": _("document")}
# The words that WhatsApp puts on a button without a text of its own.
BUTTON_TEXTS = {
    "COPY_CODE": _("Copy offer code"),
    "OTP": _("Copy code"),
    "CATALOG": _("View catalogue"),
    "MPM": _("View items"),
    "SPM": _("View"),
    "FLOW": _("View"),
    "VOICE_CALL": _("Call"),
    "REQUEST_CONTACT_INFO": _("Share contact details"),
    "CALL_PERMISSION_REQUEST": _("Choose preference"),
    "SEND_LOCATION": _("Send location"),
    "REMINDER": _("Set a reminder"),
    "ORDER_DETAILS": _("Review and pay"),
}
BUTTON_ICONS = {
    "URL": "external-link",
    "APP": "external-link",
    "PHONE_NUMBER": "phone",
    "VOICE_CALL": "phone",
    "COPY_CODE": "copy",
    "OTP": "copy",
    "CATALOG": "shopping-bag",
    "MPM": "list",
    "SPM": "shopping-bag",
    "FLOW": "forms",
    "REQUEST_CONTACT_INFO": "address-book",
    "SEND_LOCATION": "map-pin",
    "REMINDER": "clock",
    "ORDER_DETAILS": "shopping-bag",
}


@dataclass(frozen=True)
class Header:
    """The line or the media above the body; `format` is WhatsApp's word: TEXT, IMAGE, …"""

    format: str
    text: str = ""

    @property
    def media(self) -> str:
        """Return image, video or document, '' for a text or an unknown header."""
        return MEDIA_FORMATS.get(self.format, "")

    @property
    def media_name(self) -> str:
        """Return the kind of media for people, '' for a text or an unknown header."""
        return str(MEDIA_NAMES.get(self.media, ""))


@dataclass(frozen=True)
class Button:
    """A button below the bubble; `kind` is QUICK_REPLY, URL, PHONE_NUMBER, …

    `code` is the example of a coupon code.
    """

    kind: str
    text: str = ""
    url: str = ""
    phone_number: str = ""
    code: str = ""

    @property
    def shown_text(self) -> str:
        """Return what is on the button."""
        return self.text or str(BUTTON_TEXTS.get(self.kind, _("Button")))

    @property
    def icon(self) -> str:
        """Return the name of its icon; that of a reply for a kind that is not known."""
        return BUTTON_ICONS.get(self.kind, "arrow-back-up")


@dataclass(frozen=True)
class Offer:
    """The box of a limited-time offer; `ends` is True if it shows when the offer ends."""

    text: str
    ends: bool
    code: str = ""


@dataclass(frozen=True)
class Content:
    """The content of a template, or of a card of a carousel.

    `others` are the types of its other components.
    """

    header: Header | None = None
    body: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    others: tuple[str, ...] = ()
    cards: tuple["Content", ...] = ()
    offer: Offer | None = None

    @property
    def body_html(self) -> SafeString:
        """Return the body as the phone shows it, with its placeholders marked."""
        return format_whatsapp(self.body)

    @property
    def shows_catalogue(self) -> bool:
        return self._has_button("CATALOG")

    @property
    def shows_products(self) -> bool:
        return self._has_button("MPM")

    @property
    def asks_to_call(self) -> bool:
        return "CALL_PERMISSION_REQUEST" in self.others

    def _has_button(self, kind: str) -> bool:
        return any(button.kind == kind for button in self.buttons)


@dataclass(frozen=True)
class Limits:
    """Lengths of a rendered body: above `warn` it may fail, above `error` it fails."""

    warn: int
    error: int


@dataclass(frozen=True)
class Hint:
    """The words before and after a placeholder, to show what belongs there."""

    before: str
    after: str


def parse(components: object, depth: int = 1) -> Content:
    """Return the content; the first of two components of one type wins.

    `depth` is how deep carousels are looked into: a card has no cards of its own.
    """
    header: Header | None = None
    body = footer = ""
    buttons: tuple[Button, ...] = ()
    cards: tuple[Content, ...] = ()
    offer: Offer | None = None
    others = []
    for component in reversed(_dicts(components)):
        match constant(component.get("type")):
            case "HEADER":
                text = _text(component.get("text"))
                header = Header(
                    constant(component.get("format")) or ("TEXT" if text else ""), text
                )
            case "BODY":
                body = _text(component.get("text"))
            case "FOOTER":
                footer = _text(component.get("text"))
            case "BUTTONS":
                buttons = tuple(_button(raw) for raw in _dicts(component.get("buttons")))
            case other:
                others.append(other)
                if other == "CAROUSEL" and depth:
                    given = _dicts(component.get("cards"))[:MOST_CARDS]
                    cards = tuple(parse(card.get("components"), depth - 1) for card in given)
                if other == "LIMITED_TIME_OFFER":
                    offer = _offer(component.get("limited_time_offer"))
    if offer:
        offer = replace(offer, code=next((b.code for b in buttons if b.code), ""))
    return Content(header, body, footer, buttons, tuple(reversed(others)), cards, offer)


def _offer(given: object) -> Offer:
    fields = given if isinstance(given, dict) else {}
    return Offer(_text(fields.get("text")), ends=fields.get("has_expiration") is True)


def body_text(components: object) -> str:
    """Return the text of the body, with its placeholders."""
    return parse(components).body


def has_braces(text: str) -> bool:
    """Return True if a text has the braces of a placeholder, whatever is between them.

    Braces of full width, percent-encoded ones and those with invisible characters count.
    """
    plain = unicodedata.normalize("NFKC", unquote(text))
    return bool(BRACES.search("".join(c for c in plain if unicodedata.category(c) != "Cf")))


def has_unknown_braces(text: str) -> bool:
    """Return True if braces are left over once the placeholders of a text are filled in."""
    return has_braces(PLACEHOLDER.sub("x", text))


def texts_outside_body(components: object) -> Iterator[tuple[str, str]]:
    """Yield (type of the component, text) of all that a person sees or opens, except bodies.

    Examples are left out: they are not sent.
    """
    for component in _dicts(components):
        kind = constant(component.get("type"))
        if kind != "BODY":
            for text in _texts(component):
                yield kind, text


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key != "example":
                yield from _texts(item)


def placeholders(components: object, parameter_format: str = "") -> list[str]:
    """Return the body's placeholders once each, in the order in which their values are sent.

    Numbers are sorted by value, names by their first appearance. The text alone says which they
    are: `parameter_format`, ChumiAI's word for it, may be missing or wrong and is not looked at.
    """
    names = list(dict.fromkeys(PLACEHOLDER.findall(body_text(components))))
    if not all(name.isdigit() for name in names):
        return names
    # Compared as texts: Python refuses to convert thousands of digits to an integer.
    return sorted(names, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))


def sample_values(components: object, parameter_format: str = "") -> dict[str, str]:
    """Return the example values that WhatsApp approved the body with, by placeholder."""
    names = placeholders(components)
    for component in _dicts(components):
        if constant(component.get("type")) != "BODY":
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


def limits(components: object) -> Limits:
    """Return how long the rendered body may be.

    Meta's reference: 1,024 characters beside other components, 32,768 for a body alone, 600 in a
    limited-time offer. Other sources doubt the 32,768, hence the warning.
    """
    content = parse(components)
    if "LIMITED_TIME_OFFER" in content.others:
        return Limits(warn=600, error=600)
    if content.header or content.footer or content.buttons or content.others:
        return Limits(warn=BODY_MAX, error=BODY_MAX)
    return Limits(warn=BODY_MAX, error=BODY_ALONE_MAX)


def render(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders by their values; one without a value stays."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def hints(body: str, names: list[str], words: int = 4) -> dict[str, Hint]:
    """Return the words around the first appearance of each placeholder, within its line."""
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
    """Return a text as HTML that looks as on the phone, with the values marked.

    The values are put in before the formatting, so that an asterisk in a value has the same effect
    as on the phone.
    """
    # Safe: _Message._pieces() escapes every character of the text.
    return mark_safe(_Message(text, values or {}).html())


# How WhatsApp formats a text, from its help pages and from trying, as there is no specification:
# a marker touches a non-space inside and a non-letter outside, and is closed within its line; code
# is literal; a line may be a quote or an item of a list.

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
    """A code, link or placeholder, in which markers mean nothing; `inside` excludes its ticks."""

    kind: str
    start: int
    end: int
    inside: tuple[int, int]


class _Message:
    """A text with its values put in; `spans` are where values and open placeholders stand."""

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
            # Not a link if it ends in the middle of a placeholder.
            if not any(start < match.end() < end for start, end in taken):
                yield _Atom(kind, match.start(), match.end(), match.span(kind))

    def html(self) -> str:
        """Return the whole text as HTML, line by line."""
        out: list[str] = []
        open_tag = content = ""
        for start, end in self._lines():
            tag, at, opening = self._line_kind(start, end)
            if tag != open_tag:
                # HTML drops a line break before a block, so an empty line there needs another.
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
        """Yield start and end of each line; a block of code belongs to one line."""
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
        """Return the tag around a line or '', where its text starts, and the opening tag."""
        if match := QUOTE.match(self.text, start, end):
            return "blockquote", match.end(), "<blockquote>"
        if (match := BULLET.match(self.text, start, end)) and match.end() < end:
            return "ul", match.end(), "<ul>"
        if (match := NUMBER.match(self.text, start, end)) and match.end() < end:
            return "ol", match.end(), f'<ol start="{int(match[1])}">'
        return "", start, ""

    def _inline(self, start: int, end: int, markers: Mapping[str, str]) -> str:
        out: list[str] = []
        unclosed: set[str] = set()
        at = done = start
        while at < end:
            atom = self.atoms.get(at)
            if atom and atom.end <= end:
                out += [self._pieces(done, at), self._atom(atom)]
                at = done = atom.end
                continue
            marker = self.text[at]
            if marker in markers and marker not in unclosed and self._opens(at, start, end):
                closing = self._closing(at, end)
                if closing:
                    tag = markers[marker]
                    rest = {other: markers[other] for other in markers if other != marker}
                    out.append(self._pieces(done, at))
                    out.append(f"<{tag}>{self._inline(at + 1, closing, rest)}</{tag}>")
                    at = done = closing + 1
                    continue
                # It has no closing marker further on either. Without this, a long text of lone
                # asterisks would take quadratic time.
                unclosed.add(marker)
            at += 1
        out.append(self._pieces(done, end))
        return "".join(out)

    def _opens(self, at: int, start: int, end: int) -> bool:
        inside = self.text[at + 1 : at + 2] if at + 1 < end else ""
        outside = self.text[at - 1] if at > start else ""
        return bool(inside.strip()) and inside != self.text[at] and not outside.isalnum()

    def _closing(self, opening: int, end: int) -> int:
        """Return the position of the marker that closes `opening` before `end`, or 0."""
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
                # No real link: a preview should not open an offer by accident.
                return f'<span class="link">{inside}</span>'
            case _:
                return inside

    def _pieces(self, start: int, end: int) -> str:
        """Return a stretch escaped, with values and open placeholders marked."""
        out = []
        at = start
        for span_start, span_end, kind in self.spans:
            left, right = max(at, span_start), min(end, span_end)
            if left < right:
                out += [_escape(self.text[at:left])]
                out += [f'<span class="{kind}">{_escape(self.text[left:right])}</span>']
                at = right
        return "".join([*out, _escape(self.text[at:end])])


def _button(raw: dict[str, Any]) -> Button:
    example = raw.get("example")
    # WhatsApp documents a text for a coupon code, and a list for a link.
    code = example[0] if isinstance(example, list) and example else example
    kind = constant(raw.get("type"))
    return Button(
        kind=kind,
        code=_text(code) if kind == "COPY_CODE" else "",
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


def constant(value: object) -> str:
    """Return a constant of WhatsApp's in upper case, '' for a value that is no text."""
    return _text(value).strip().upper()
