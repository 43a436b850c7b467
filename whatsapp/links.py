"""Fetch the first bytes behind a public link, without reaching an address of our own network.

A user types the link, so it must not make this server send requests into its own network (SSRF):
- the link has a host name, https and the default port;
- the name is looked up once, and each of its addresses must be public;
- the connection uses an address of that same answer, so DNS rebinding changes nothing;
- no redirect is followed, as it would skip these checks;
- no proxy, netrc or cookie is used: the request goes over a socket of our own.

A problem is a sentence that never quotes an address or the answer. A host that can't be reached
and one that may not be reached have the same sentence, so a user can't find out which
internal names exist.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from chumi_api.transport import Watchdog
from core.sentences import Sentence
from core.sentences import gettext_noop as _
from whatsapp.media import HEAD_BYTES, Answer, Kind, MediaCheck, check_file

SECONDS = 15.0
CONNECT_SECONDS = 5.0
# Addresses of a name that are tried.
MAX_ADDRESSES = 3
MAX_LENGTH = 2000

CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~]+")
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# A last label that starts with a digit would make the name an address: 127.1, 0x7f.1 …
NAME = re.compile(rf"(?:{LABEL}\.)+(?!\d){LABEL}")

# Addresses that some versions of Python call global but that lead elsewhere: relays of tunnels,
# and addresses of protocols.
NOT_PUBLIC_4 = [IPv4Network(net) for net in ("192.0.0.0/24", "192.88.99.0/24")]
PUBLIC_6 = IPv6Network("2000::/3")
NOT_PUBLIC_6 = [IPv6Network(net) for net in ("2001::/23", "2002::/16", "3fff::/20")]

NO_LINK = _("This is not a link to a file. It starts with https://.")
NOT_SECURE = _("WhatsApp accepts only links that start with https://.")
TOO_LONG = Sentence(_("This link is longer than {limit} characters."), {"limit": MAX_LENGTH})
ODD_CHARACTERS = _(
    "This link has characters that a link can't have. "
    "Open it in a browser and copy it from the address bar."
)
LOG_IN = _(
    "This link holds a user name or a password. WhatsApp accepts only links that anyone can open."
)
PORT = _("This link has a port (a colon and a number). Use a link without it.")
NO_NAME = _("This link has no server name, such as example.com.")
CANT_OPEN = _(
    "We could not open this link. It must be one that anyone on the internet can open, "
    "without a log-in."
)
NOT_THERE = _("There is nothing at this link. Check that you copied all of it.")
NOT_PUBLIC = _("This link is not open to everyone. WhatsApp accepts only links without a log-in.")
REDIRECTED = _(
    "This link leads to another link. "
    "Open it in a browser, and copy the link in the address bar when the file is open."
)

Resolve = Callable[[str, int], list[str]]


class BadLink(Exception):
    """The link can't be used; `sentence` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Link:
    """A parsed link. A trusted one is set by the administrator and may lead to any address."""

    secure: bool
    host: str
    port: int
    authority: str
    target: str
    trusted: bool


def check_link(
    kind: Kind,
    link: str,
    *,
    test_urls: Iterable[str] = (),
    seconds: float = SECONDS,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
) -> MediaCheck:
    """Fetch the link and check whether WhatsApp would accept the file as that kind of media.

    Links below one of `test_urls` are trusted. A failure of the network is a problem as a
    sentence, never an exception.
    """
    try:
        answer = _fetch(parse(link, test_urls), seconds, resolve or look_up, context)
    except BadLink as problem:
        return MediaCheck(problem=problem.sentence)
    return check_file(kind, answer)


def parse(text: str, test_urls: Iterable[str] = ()) -> Link:
    """Parse a link. Raise `BadLink` if WhatsApp could not use it."""
    if len(text) > MAX_LENGTH:
        raise BadLink(TOO_LONG)
    if not re.match(r"https?://", text, re.IGNORECASE):
        raise BadLink(NO_LINK)
    if not CHARACTERS.fullmatch(text):
        # Parsers of links disagree about backslashes, spaces and line ends.
        raise BadLink(ODD_CHARACTERS)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadLink(NO_LINK) from None
    secure = parts.scheme == "https"
    trusted = any(_is_below(parts, urlsplit(url)) for url in test_urls)
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise BadLink(LOG_IN)
    if not trusted:
        if not secure:
            raise BadLink(NOT_SECURE)
        if port not in (None, 443):
            raise BadLink(PORT)
        if len(host) > 253 or not NAME.fullmatch(host):
            raise BadLink(NO_NAME)
    return Link(
        secure=secure,
        host=host,
        port=port or (443 if secure else 80),
        authority=parts.netloc if trusted else host,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        trusted=trusted,
    )


def is_public(text: str) -> bool:
    """Return True if an address is on the public internet and leads to no other address.

    An IPv6 address that contains an IPv4 address (mapped, 6to4, Teredo, NAT64) is not public.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address):
        return address in PUBLIC_6 and not any(address in net for net in NOT_PUBLIC_6)
    return not any(address in net for net in NOT_PUBLIC_4)


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_below(parts: SplitResult, base: SplitResult) -> bool:
    """Return True if a link is below another; dots and %-escapes can't lead out of it."""
    return (
        (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
        and parts.path.startswith(base.path)
        and ".." not in re.split(r"[/\\]", unquote(parts.path))
    )


def _fetch(link: Link, seconds: float, resolve: Resolve, context: ssl.SSLContext | None) -> Answer:
    with Watchdog(seconds) as watchdog:
        try:
            addresses = _in_time(resolve, link, watchdog.remaining)
            if not link.trusted and not all(is_public(address) for address in addresses):
                raise BadLink(CANT_OPEN)
            with closing(_connect(addresses, link.port, watchdog)) as plain:
                if not link.secure:
                    watchdog.watch(plain)
                    return _get(plain, link)
                # The time-out limits the handshake; the watchdog takes over after it.
                plain.settimeout(watchdog.remaining)
                context = context or ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
                with context.wrap_socket(plain, server_hostname=link.host) as secure:
                    watchdog.watch(secure)
                    return _get(secure, link)
        except (OSError, HTTPException, ValueError):
            # The words of the network may name an address.
            raise BadLink(CANT_OPEN) from None


def _in_time(resolve: Resolve, link: Link, seconds: float) -> list[str]:
    """Look the name up in a thread that can be abandoned: a look-up has no time-out."""
    made: Future[list[str]] = Future()

    def run() -> None:
        try:
            made.set_result(resolve(link.host, link.port))
        except BaseException as error:
            made.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return made.result(timeout=seconds)


def _connect(addresses: list[str], port: int, watchdog: Watchdog) -> socket.socket:
    """Connect to the first address that answers. Raise OSError."""
    problem = OSError("no address")
    for address in addresses[:MAX_ADDRESSES]:
        try:
            return socket.create_connection(
                (address, port), timeout=min(CONNECT_SECONDS, watchdog.remaining)
            )
        except OSError as error:
            problem = error
    raise problem


def _get(sock: socket.socket, link: Link) -> Answer:
    """Request the file, and read only its first bytes. Raise `BadLink`."""
    connection = HTTPConnection(link.host, link.port)
    connection.sock = sock
    connection.request(
        "GET",
        link.target,
        headers={
            "Host": link.authority,
            "User-Agent": "ChumiAdmin",
            "Accept": "*/*",
            # A compressed answer shows neither the size nor the first bytes of the file.
            "Accept-Encoding": "identity",
            "Connection": "close",
        },
    )
    with connection.getresponse() as response:
        if response.status != 200:
            raise BadLink(_problem_of(response.status))
        packed = response.headers.get("Content-Encoding", "identity").lower() != "identity"
        size = None if packed else response.length
        head = response.read(HEAD_BYTES)
        if size is not None and len(head) < min(size, HEAD_BYTES):
            raise BadLink(CANT_OPEN)
        declared = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(declared=declared, size=size, head=head)


def _problem_of(status: int) -> str:
    if 300 <= status < 400:
        return REDIRECTED
    if status in (401, 403, 407):
        return NOT_PUBLIC
    return NOT_THERE if status in (404, 410) else CANT_OPEN
