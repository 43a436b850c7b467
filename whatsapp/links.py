"""Ask a public link what it leads to, without letting anybody reach an inner address.

Whoever types a link must not make this server knock at its own network. So the link names a
server by its name, over https, at the usual port; the name is looked up once, and every address
that it has must be public; the connection goes to an address of that very answer, so that a name
which changes its mind in between (DNS rebinding) changes nothing; no redirect is followed, since
it would lead past all of this. Neither proxies nor netrc nor cookies play a part: the request is
written by the standard library's plain connection over a socket of our own.

People are told in plain words what is wrong, and never an address or a line of an answer. What
can't be reached and what may not be reached have the same words, so that nobody can learn from
them which inner names exist.
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
from whatsapp.media import HEAD_BYTES, Answer, Kind, Seen, judge

SECONDS = 15.0
CONNECT_SECONDS = 5.0
# So many addresses of a name are tried.
MAX_ADDRESSES = 3
MAX_LENGTH = 2000

SIGNS = re.compile(r"[!#-;=?-\[\]_a-z~]+")
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# A last label that begins with a digit would make a number of the whole: 127.1, 0x7f.1 …
NAME = re.compile(rf"(?:{LABEL}\.)+(?!\d){LABEL}")

# What some version of Python calls global and still leads elsewhere: relays of tunnels, and
# addresses for protocols.
NOT_PUBLIC_4 = [IPv4Network(net) for net in ("192.0.0.0/24", "192.88.99.0/24")]
PUBLIC_6 = IPv6Network("2000::/3")
NOT_PUBLIC_6 = [IPv6Network(net) for net in ("2001::/23", "2002::/16", "3fff::/20")]

NO_LINK = "This is not the link of a file. It begins with https://."
NOT_SECURE = "WhatsApp takes only links that begin with https://."
TOO_LONG = f"This link is longer than {MAX_LENGTH:,} characters."
ODD_SIGNS = (
    "This link has characters that a link can't have. "
    "Open it in a browser and copy it from the address bar."
)
LOG_IN = (
    "This link holds a user name or a password. WhatsApp takes only links that anyone can open."
)
PORT = "This link names a port (a colon and a number). Give one without it."
NO_NAME = "This link does not name a server, as https://example.com/ does."
CANT_OPEN = (
    "We could not open this link. It must be one that anyone on the internet can open, "
    "without a log-in."
)
NOT_THERE = "There is nothing at this link. Check that you copied all of it."
NOT_FOR_ALL = "This link is not open to everyone. WhatsApp takes only links without a log-in."
LEADS_ON = (
    "This link leads on to another one. "
    "Open it in a browser, and copy the link at which you arrive."
)

Resolve = Callable[[str, int], list[str]]


class BadLink(Exception):
    """The link can't be used; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link taken apart. A trusted one is the administrator's: it may lead anywhere."""

    secure: bool
    host: str
    port: int
    authority: str
    target: str
    trusted: bool


def look_at(
    kind: Kind,
    link: str,
    *,
    test_urls: Iterable[str] = (),
    seconds: float = SECONDS,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
) -> Seen:
    """Ask the link, and say whether WhatsApp would take what it leads to as that kind of media.

    `test_urls` are beginnings of links that may lead inside. Whatever the network does is a
    problem in words, never an exception.
    """
    try:
        answer = _ask(read(link, test_urls), seconds, resolve or look_up, context)
    except BadLink as problem:
        return Seen(problem=str(problem))
    return judge(kind, answer)


def read(text: str, test_urls: Iterable[str] = ()) -> Link:
    """Take a link apart. Raise `BadLink` where it is none that WhatsApp could use."""
    if len(text) > MAX_LENGTH:
        raise BadLink(TOO_LONG)
    if not re.match(r"https?://", text, re.IGNORECASE):
        raise BadLink(NO_LINK)
    if not SIGNS.fullmatch(text):
        # Libraries that read links disagree about backslashes, blanks and line ends.
        raise BadLink(ODD_SIGNS)
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
    """Say whether an address is one of the open internet, and no way around to another.

    An IPv6 address that carries one of IPv4 (mapped, 6to4, Teredo, NAT64) is none.
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
    """Return the addresses of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_below(parts: SplitResult, base: SplitResult) -> bool:
    """Say whether a link lies below another, whatever its dots and %-signs would like."""
    return (
        (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
        and parts.path.startswith(base.path)
        and ".." not in re.split(r"[/\\]", unquote(parts.path))
    )


def _ask(link: Link, seconds: float, resolve: Resolve, context: ssl.SSLContext | None) -> Answer:
    with Watchdog(seconds) as watchdog:
        try:
            addresses = _in_time(resolve, link, watchdog.remaining)
            if not link.trusted and not all(is_public(address) for address in addresses):
                raise BadLink(CANT_OPEN)
            with closing(_connect(addresses, link.port, watchdog)) as plain:
                if not link.secure:
                    watchdog.watch(plain)
                    return _get(plain, link)
                # The handshake keeps the time-out as a whole; the watchdog needs its socket.
                plain.settimeout(watchdog.remaining)
                context = context or ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
                with context.wrap_socket(plain, server_hostname=link.host) as secure:
                    watchdog.watch(secure)
                    return _get(secure, link)
        except (OSError, HTTPException, ValueError):
            # What happened is the network's own affair, and its words may name an address.
            raise BadLink(CANT_OPEN) from None


def _in_time(resolve: Resolve, link: Link, seconds: float) -> list[str]:
    """Look the name up in a thread that can be left behind: a look-up has no time-out."""
    made: Future[list[str]] = Future()

    def run() -> None:
        try:
            made.set_result(resolve(link.host, link.port))
        except BaseException as error:
            made.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return made.result(timeout=seconds)


def _connect(addresses: list[str], port: int, watchdog: Watchdog) -> socket.socket:
    """Connect to the first of the addresses that answers. Raise OSError."""
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
    """Ask for the file, and read no more of it than its first bytes. Raise `BadLink`."""
    connection = HTTPConnection(link.host, link.port)
    connection.sock = sock
    connection.request(
        "GET",
        link.target,
        headers={
            "Host": link.authority,
            "User-Agent": "ChumiAdmin",
            "Accept": "*/*",
            # A packed answer would tell neither the size nor the first bytes of the file.
            "Accept-Encoding": "identity",
            "Connection": "close",
        },
    )
    with connection.getresponse() as response:
        if response.status != 200:
            raise BadLink(_why_not(response.status))
        packed = response.headers.get("Content-Encoding", "identity").lower() != "identity"
        size = None if packed else response.length
        head = response.read(HEAD_BYTES)
        if size is not None and len(head) < min(size, HEAD_BYTES):
            raise BadLink(CANT_OPEN)
        declared = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(declared=declared, size=size, head=head)


def _why_not(status: int) -> str:
    if 300 <= status < 400:
        return LEADS_ON
    if status in (401, 403, 407):
        return NOT_FOR_ALL
    return NOT_THERE if status in (404, 410) else CANT_OPEN
