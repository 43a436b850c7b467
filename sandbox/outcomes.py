"""The outcome of one message: pure rules over a template, its values and a phone number."""

import re
from typing import Any, NamedTuple

Template = dict[str, Any]

# Titles of Meta's error codes, as the Cloud API words them.
TITLES = {
    0: "AuthException",
    1: "API Unknown",
    2: "API Service",
    4: "API Too Many Calls",
    190: "Access token has expired",
    368: "Temporarily blocked for policies violations",
    80007: "Rate limit issues",
    130429: "Rate limit hit",
    130472: "User's number is part of an experiment",
    131000: "Something went wrong",
    131005: "Access denied",
    131008: "Required parameter is missing",
    131016: "Service unavailable",
    131026: "Message undeliverable",
    131031: "Account has been locked",
    131042: "Business eligibility payment issue",
    131047: "Re-engagement message",
    131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement",
    131050: "User has stopped marketing messages",
    131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    131057: "Account in maintenance mode",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    132005: "Translated text too long",
    132012: "Parameter format does not match format in the created template",
    132015: "Template is paused",
    132016: "Template is disabled",
    132018: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
}


def title(code: int) -> str:
    """Return Meta's title of a code, or a general one for a code that is not in the table."""
    return TITLES.get(code, "Message failed to send")


def meta_message(code: int) -> str:
    """Return the message of an error with this code, as Meta words it."""
    return f"(#{code}) {title(code)}"


class Outcome(NamedTuple):
    """The outcome that the last three digits of a phone number decide."""

    kind: str  # rejected, once, http_429, http_500, timeout, no_id, held, dropped, read
    code: int | None = None


BY_LAST_DIGITS = {
    "026": Outcome("rejected", 131026),
    "047": Outcome("rejected", 131047),
    "049": Outcome("rejected", 131049),
    "050": Outcome("rejected", 131050),
    "056": Outcome("rejected", 131056),
    "053": Outcome("rejected", 131053),
    "472": Outcome("rejected", 130472),
    "190": Outcome("rejected", 190),
    "368": Outcome("rejected", 368),
    "048": Outcome("rejected", 131048),
    "000": Outcome("once", 131000),
    "429": Outcome("http_429"),
    "500": Outcome("http_500"),
    "504": Outcome("timeout"),
    "777": Outcome("no_id"),
    "888": Outcome("held"),
    "889": Outcome("dropped", 132015),
    "999": Outcome("read"),
}
ACCEPTED = Outcome("accepted")

BODY_LIMIT = 1024
PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
PHONE = re.compile(r"[1-9][0-9]{7,14}")
UNSENDABLE_TEXT = re.compile(r"[\n\r\t]| {5,}")


def is_phone(text: str) -> bool:
    """Return True for international digits without `+`, as ChumiAI documents."""
    return PHONE.fullmatch(text) is not None


def by_last_digits(phone: str) -> Outcome:
    """Return the outcome that the last three digits of a phone number decide."""
    return BY_LAST_DIGITS.get(phone[-3:], ACCEPTED)


def bulk_code(template: Template, phone: str, values: list[str], *, media: bool) -> int | None:
    """Return the code with which a row of a bulk job fails, or None if it is accepted.

    Last digits that only change a single HTTP answer (429, 500, 504, 000, 777) have no effect
    here, because ChumiAI itself retries inside a job.
    """
    code = components_code(template, media=media) or values_code(template, values)
    if code:
        return code
    outcome = by_last_digits(phone)
    return outcome.code if outcome.kind in ("rejected", "dropped") else None


def component(template: Template, kind: str) -> dict[str, Any]:
    """Return the template's component of this type, or an empty one."""
    return next((c for c in template["components"] if c["type"] == kind), {})


def placeholders(text: str) -> list[str]:
    """Return the distinct placeholders of a text, in the order in which values fill them."""
    names = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    return sorted(names, key=int) if all(n.isdigit() for n in names) else names


def body_placeholders(template: Template) -> list[str]:
    """Return the placeholders that `templateParameters` fill: those of the body alone."""
    return placeholders(component(template, "BODY").get("text", ""))


def status_code(template: Template) -> int | None:
    """Return the code that refuses a template which is not approved."""
    by_status = {"APPROVED": None, "LOCKED": None, "PAUSED": 132015, "DISABLED": 132016}
    return by_status.get(template["status"], 132001)


def components_code(template: Template, *, media: bool) -> int | None:
    """Return the code for components that a ChumiAI send can't fill, or that lack their media."""
    header = component(template, "HEADER")
    if placeholders(header.get("text", "")):
        return 132000
    for button in component(template, "BUTTONS").get("buttons", []):
        if button["type"] in ("COPY_CODE", "OTP") or placeholders(button.get("url", "")):
            return 131008
    if component(template, "CAROUSEL") or component(template, "LIMITED_TIME_OFFER"):
        return 132012
    if header.get("format") in ("IMAGE", "VIDEO", "DOCUMENT") and not media:
        return 132012
    return None


def values_code(template: Template, values: list[str]) -> int | None:
    """Return the code that refuses these values; the checks are in WhatsApp's order."""
    names = body_placeholders(template)
    if len(values) != len(names):
        return 132000
    if any(not value.strip() for value in values):
        return 131008
    if any(UNSENDABLE_TEXT.search(value) for value in values):
        return 132018
    return 132005 if len(fill(template, values)) > BODY_LIMIT else None


def fill(template: Template, values: list[str]) -> str:
    """Return the body of a template with its placeholders filled as far as there are values."""
    filled = dict(zip(body_placeholders(template), values, strict=False))
    body = component(template, "BODY").get("text", "")
    return PLACEHOLDER.sub(lambda m: filled.get(m[1], m[0]), body)


def without_empty_columns(template: Template, values: list[str]) -> list[str]:
    """Return the values of a row without empty columns beyond the last placeholder."""
    wanted = len(body_placeholders(template))
    return values[:wanted] if not any(values[wanted:]) else values
