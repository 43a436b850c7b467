"""Read ChumiAI's answers, whatever their shape. Pure: text and JSON in, values or errors out.

The response bodies of ChumiAI are not documented. Every assumption about them is a literal
table at the top of this module; below are the few functions that apply the tables. Nothing
here raises anything but a ChumiError, whatever comes in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qsl, urlsplit

from chumi_api.errors import (
    ChumiError,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from chumi_api.types import (
    BulkAccepted,
    BulkJob,
    Contact,
    ContactGroup,
    JobState,
    Media,
    Message,
    MessageStatus,
    RowResult,
    SendResult,
    SyncResult,
    Template,
)

# JSON after `load`: no NaN, no NUL, no lone surrogate, and nothing deeper than MAX_DEPTH.
JSON: TypeAlias = Any
Object: TypeAlias = dict[str, Any]
T = TypeVar("T")

MAX_DEPTH = 24
MAX_NAME = 512
MAX_TEXT = 32_768
MAX_LINK = 2_000
MAX_COUNT = 2_000_000_000


@lru_cache(maxsize=4096)
def fold(key: str) -> str:
    """Fold a key for comparison: `job_id`, `jobId` and `Job-ID` are the same."""
    return re.sub(r"[_\- ]", "", key).lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@lru_cache(maxsize=256)
def _aliases(words: str) -> tuple[tuple[str, ...], ...]:
    """Split a line of aliases into folded paths: "data.messages.0.id" descends."""
    paths = (tuple(fold(part) for part in word.split(".")) for word in words.split())
    return tuple(dict.fromkeys(paths))


# --- Assumed: envelopes, ids and pagination ---------------------------------------------------

ENVELOPES = ("data", "result", "results", "payload", "response", "body")
LISTS = ("items", "docs", "rows", "records", "list", "content", "edges")
MAX_ENVELOPES = 3

ANY_ID = "id _id uuid key"
PAGE_BLOCKS = ("pagination", "meta", "paging", "pageInfo", "links")
_PAGE_BLOCK_KEYS = frozenset(fold(name) for name in PAGE_BLOCKS)
PAGE = _aliases("page currentPage pageNumber")
PAGE_FROM_ZERO = _aliases("pageIndex number")
TOTAL_ITEMS = _aliases("total totalItems totalCount totalDocs totalElements recordsTotal")
TOTAL_PAGES = _aliases("totalPages pages pageCount lastPage")
MORE = _aliases("hasNext hasNextPage hasMore next")
NEXT = _aliases("next nextPage nextPageUrl")
_NEXT_KEYS = frozenset(path[0] for path in NEXT)
CURSOR_AFTER = _aliases("cursors.after endCursor")
CURSOR = _aliases("nextCursor cursor")
NEXT_PARAMETERS = ("page", "offset", "skip", "after", "cursor", "pageToken", "page_token")

# --- Errors: the form {error, message, statusCode} is documented, the rest is assumed --------

ERROR_MESSAGE = _aliases(
    "message msg detail details description error.message error.error_user_msg"
    " errors.0.message errors.0.msg error title"
)
META_CODE = _aliases(
    "error.code error.error.code metaError.code whatsappError.code errorCode"
    " errors.0.code details.error.code"
)
META_CODE_IN_TEXT = re.compile(r"\(#(\d{1,7})\)|\b(13\d{4}|368|190)\b")
META_DETAILS = _aliases(
    "error.error_data.details error.error.error_data.details error_data.details details"
)
REQUEST_ID = _aliases("fbtrace_id error.fbtrace_id requestId traceId")
REQUEST_ID_HEADERS = ("x-request-id", "x-correlation-id", "x-trace-id")
REQUIRED_SCOPE = re.compile(r"required scope:?\s*([a-z]+:[a-z]+)", re.IGNORECASE)
SUCCESS = _aliases("success")

# --- Assumed: templates ----------------------------------------------------------------------

TEMPLATE_NAMES = ("templates", "template", "messageTemplates")
TEMPLATE_ID = _aliases(
    "id _id templateId metaTemplateId hsm_id message_template_id wabaTemplateId uuid key"
)
TEMPLATE_NAME = _aliases("name templateName elementName")
LANGUAGE = _aliases("language language.code languageCode lang locale")
TEMPLATE_STATUS = _aliases("status templateStatus approvalStatus state")
CATEGORY = _aliases("category templateCategory type")
COMPONENTS = _aliases("components template.components metaTemplate.components structure")
PARAMETER_FORMAT = _aliases("parameter_format")
QUALITY = _aliases("quality_score.score qualityScore qualityScore.score quality quality.score")
REJECTED_REASON = _aliases("rejected_reason reason")
HEADER_TEXT = _aliases("header header.text headerText")
HEADER_FORMAT = _aliases("headerType headerFormat header.format header.type")
HEADER_URL = _aliases("headerMediaUrl headerUrl header.url header.mediaUrl")
BODY_TEXT = _aliases("body body.text bodyText content text message")
FOOTER_TEXT = _aliases("footer footer.text footerText")
BUTTONS = _aliases("buttons buttonList ctaButtons")
HEADER_FORMATS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
# The keys of a component that our own code reads, in Meta's spelling.
COMPONENT_KEYS = {
    fold(key): key
    for key in _words(
        "type format text example buttons cards components url phone_number otp_type"
        " limited_time_offer body_text body_text_named_params header_text"
        " header_text_named_params header_handle param_name"
    )
}

SYNC_TOTAL = _aliases("synced count templatesSynced total")
SYNC_CREATED = _aliases("created added new createdCount")
SYNC_UPDATED = _aliases("updated changed updatedCount")
SYNC_REMOVED = _aliases("removed deleted removedCount")
SYNC_BUSY = _aliases("is_syncing inProgress")

# --- Assumed: sending ------------------------------------------------------------------------

MESSAGE_NAMES = ("message",)
MESSAGE_ID = _aliases(
    "messageId wamid whatsappMessageId waMessageId externalId providerMessageId messages.0.id"
)
OWN_MESSAGE_ID = _aliases("id _id logId")
MESSAGE_STATUS = _aliases("messageStatus messages.0.message_status status")
ACCEPTED_WORDS = _words(
    "accepted heldforqualityassessment paused queued sent submitted success ok delivered read"
    " pending scheduled"
)
REFUSED_WORDS = _words(
    "error errored fail failed failure rejected undelivered undeliverable invalid blocked"
    " unsuccessful"
)
WA_ID = _aliases("contacts.0.wa_id waId to recipient phone")

# --- Assumed: bulk jobs ----------------------------------------------------------------------

JOB_NAMES = ("job", "jobs", "bulkJob", "bulkJobs")
JOB_ID = _aliases("jobId bulkJobId batchId importId queueJobId campaignId")
JOB_ID_LOOSE = _aliases(ANY_ID)
JOB_STATE = _aliases("status state jobStatus")
JOB_TEMPLATE = _aliases("templateName template template.name")
JOB_LANGUAGE = _aliases("languageCode language language.code lang template.language locale")
JOB_FILE = _aliases("fileName originalFileName originalName sourceFile file file.name")
TOTAL = _aliases(
    "total totalCount totalRecipients totalMessages totalRows totalContacts recipientCount"
    " recipientsCount count requestedCount size progress.total"
)
PROCESSED = _aliases(
    "processed processedCount processedRows completedCount attempted done current progress.current"
)
ACCEPTED = _aliases(
    "successful success successCount succeeded sent sentCount messagesSent accepted submitted ok"
)
FAILED = _aliases(
    "failed failedCount failure failures failureCount errors errorCount error_rows unsuccessful"
    " rejected"
)
SKIPPED = _aliases(
    "skipped skippedCount invalid invalidCount invalidRows invalidRecipients duplicates"
)
PENDING = _aliases("pending pendingCount remaining queued waiting inQueue")
DELIVERED = _aliases("delivered deliveredCount")
READ = _aliases("read readCount seen opened")
PERCENT = _aliases(
    "progress progressPercentage percentage percent percentComplete progress.percentage"
)
VALID = _aliases("validRecipients valid validCount validRows")
CREATED_AT = _aliases("createdAt created createdDate dateCreated queuedAt submittedAt timestamp")
STARTED_AT = _aliases("startedAt startTime started processingStartedAt")
COMPLETED_AT = _aliases("completedAt finishedAt endedAt endTime completed")
ROWS = _aliases(
    "errors failures failedRecipients failedMessages results recipients messages logs details rows"
)
# Lists that hold failures only, so that an entry without a status of its own has failed.
FAILURE_ROWS = frozenset(("errors", "failures", "failedrecipients", "failedmessages"))
ROW_PHONE = _aliases("phone to phoneNumber recipient")
ROW_NUMBER = _aliases("row rowNumber line index")
ROW_STATE = _aliases("status state success")
ROW_MESSAGE_ID = _aliases("messageId wamid")
ROW_CODE = _aliases("code errorCode error.code")
ROW_REASON = _aliases("error error.message reason message errorMessage")
ERROR_TEXT = _aliases("error error.message errorMessage failedReason failureReason")

STATES = {
    word: state
    for state, words in {
        JobState.QUEUED: "pending queued created new waiting scheduled accepted initialized"
        " received delayed validating draft",
        JobState.RUNNING: "processing inprogress running active started sending ongoing working"
        " uploading",
        JobState.PAUSED: "paused onhold held suspended",
        JobState.COMPLETED: "completed complete done finished success succeeded sent processed"
        " ended",
        JobState.COMPLETED_WITH_ERRORS: "partial partiallycompleted partialsuccess"
        " partiallyfailed completedwitherrors completedwithfailures",
        JobState.FAILED: "failed error errored aborted rejected crashed stuck stalled",
        JobState.CANCELLED: "cancelled canceled stopped terminated revoked",
    }.items()
    for word in _words(words)
}

# --- Assumed: contacts and groups ------------------------------------------------------------

CONTACT_NAMES = ("contacts", "contact", "customers")
CONTACT_ID = _aliases("id _id contactId uuid customerId key")
CONTACT_PHONE = _aliases(
    "phone phoneNumber mobile mobileNumber msisdn waId whatsapp whatsappNumber whatsappId number"
    " customerPhone platformUserId"
)
CONTACT_NAME = _aliases("name fullName displayName profileName customerName pushName")
FIRST_NAME = _aliases("firstName")
LAST_NAME = _aliases("lastName")
EMAIL = _aliases("email emailAddress")
TAGS = _aliases("tags labels")
CUSTOM = _aliases("customFields attributes metadata extra variables")
OPTED_OUT = _aliases(
    "optedOut isOptedOut unsubscribed isBlocked blocked doNotContact marketingOptOut"
)
OPTED_IN = _aliases("optIn optedIn subscribed marketingConsent isActive")
CHANNEL = _aliases("platform channel source")
GROUP_NAMES = ("groups", "group", "contactGroups")
GROUP_ID = _aliases("id _id groupId uuid key")
GROUP_NAME = _aliases("name groupName title")
GROUP_SIZE = _aliases(
    "contactCount contactsCount memberCount membersCount totalContacts totalMembers size count"
    " _count.contacts _count.members contacts.length members.length contactIds.length"
)
MEMBERS = ("contacts", "members", "contactIds")

# --- Assumed: the history with a number --------------------------------------------------------

HISTORY_NAMES = ("messages", "conversation", "history", "conversations")
HISTORY_ID = _aliases("wamid messageId whatsappMessageId waMessageId externalId id _id key.id")
# Words for who wrote: in a field for it, or where other APIs have the type.
WROTE = _aliases("direction sender sender.type senderType role from author type")
WROTE_IN = _words("inbound incoming in received user customer contact client person")
WROTE_OUT = _words(
    "outbound outgoing out sent business agent admin bot system company me template api"
)
FROM_ME = _aliases("fromMe key.fromMe isFromMe isOutbound outbound outgoing sentByBusiness")
FROM_THEM = _aliases("isInbound inbound incoming fromCustomer")
KIND = _aliases("messageType kind contentType type")
MEDIA_KINDS = ("image", "video", "audio", "document", "sticker", "voice")
TEXT = _aliases(
    "text.body text body body.text content content.text message.text message caption"
    " button.text interactive.button_reply.title interactive.list_reply.title reaction.emoji"
    " emoji " + " ".join(f"{kind}.caption" for kind in MEDIA_KINDS)
)
BUTTON_PAYLOAD = _aliases(
    "button.payload interactive.button_reply.id interactive.list_reply.id buttonPayload payload"
)
REPLY_TO = _aliases(
    "context.id context.message_id replyTo replyToId quotedMessageId quoted.id"
    " reaction.message_id inReplyTo"
)
HISTORY_TEMPLATE = _aliases("templateName template.name template")
HISTORY_NAME = _aliases(
    "profile.name profileName contactName contact.name customerName customer.name senderName"
    " pushName sender.name"
)
HISTORY_AT = _aliases("timestamp createdAt sentAt date at time created messageTimestamp")
HISTORY_CODE = _aliases("errorCode error.code errors.0.code failureCode code")
HISTORY_REASON = _aliases(
    "errorMessage error.message errors.0.message errors.0.title failureReason reason error"
)
MEDIA_ID = _aliases("id mediaId")
MEDIA_URL = _aliases("url link mediaUrl")
MEDIA_TYPE = _aliases("mime_type contentType mediaType")
MEDIA_FILE = _aliases("filename name mediaName")
MEDIA_SIZE = _aliases("size fileSize bytes mediaSize")

MESSAGE_STATES = {
    word: status
    for status, words in {
        MessageStatus.ACCEPTED: "accepted queued pending submitted success scheduled",
        MessageStatus.HELD: "heldforqualityassessment held paused",
        MessageStatus.SENT: "sent dispatched",
        MessageStatus.DELIVERED: "delivered",
        MessageStatus.READ: "read seen opened played",
        MessageStatus.FAILED: "failed failure error errored rejected undelivered undeliverable",
    }.items()
    for word in _words(words)
}


# --- JSON, and single values out of it -------------------------------------------------------


def load(text: str | None) -> JSON:
    """Read JSON into clean values; None for anything that is not JSON."""
    if text is None:
        return None
    try:
        return _clean(json.loads(text, parse_constant=lambda _: None), MAX_DEPTH)
    except (ValueError, RecursionError):
        return None


def _clean(value: JSON, depth: int) -> JSON:
    """Drop what no database takes (NUL, lone surrogates, infinities) and what is absurdly deep."""
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (dict, list)) and depth <= 0:
        return None
    if isinstance(value, dict):
        return {_clean_text(str(k)): _clean(v, depth - 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    return value if isinstance(value, (bool, int)) else None


def _clean_text(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _walk(value: JSON, path: tuple[str, ...]) -> JSON:
    """Follow a folded path; "length" of a list is its length."""
    for part in path:
        if isinstance(value, list):
            if part == "length":
                value = len(value)
            elif part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                return None
        elif isinstance(value, dict):
            value = next((v for k, v in value.items() if fold(k) == part), None)
        else:
            return None
    return value


def pick(
    value: JSON, aliases: Iterable[tuple[str, ...]], convert: Callable[[JSON], T | None]
) -> T | None:
    """Return the first alias whose value converts to something."""
    if not isinstance(value, dict):
        return None
    folded: Object = {}
    for key, item in value.items():
        folded.setdefault(fold(key), item)
    for first, *rest in aliases:
        if first in folded:
            found = convert(_walk(folded[first], tuple(rest)) if rest else folded[first])
            if found is not None:
                return found
    return None


def as_text(value: JSON) -> str | None:
    """Return text, or a whole number as its digits; None for anything else and for blanks."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value) if isinstance(value, int) and abs(value) < 10**18 else None


def as_name(value: JSON) -> str | None:
    """Return text short enough to be a name."""
    text = as_text(value)
    return text if text is not None and len(text) <= MAX_NAME else None


def as_id(value: JSON) -> str | None:
    """Return an opaque id; Mongo's {"$oid": …} counts."""
    if isinstance(value, dict):
        value = value.get("$oid")
    return as_name(value)


def as_number(value: JSON) -> float | None:
    """Return a number, also from "120", "1,200" or "45%"; never from a boolean."""
    if isinstance(value, str):
        try:
            value = float(value.strip().rstrip("%").replace(",", "")[:40])
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # The bound comes first: an int beyond it may not even fit a float.
    return float(value) if abs(value) <= MAX_COUNT and math.isfinite(value) else None


def as_count(value: JSON) -> int | None:
    """Return a whole number from 0 to two thousand million."""
    number = as_number(value)
    return int(number) if number is not None and number >= 0 else None


def as_code(value: JSON) -> int | None:
    """Return an error code; codes have at most seven digits."""
    number = as_count(value)
    return number if number is not None and number < 10_000_000 else None


def as_bool(value: JSON) -> bool | None:
    """Return a truth value, also from 1, "0" or "true"."""
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        (as_text(value) or "").strip().lower()
    )


def as_flag(value: JSON) -> bool | None:
    """Return a plain true or false; a number is a counter (`success: 0`), never a flag."""
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))


def as_time(value: JSON) -> datetime | None:
    """Return a moment in UTC from ISO 8601 (no zone means UTC), epoch seconds, ms or $date."""
    if isinstance(value, dict):
        value = value.get("$date", value.get("$numberLong"))
        if isinstance(value, dict):
            value = value.get("$numberLong")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        if isinstance(value, str) and not re.fullmatch(r"\d{10}(\d{3})?(\.\d+)?", value.strip()):
            moment = datetime.fromisoformat(value.strip())
        else:
            seconds = float(value)
            seconds = seconds / 1000 if seconds >= 1e11 else seconds
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 2000 <= moment.year <= 2100 else None


def _shorten(text: str, limit: int = 300) -> str:
    """Return the first line, cut: what follows it is a stack trace or worse."""
    return text.strip().split("\n", 1)[0][:limit]


# --- Envelopes -------------------------------------------------------------------------------


def levels(body: JSON, names: tuple[str, ...]) -> list[Object]:
    """Return the objects of an answer, from the envelope inwards.

    One object alone in a list counts as that object.
    """
    found: list[Object] = []
    keys = _aliases(" ".join((*ENVELOPES, *names)))
    for _ in range(MAX_ENVELOPES + 1):
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        if not isinstance(body, dict):
            break
        found.append(body)
        # Only `data` may hold its object in a list: the one entry of a job's `results` is a row.
        body = pick(body, keys, _filled) or pick(body, _aliases("data"), _only_entry)
    return found


def _filled(value: JSON) -> Object | None:
    """Return an object that has something in it."""
    return value if isinstance(value, dict) and value else None


def _only_entry(value: JSON) -> Object | None:
    return _filled(value[0]) if isinstance(value, list) and len(value) == 1 else None


@dataclass(frozen=True, slots=True)
class Entries:
    """The list inside an answer, the objects around it, and the names of the envelopes."""

    items: list[JSON]
    around: tuple[Object, ...]
    envelope: str
    group: ContactGroup | None = None


def find_list(body: JSON, names: tuple[str, ...]) -> Entries | None:
    """Find the list of a resource in whatever envelope; None where there is none."""
    keys = _aliases(" ".join((*ENVELOPES, *names, *LISTS)))

    def search(value: JSON, around: tuple[Object, ...], path: str, left: int) -> Entries | None:
        if isinstance(value, list):
            items = [_node(item) for item in value]
            return Entries(items, around, path or "none")
        if not isinstance(value, dict) or left < 0:
            return None
        return pick(
            {fold(key): (key, item) for key, item in value.items()},
            keys,
            lambda pair: search(
                pair[1], (*around, value), f"{path}.{pair[0]}".lstrip("."), left - 1
            ),
        )

    return search(body, (), "", MAX_ENVELOPES)


def _node(item: JSON) -> JSON:
    """Unwrap GraphQL's {"node": …}."""
    return item["node"] if isinstance(item, dict) and isinstance(item.get("node"), dict) else item


# --- Pagination ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What an answer says about its place in a list; `more` is None where it says nothing."""

    page: int | None = None
    total: int | None = None
    more: bool | None = None
    following: tuple[tuple[str, str], ...] = ()
    style: str = "none"


def page_info(around: Iterable[Object], headers: Mapping[str, str], asked: int) -> PageInfo:
    """Read the pagination of one page; `asked` is the page number that was asked for.

    `following` are query parameters for the next page where the answer gives them.
    """
    for block in _page_blocks(around):
        index = pick(block, PAGE_FROM_ZERO, as_count)
        page = index + 1 if index is not None else pick(block, PAGE, as_count)
        total = pick(block, TOTAL_ITEMS, as_count)
        pages = pick(block, TOTAL_PAGES, as_count)
        more = pick(block, MORE, as_bool)
        cursor = pick(block, CURSOR_AFTER, as_text) or pick(block, CURSOR, as_text)
        if more is None and pages is not None:
            more = (page if page is not None else asked) < pages
        if more is None and pick(block, (*NEXT, *CURSOR), as_text) is not None:
            more = True
        if more is None and any(fold(key) in _NEXT_KEYS for key in block):
            more = False
        if (page, total, pages, more, cursor) != (None,) * 5:
            style = "cursor" if cursor and page is None else "pages"
            return PageInfo(page, total, more, _following(block), style)
    total = as_count(headers.get("x-total-count"))
    return PageInfo(total=total, style="none" if total is None else "total only")


def _page_blocks(around: Iterable[Object]) -> Iterator[Object]:
    """Give the places where pagination may stand: named blocks first, then the levels."""
    innermost_first = list(around)[::-1]
    for level in innermost_first:
        yield from _picks(level, _aliases(" ".join(PAGE_BLOCKS)), _filled)
    yield from innermost_first


def _following(block: Object) -> tuple[tuple[str, str], ...]:
    """Read how to ask for the next page: a number, a cursor, or the query of a link.

    Only the query of a link is used. Its host is never called.
    """
    link = pick(block, NEXT, as_text)
    if link and link.isdigit():
        return (("page", link),)
    if link and ("?" in link or link.startswith(("http", "/"))):
        try:
            query = parse_qsl(urlsplit(link).query)
        except ValueError:
            query = []
        return tuple(pair for pair in query if pair[0] in NEXT_PARAMETERS)
    cursor = link or pick(block, CURSOR, as_text)
    if cursor:
        return (("cursor", cursor),)
    after = pick(block, CURSOR_AFTER, as_text)
    return (("after", after),) if after else ()


# --- Errors ----------------------------------------------------------------------------------


def documented_error(status: int, body: JSON) -> bool:
    """Tell whether a body is {"error", "message", "statusCode"} with the status of the answer."""
    return (
        isinstance(body, dict)
        and pick(body, _aliases("error"), _as_string) is not None
        and pick(body, _aliases("message"), _as_message) is not None
        and pick(body, _aliases("statusCode"), as_count) == status
    )


def _as_string(value: JSON) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _as_message(value: JSON) -> str | None:
    """Return a message given as text, as a list of texts or as an object with one."""
    if isinstance(value, list):
        return "; ".join(item for item in value if isinstance(item, str)) or None
    if isinstance(value, dict):
        return pick(value, _aliases("message msg details description title"), _as_string)
    return _as_string(value)


def error_message(body: JSON) -> str:
    """Return the vendor's words for what went wrong, or an empty text."""
    return (_first(pick(level, ERROR_MESSAGE, _as_message) for level in levels(body, ())) or "")[
        :500
    ]


def says_no(body: JSON) -> bool:
    """Tell whether any envelope level says `success: false`."""
    return any(pick(level, SUCCESS, as_flag) is False for level in levels(body, ()))


def says_error(body: JSON) -> bool:
    """Tell whether an answer with HTTP 2xx is an error: `success: false` or `status: "error"`.

    On an object with an id, "error" is the state of that thing, not of the call.
    """
    word = pick(body, _aliases("status"), _as_string) or ""
    has_id = pick(body, (*JOB_ID, *JOB_ID_LOOSE), as_id) is not None
    return says_no(body) or (word.lower() == "error" and not has_id)


_CLIENT_ERRORS: dict[int, type[ChumiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
}
# These do not say whether the call was carried out: time-out, conflict, too early.
_UNCLEAR = frozenset((408, 409, 425))


def send_verdict(
    *, finished: bool, status: int | None, body: JSON, accepted: bool
) -> type[ChumiError] | None:
    """Judge a call that sends: None when it was accepted, else the class of its error.

    `finished`: the last byte of the body was handed to the network. `status`: None without
    an answer. `accepted`: the answer was understood as a yes (for a bulk send: with a job id).
    Whatever is not proven to be accepted, rejected or never sent is Unavailable.
    """
    if status is not None and 200 <= status < 300:
        if says_no(body):
            return Rejected if error_message(body) else Unavailable
        return None if accepted else Unavailable
    if status is not None and 400 <= status < 500 and status not in _UNCLEAR:  # noqa: SIM102
        if documented_error(status, body):
            return _CLIENT_ERRORS.get(status, Rejected)
    return Unavailable if finished else Unreachable


def read_verdict(
    *, connected: bool, status: int | None, body: JSON, understood: bool
) -> type[ChumiError] | None:
    """Judge a call that only reads: None when it was answered, else the class of its error."""
    if status is None:
        return Unavailable if connected else Unreachable
    if 200 <= status < 300:
        if says_error(body):
            return Rejected
        return None if understood else Unavailable
    if 400 <= status < 500 and status not in (408, 425):
        return _CLIENT_ERRORS.get(status, Rejected)
    return Unavailable


_WORDS: dict[type[ChumiError], tuple[str, str]] = {
    Unreachable: (
        "ChumiAI could not be reached.",
        "ChumiAI did not get the whole request, so nothing was sent.",
    ),
    RateLimited: (
        "ChumiAI asks us to slow down.",
        "ChumiAI asks us to slow down. Nothing was sent.",
    ),
    Unavailable: (
        "ChumiAI gave no clear answer.",
        "ChumiAI gave no clear answer. This may have been sent.",
    ),
    Unauthorized: (
        "ChumiAI does not accept the API key: it is wrong or was revoked.",
        "ChumiAI does not accept the API key: it is wrong or was revoked. Nothing was sent.",
    ),
    Forbidden: (
        "Your key or plan does not allow this.",
        "Your key or plan does not allow sending. Nothing was sent.",
    ),
    NotFound: (
        "ChumiAI does not have what was asked for.",
        "ChumiAI does not have this template, group or address. Nothing was sent.",
    ),
    Rejected: (
        "ChumiAI refused the request.",
        "ChumiAI refused the request. Nothing was sent.",
    ),
}


def build_error(
    kind: type[ChumiError],
    *,
    sends: bool,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    text: str | None = None,
    now: datetime | None = None,
) -> ChumiError:
    """Make the error of a call, in our words, with the vendor's kept apart."""
    headers = headers or {}
    body = load(text)
    vendor = error_message(body)
    found = levels(body, ())
    code = _first(pick(level, META_CODE, as_code) for level in found)
    match = META_CODE_IN_TEXT.search(vendor)
    if code is None and match:
        code = int(match[1] or match[2])
    message = _WORDS[kind][sends]
    extra: dict[str, Any] = {}
    if kind is RateLimited:
        extra["retry_after"] = retry_after(headers.get("retry-after"), now=now)
    if kind is Forbidden:
        scope = REQUIRED_SCOPE.search(vendor)
        if scope:
            extra["required_scope"] = scope[1].lower()
            message = f"The API key lacks the permission {scope[1].lower()}."
            message += " Nothing was sent." if sends else ""
    return kind(
        message,
        status=status,
        request_id=request_id(headers, body),
        raw=_clean_text(text if isinstance(body, (dict, list)) else plain(text)) if text else None,
        vendor_message=vendor,
        code=code,
        details=(_first(pick(level, META_DETAILS, _as_string) for level in found) or "")[:500],
        **extra,
    )


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds of a Retry-After header, given in seconds or as an HTTP date."""
    seconds = as_number(value)
    if seconds is None and value:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return None if seconds is None else max(seconds, 0.0)


def request_id(headers: Mapping[str, str], body: JSON) -> str | None:
    """Return the vendor's trace of a call, from a header or the body."""
    found = _first(headers.get(name) or None for name in REQUEST_ID_HEADERS)
    inner = _first(pick(level, REQUEST_ID, as_name) for level in levels(body, ()))
    return _clean_text(found or inner or "")[:200] or None


def plain(text: str) -> str:
    """Return the first words of a page that is not JSON, without its tags."""
    return " ".join(re.sub(r"<[^<>]*>?", " ", text[:20_000]).split())[:200]


# --- Templates -------------------------------------------------------------------------------


def parse_template(item: JSON) -> Template | None:
    """Read one template; None without a name."""
    name = pick(item, TEMPLATE_NAME, as_name)
    if name is None:
        return None
    status = pick(item, TEMPLATE_STATUS, as_name)
    return Template(
        name=name,
        language=pick(item, LANGUAGE, as_name) or "",
        remote_id=pick(item, TEMPLATE_ID, as_id),
        status=_constant(status) or "APPROVED",
        status_assumed=status is None,
        category=_constant(pick(item, CATEGORY, as_name)),
        components=_components(item),
        parameter_format=_constant(pick(item, PARAMETER_FORMAT, as_name)) or "POSITIONAL",
        quality=_constant(pick(item, QUALITY, as_name)) or "UNKNOWN",
        rejected_reason=(pick(item, REJECTED_REASON, as_text) or "")[:500],
        raw=item,
    )


def _constant(word: str | None) -> str:
    """Return a word as Meta writes its constants: IN_REVIEW."""
    return re.sub(r"[\s\-]+", "_", (word or "").strip()).upper()


def _components(item: Object) -> tuple[Object, ...]:
    """Return the components, with a flattened header, body, footer and buttons folded in."""
    given = pick(item, COMPONENTS, _component_list)
    components = [_component(part) for part in given or []]
    if given is None and pick(item, COMPONENTS, lambda value: value or None):
        # Components in a form that we can't read must not pass for a template without any.
        components = [_component(None)]
    present = {component["type"] for component in components}
    for component in _flattened(item):
        if component["type"] not in present:
            components.append(component)
    order = {"HEADER": 0, "BODY": 1, "FOOTER": 2, "BUTTONS": 3}
    if given is None:
        components.sort(key=lambda component: order.get(component["type"], 4))
    return tuple(components)


def _component_list(value: JSON) -> list[JSON] | None:
    """Return components given as a list, as JSON in a text, or as {"0": …, "1": …}."""
    if isinstance(value, str):
        value = load(value)
    if isinstance(value, dict) and value and all(key.isdigit() for key in value):
        value = [value[key] for key in sorted(value, key=lambda key: (len(key), key))]
    return value if isinstance(value, list) and value else None


def _component(part: JSON, missing: str = "UNKNOWN") -> Object:
    """Spell a component as Meta does; what can't be read is kept as UNKNOWN."""
    if not isinstance(part, dict):
        return {"type": "UNKNOWN", "text": as_text(part) or ""}
    component: Object = {}
    for key, value in part.items():
        component.setdefault(COMPONENT_KEYS.get(fold(str(key)), str(key)), value)
    component["type"] = _constant(pick(component, _aliases("type"), as_name)) or missing
    if "format" in component:
        component["format"] = _constant(as_name(component["format"]))
    elif component["type"] == "HEADER":
        component["format"] = "TEXT" if as_text(component.get("text")) else "UNKNOWN"
    if "text" in component:
        component["text"] = as_text(component["text"]) or ""
    if isinstance(component.get("example"), dict):
        example = component["example"].items()
        component["example"] = {COMPONENT_KEYS.get(fold(k), k): v for k, v in example}
    for nested in ("buttons", "cards", "components"):
        if nested in component:
            parts = _component_list(component[nested]) or []
            missing = "CARD" if nested == "cards" else "UNKNOWN"
            component[nested] = [_component(inner, missing) for inner in parts]
    return component


def _flattened(item: Object) -> Iterator[Object]:
    """Give the components that stand as plain fields of the template."""
    form = _constant(pick(item, HEADER_FORMAT, as_name))
    text = pick(item, HEADER_TEXT, _as_string)
    url = pick(item, HEADER_URL, _as_string)
    # A bare `header: "IMAGE"` names the format, not the text.
    if text and not form and _constant(text) in HEADER_FORMATS:
        form, text = _constant(text), None
    if form not in ("", "NONE") or text or url:
        header: Object = {"type": "HEADER", "format": form or ("TEXT" if text else "UNKNOWN")}
        if text and header["format"] == "TEXT":
            header["text"] = text
        if url:
            header["example"] = {"header_handle": [url]}
        yield header
    if body := pick(item, BODY_TEXT, _as_string):
        yield {"type": "BODY", "text": body}
    if footer := pick(item, FOOTER_TEXT, _as_string):
        yield {"type": "FOOTER", "text": footer}
    if buttons := pick(item, BUTTONS, _component_list):
        yield {"type": "BUTTONS", "buttons": [_component(button) for button in buttons]}


def parse_sync(body: JSON, *, status: int) -> SyncResult:
    """Read the answer to a sync; HTTP 202 or a word of waiting means that it is queued."""
    found = levels(body, ("templates", "sync"))[::-1]

    def count(aliases: tuple[tuple[str, ...], ...]) -> int | None:
        return _first(pick(level, aliases, as_count) for level in found)

    words = (pick(level, TEMPLATE_STATUS, as_name) for level in found)
    waiting = (STATES.get(fold(word)) for word in words if word)
    return SyncResult(
        total=count(SYNC_TOTAL),
        created=count(SYNC_CREATED),
        updated=count(SYNC_UPDATED),
        removed=count(SYNC_REMOVED),
        queued=status == 202
        or any(state in (JobState.QUEUED, JobState.RUNNING) for state in waiting)
        or any(pick(level, SYNC_BUSY, as_bool) for level in found),
    )


# --- Sending ---------------------------------------------------------------------------------


def parse_send(body: JSON) -> SendResult | None:
    """Read the answer to a single send; None unless it says yes.

    Yes is a message id of WhatsApp, a status of acceptance or `success: true`, with no word
    of failure beside it. Without an id the message was accepted but can't be traced.
    """
    found = levels(body, MESSAGE_NAMES)[::-1]
    ids = [value for level in found for value in _picks(level, MESSAGE_ID, as_id)]
    own = [value for level in found for value in _picks(level, OWN_MESSAGE_ID, as_id)]
    traced = [value for value in (*ids, *own) if value.startswith("wamid.")]
    words = [word for level in found for word in _picks(level, MESSAGE_STATUS, as_name)]
    folded = {fold(word) for word in words}
    yes = (
        bool(ids or traced)
        or bool(folded & ACCEPTED_WORDS)
        or any(pick(level, SUCCESS, as_flag) for level in found)
    )
    if says_error(body) or folded & REFUSED_WORDS or not yes:
        return None
    return SendResult(
        message_id=next(iter((*traced, *ids, *own)), None),
        status=words[0] if words else "",
        wa_id=_first(pick(level, WA_ID, as_name) for level in found) or "",
    )


def _first(values: Iterable[T | None]) -> T | None:
    """Return the first value that is not None."""
    return next((value for value in values if value is not None), None)


def _picks(
    value: JSON, aliases: Iterable[tuple[str, ...]], convert: Callable[[JSON], T | None]
) -> Iterator[T]:
    """Give what every alias finds, in the order of the aliases."""
    for alias in aliases:
        found = pick(value, (alias,), convert)
        if found is not None:
            yield found


def parse_bulk_accepted(body: JSON) -> BulkAccepted | None:
    """Read the answer to a bulk send; None without the id of a job."""
    found = levels(body, JOB_NAMES)
    job, job_id = _job_level(found)
    if job_id is None or says_error(body):
        return None
    word = pick(job, JOB_STATE, as_name) or ""
    # "success" beside a job's id speaks of the hand-over: no job has finished yet.
    state = JobState.QUEUED if fold(word) in ("", "success", "ok") else job_state(word)
    return BulkAccepted(
        job_id=job_id,
        state=state,
        total=pick(job, TOTAL, as_count),
        valid=pick(job, VALID, as_count),
        invalid=pick(job, SKIPPED, as_count),
    )


# --- Bulk jobs -------------------------------------------------------------------------------


def job_state(word: str) -> JobState:
    """Turn the vendor's word into our state; a word we don't know is UNKNOWN."""
    return STATES.get(fold(word), JobState.UNKNOWN)


def _job_level(found: list[Object]) -> tuple[Object, str | None]:
    """Return the object that is the job, and its id: a job's own id key beats a plain `id`."""
    for aliases in (JOB_ID, JOB_ID_LOOSE):
        for level in found[::-1]:
            job_id = pick(level, aliases, as_id)
            if job_id is not None:
                return level, job_id
    return (found[-1] if found else {}), None


def parse_job_answer(body: JSON, job_id: str) -> BulkJob | None:
    """Read the status of the job that was asked for; None if the answer holds no job."""
    level, _ = _job_level(levels(body, JOB_NAMES))
    job = _job(level, job_id)
    understood = job.raw_state or job.total is not None or job.processed is not None
    return job if understood else None


def parse_job(item: JSON) -> BulkJob | None:
    """Read one job of a list; None without an id."""
    level, job_id = _job_level([item] if isinstance(item, dict) else [])
    return None if job_id is None else _job(level, job_id)


def _job(item: Object, job_id: str) -> BulkJob:
    """Read a job and fill in the counters that follow from the others."""
    word = pick(item, JOB_STATE, as_name) or ""
    state = job_state(word)
    total = pick(item, TOTAL, as_count)
    accepted = pick(item, ACCEPTED, as_count)
    failed = pick(item, FAILED, as_count)
    skipped = pick(item, SKIPPED, as_count)
    processed = pick(item, PROCESSED, as_count)
    if processed is None and (accepted is not None or failed is not None):
        processed = (accepted or 0) + (failed or 0) + (skipped or 0)
    if processed is None and total is not None:
        percent = pick(item, PERCENT, as_number)
        if percent is not None and percent >= 0:
            # A lone 1 is one per cent, except of a job that has ended.
            fraction = percent < 1 or (percent == 1 and state.terminal)
            processed = int(total * (percent if fraction else percent / 100))

    def clamp(count: int | None) -> int | None:
        return count if count is None or total is None else min(count, total)

    processed = clamp(processed)
    pending = pick(item, PENDING, as_count)
    if pending is None and total is not None and processed is not None:
        pending = total - processed
    if state is JobState.COMPLETED and failed:
        state = JobState.COMPLETED_WITH_ERRORS
    return BulkJob(
        remote_id=job_id,
        state=state,
        raw_state=word,
        template_name=pick(item, JOB_TEMPLATE, as_name) or "",
        language=pick(item, JOB_LANGUAGE, as_name) or "",
        file_name=pick(item, JOB_FILE, as_name) or "",
        total=total,
        processed=processed,
        accepted=clamp(accepted),
        failed=clamp(failed),
        skipped=clamp(skipped),
        pending=clamp(pending),
        delivered=clamp(pick(item, DELIVERED, as_count)),
        read=clamp(pick(item, READ, as_count)),
        created_at=pick(item, CREATED_AT, as_time),
        started_at=pick(item, STARTED_AT, as_time),
        completed_at=pick(item, COMPLETED_AT, as_time),
        row_results=_row_results(item),
        error_text=_shorten(pick(item, ERROR_TEXT, as_text) or ""),
    )


def _row_results(item: Object) -> tuple[RowResult, ...]:
    for alias in ROWS:
        rows = pick(item, (alias,), _rows)
        if rows:
            failures_only = alias[0] in FAILURE_ROWS
            return tuple(_row_result(row, failures_only=failures_only) for row in rows)
    return ()


def _rows(value: JSON) -> list[Object]:
    """Return the objects of a list; a failure may be a mere text."""
    entries = value if isinstance(value, list) else []
    texts = ({"reason": entry} for entry in entries if isinstance(entry, str))
    return [entry for entry in entries if isinstance(entry, dict)] or list(texts)


def _row_result(row: Object, *, failures_only: bool) -> RowResult:
    code = pick(row, ROW_CODE, as_code)
    word = fold(pick(row, ROW_STATE, as_name) or "")
    success = pick(row, ROW_STATE, as_flag)
    result = RowResult(
        row=pick(row, ROW_NUMBER, as_count),
        phone=pick(row, ROW_PHONE, as_name) or "",
        message_id=pick(row, ROW_MESSAGE_ID, as_id),
        code=code,
        reason=_shorten(pick(row, ROW_REASON, as_text) or ""),
    )
    if success is True or word in ACCEPTED_WORDS:
        return replace(result, state="accepted")
    if success is False or word in REFUSED_WORDS or failures_only or code:
        return replace(result, state="failed")
    return result


# --- Contacts and groups ---------------------------------------------------------------------


def parse_contact(item: JSON) -> Contact | None:
    """Read one contact: an object, {"contact": …} or only an id; None without id and phone."""
    if isinstance(item, str):
        remote_id = as_id(item)
        return Contact(remote_id=remote_id) if remote_id else None
    inner = pick(item, _aliases("contact"), _filled)
    item = inner or item
    remote_id = pick(item, CONTACT_ID, as_id)
    phone = pick(item, CONTACT_PHONE, as_name)
    if remote_id is None and phone is None:
        return None
    names = (pick(item, FIRST_NAME, as_text), pick(item, LAST_NAME, as_text))
    opted_in = pick(item, OPTED_IN, as_bool)
    opted_out = pick(item, OPTED_OUT, as_bool)
    if opted_out is None and opted_in is not None:
        opted_out = not opted_in
    return Contact(
        remote_id=remote_id or "",
        phone=phone or "",
        name=(pick(item, CONTACT_NAME, as_text) or " ".join(filter(None, names)))[:MAX_NAME],
        email=pick(item, EMAIL, as_name) or "",
        tags=pick(item, TAGS, _tags) or (),
        custom=pick(item, CUSTOM, _custom) or {},
        opted_out=opted_out,
        channel=pick(item, CHANNEL, as_name) or "",
        created_at=pick(item, CREATED_AT, as_time),
    )


def _tags(value: JSON) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    names = (pick(tag, _aliases("name"), as_name) or as_name(tag) for tag in value)
    return tuple(name for name in names if name)


def _custom(value: JSON) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    texts = ((key, as_text(item)) for key, item in value.items())
    return {key: text for key, text in texts if text is not None}


def parse_group(item: JSON) -> ContactGroup | None:
    """Read one group; None without an id."""
    remote_id = pick(item, GROUP_ID, as_id)
    if remote_id is None:
        return None
    return ContactGroup(
        remote_id=remote_id,
        name=pick(item, GROUP_NAME, as_name) or "",
        description=(pick(item, _aliases("description"), as_text) or "")[:2_000],
        size=pick(item, GROUP_SIZE, as_count),
        created_at=pick(item, CREATED_AT, as_time),
    )


def find_members(body: JSON, group_id: str) -> Entries | None:
    """Find one page of a group's members, and the group; None if the answer holds neither."""
    found = levels(body, GROUP_NAMES)
    merged: Object = {}
    for level in found:
        merged.update(level)
    group = parse_group({**merged, "id": group_id})
    members = pick(merged, _aliases(" ".join(MEMBERS)), lambda v: find_list(v, CONTACT_NAMES))
    if members is None and group is not None and group.size == 0:
        members = Entries([], (), "none")
    if members is None:
        return None
    # A group's own counters are not those of a page: only blocks named for it speak of paging.
    blocks = tuple({key: merged[key]} for key in merged if fold(key) in _PAGE_BLOCK_KEYS)
    return replace(members, around=(*blocks, *members.around), group=group)


# --- The history with a number ---------------------------------------------------------------


def parse_message(item: JSON, phone: str) -> Message | None:
    """Read one message of the history with `phone`; None where nobody can tell who wrote it,
    or where there is nothing in it."""
    inner = pick(item, _aliases("message"), _filled)
    if inner and pick(item, HISTORY_ID, as_id) is None:
        item = item | inner
    inbound = _inbound(item, phone)
    if inbound is None:
        return None
    media = _media(item)
    template = pick(item, HISTORY_TEMPLATE, as_name) or ""
    word = fold(pick(item, MESSAGE_STATUS, as_name) or "")
    status = MESSAGE_STATES.get(word, MessageStatus.UNKNOWN)
    failed = status is MessageStatus.FAILED
    message = Message(
        remote_id=pick(item, HISTORY_ID, as_id) or "",
        phone=phone,
        inbound=inbound,
        kind=_kind(item, media, template),
        text=(pick(item, TEXT, as_text) or "")[:MAX_TEXT],
        payload=(pick(item, BUTTON_PAYLOAD, as_text) or "")[:MAX_NAME],
        reply_to=pick(item, REPLY_TO, as_id) or "",
        media=media,
        template_name=template,
        name=(pick(item, HISTORY_NAME, as_text) or "")[:MAX_NAME] if inbound else "",
        status=MessageStatus.UNKNOWN if inbound else status,
        code=pick(item, HISTORY_CODE, as_code) if failed else None,
        reason=_shorten(pick(item, HISTORY_REASON, as_text) or "") if failed else "",
        at=pick(item, HISTORY_AT, as_time),
    )
    told = message.remote_id or message.text or media or template
    return message if told else None


def _inbound(item: JSON, phone: str) -> bool | None:
    """Tell whether the person wrote it; None where nothing says so."""
    for aliases, yes in ((FROM_ME, False), (FROM_THEM, True)):
        told = pick(item, aliases, as_bool)
        if told is not None:
            return yes if told else not yes
    for word in _picks(item, WROTE, as_name):
        if fold(word) in WROTE_IN:
            return True
        if fold(word) in WROTE_OUT:
            return False
    digits = "".join(filter(str.isdigit, phone))
    for aliases, yes in ((_aliases("from"), True), (_aliases("to recipient"), False)):
        told_phone = pick(item, aliases, as_name)
        if told_phone and digits and "".join(filter(str.isdigit, told_phone)) == digits:
            return yes
    return None


def _kind(item: Object, media: Media | None, template: str) -> str:
    """Return WhatsApp's word for the type; where ChumiAI gives none, what the parts say."""
    words = (fold(word) for word in _picks(item, KIND, as_name))
    kind = next((w for w in words if w not in WROTE_IN | (WROTE_OUT - {"template"})), "")
    if kind.startswith(MEDIA_KINDS):
        # A media type ("image/jpeg") says as much.
        kind = next(name for name in MEDIA_KINDS if kind.startswith(name))
    if template and kind in ("", "text"):
        return "template"
    if media and kind in ("", "text", "media", "file"):
        return media.kind
    return kind[:40] or "text"


def _media(item: Object) -> Media | None:
    """Return what is told of the file of a message: in a part of its own, or in flat fields."""
    for kind in MEDIA_KINDS:
        part = pick(item, ((kind,),), _filled)
        if part:
            return _media_part(part, kind)
    part = pick(item, _aliases("media attachment file"), _filled)
    url = pick(item, _aliases("mediaUrl media attachmentUrl fileUrl"), as_text)
    remote_id = pick(item, _aliases("mediaId"), as_id)
    if not (part or url or remote_id):
        return None
    flat = {key: value for key, value in item.items() if fold(key).startswith(("media", "mime"))}
    media = _media_part((part or {}) | flat, "")
    words = (*_picks(item, KIND, as_name), *_picks(part, KIND, as_name), media.content_type)
    folded = (fold(word).partition("/")[0] for word in words)
    kind = next((word for word in folded if word in MEDIA_KINDS), "document")
    return replace(media, kind=kind, url=media.url or (url or "")[:MAX_LINK])


def _media_part(part: Object, kind: str) -> Media:
    content_type = pick(part, MEDIA_TYPE, as_name) or ""
    return Media(
        kind=kind,
        remote_id=pick(part, MEDIA_ID, as_id) or "",
        url=(pick(part, MEDIA_URL, as_text) or "")[:MAX_LINK],
        content_type=content_type[:100] if "/" in content_type else "",
        file_name=pick(part, MEDIA_FILE, as_name) or "",
        size=pick(part, MEDIA_SIZE, as_count),
    )
