"""WhatsApp's error codes in plain words: one table for every place that shows a failure.

Beside the words stands what may be done again. Two questions matter while a campaign goes out:
would everybody fare alike (`pauses`: a person has to mend it first), or does it pass by itself
(`waits_by_itself`: such an answer proves that nothing was sent, so the sender slows down and
asks again)? And one matters after it: does another try make sense, and when (`when_retry`)?
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class About(StrEnum):
    """Whom or what a failure concerns: says who has to act."""

    PERSON = "This person"
    MESSAGE = "The message"
    TEMPLATE = "The template"
    ACCOUNT = "Your WhatsApp account"
    WHATSAPP = "WhatsApp itself"


class Retry(StrEnum):
    """Whether the same message to the same person may go out another time."""

    # It would fail again, or this person does not want it.
    NEVER = "never"
    # It passes by itself.
    LATER = "later"
    # A person has to mend something outside of the campaign first.
    AFTER_FIX = "after_fix"
    # The message itself has to change, and what was launched is frozen.
    ANEW = "anew"


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened and what to do, each a sentence or two; `about` is None if nobody knows.

    A try makes sense from `wait` after the failure on, and at most so many times.
    """

    sentence: str
    advice: str
    about: About | None = None
    retry: Retry = Retry.NEVER
    wait: timedelta = timedelta()
    most: int = 3
    pauses: bool = False
    waits_by_itself: bool = False

    @property
    def can_be_tried(self) -> bool:
        """Say whether the same message may help at another time."""
        return self.retry in (Retry.LATER, Retry.AFTER_FIX)


MINUTE = timedelta(minutes=1)

UNKNOWN = Failure(
    "WhatsApp did not deliver this message and gave no reason that we know.",
    "Look the message up in ChumiAI, or try this person another way.",
)
NO_ACCESS = Failure(
    "The WhatsApp connection of your ChumiAI account lacks a permission.",
    "Connect WhatsApp again in ChumiAI.",
    About.ACCOUNT,
    retry=Retry.AFTER_FIX,
    pauses=True,
)
EXPIRED = Failure(
    "The WhatsApp connection of your ChumiAI account has expired.",
    "Connect WhatsApp again in ChumiAI.",
    About.ACCOUNT,
    retry=Retry.AFTER_FIX,
    pauses=True,
)
TOO_MANY_CALLS = Failure(
    "There were too many requests to WhatsApp for the moment.",
    "Wait some minutes, then send to these people again.",
    About.WHATSAPP,
    retry=Retry.LATER,
    wait=5 * MINUTE,
    waits_by_itself=True,
)
DOWN = Failure(
    "WhatsApp was not available for a moment.",
    "Send to these people again later.",
    About.WHATSAPP,
    retry=Retry.LATER,
    wait=5 * MINUTE,
    waits_by_itself=True,
)
NOT_VALID = Failure(
    "WhatsApp found something in this message not valid, often the number or a value.",
    "Check the number and the values of this person.",
    About.MESSAGE,
    retry=Retry.ANEW,
)
FORM_IN_TEMPLATE = Failure(
    "The form inside the template is blocked or slowed down by WhatsApp.",
    "Mend the form in WhatsApp Manager, or use another template.",
    About.TEMPLATE,
    retry=Retry.AFTER_FIX,
    pauses=True,
)
TEMPLATE_NOT_READY = Failure(
    "WhatsApp was still preparing this template.",
    "Wait ten minutes, then send to these people again.",
    About.TEMPLATE,
    retry=Retry.LATER,
    wait=10 * MINUTE,
    pauses=True,
)

# WhatsApp's word for a person who opted out with WhatsApp itself.
STOPPED_MARKETING = 131050
# Source: Meta's list of the Cloud API's error codes.
FAILURES = {
    0: EXPIRED,
    1: Failure(
        "WhatsApp could not handle the request, or had a problem of its own.",
        "Try once more; if it fails again, tell ChumiAI support.",
        About.WHATSAPP,
        retry=Retry.LATER,
        wait=MINUTE,
        most=1,
    ),
    2: DOWN,
    3: NO_ACCESS,
    4: TOO_MANY_CALLS,
    10: NO_ACCESS,
    33: NOT_VALID,
    100: NOT_VALID,
    190: EXPIRED,
    368: Failure(
        "WhatsApp has restricted your account for breaking one of its policies.",
        "Read the policy and appeal in Meta Business Support. Send nothing until it is lifted.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    80007: TOO_MANY_CALLS,
    130429: Failure(
        "Messages went out faster than this WhatsApp number may send.",
        "Send to these people again later.",
        About.ACCOUNT,
        retry=Retry.LATER,
        wait=MINUTE,
        waits_by_itself=True,
    ),
    130472: Failure(
        "WhatsApp is running a test in which this person gets no marketing messages.",
        "There is nothing to mend and nothing is charged. Reach them another way.",
        About.PERSON,
    ),
    130497: Failure(
        "Your business may not send messages to this country.",
        "Take the numbers of this country out of the file.",
        About.PERSON,
    ),
    131000: Failure(
        "WhatsApp had a problem that it does not explain.",
        "Try once more; if it fails again, tell ChumiAI support.",
        About.WHATSAPP,
        retry=Retry.LATER,
        wait=MINUTE,
        most=2,
    ),
    131005: NO_ACCESS,
    131008: Failure(
        "A value that the template needs was empty.",
        "Fill the blank in the file, or set a text for empty values.",
        About.MESSAGE,
        retry=Retry.ANEW,
    ),
    131009: NOT_VALID,
    131016: DOWN,
    131021: Failure(
        "This is the number of your own business.",
        "Take it out of the file.",
        About.PERSON,
    ),
    131026: Failure(
        "This number is not on WhatsApp, or its WhatsApp is too old or has not accepted "
        "the terms.",
        "Check the number; use SMS or a call.",
        About.PERSON,
    ),
    131030: Failure(
        "Your business sends from a test number, and this person is not on its list.",
        "Add the number to the list in WhatsApp Manager, or send from your real number.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
    ),
    131031: Failure(
        "WhatsApp has locked your account.",
        "Open Meta Business Support to see why. Send nothing until it is unlocked.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131037: Failure(
        "The name of your business is not approved by WhatsApp yet.",
        "Get the display name approved in WhatsApp Manager.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131042: Failure(
        "There is a problem with the payment of your WhatsApp account.",
        "Mend the payment in Meta's billing or in ChumiAI, then send to these people again.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131045: Failure(
        "Your business number is not properly registered with WhatsApp.",
        "Register the number again in ChumiAI.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131047: Failure(
        "This person last wrote more than 24 hours ago, so only a template may be sent.",
        "Send an approved template.",
        About.PERSON,
        retry=Retry.ANEW,
    ),
    131048: Failure(
        "WhatsApp limits your number because people blocked or reported its messages.",
        "Stop the campaign and look at the quality of your number in WhatsApp Manager.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131049: Failure(
        "WhatsApp held this back: this person has had enough marketing messages lately.",
        "Wait at least 24 hours; send fewer, better targeted messages.",
        About.PERSON,
        retry=Retry.LATER,
        wait=timedelta(hours=24),
        most=1,
    ),
    STOPPED_MARKETING: Failure(
        "This person switched off marketing from you.",
        "Do not send again. We put the number on your opt-outs.",
        About.PERSON,
    ),
    131051: Failure(
        "WhatsApp does not support this type of message.",
        "Use another template.",
        About.TEMPLATE,
    ),
    131052: Failure(
        "The file that this person sent could not be fetched.",
        "Ask them to send it again.",
        About.MESSAGE,
    ),
    131053: Failure(
        "WhatsApp could not use the picture, video or file above the message.",
        "Check its type and size, and that its link opens for everyone.",
        About.MESSAGE,
        retry=Retry.AFTER_FIX,
    ),
    131056: Failure(
        "Too many messages went to this same person too quickly.",
        "Wait some minutes before you write to this person again.",
        About.PERSON,
        retry=Retry.LATER,
        wait=5 * MINUTE,
    ),
    131057: Failure(
        "WhatsApp was upgrading your number.",
        "Wait some minutes, then send to these people again.",
        About.WHATSAPP,
        retry=Retry.LATER,
        wait=10 * MINUTE,
        waits_by_itself=True,
    ),
    131059: Failure(
        "WhatsApp lost its place in a list that was being read.",
        "Try again; there is nothing that you have to change.",
        About.WHATSAPP,
        retry=Retry.LATER,
        wait=MINUTE,
    ),
    131063: Failure(
        "Marketing templates are switched off for the way your account is set up.",
        "Ask ChumiAI support to switch them on.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131064: Failure(
        "Your account is limited because templates were filed in the wrong category.",
        "Review the categories of your templates. The limit lifts by itself.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    132000: Failure(
        "The template needs a different number of values than it was given.",
        "Sync the templates, then give every placeholder its value.",
        About.TEMPLATE,
        retry=Retry.ANEW,
        pauses=True,
    ),
    132001: Failure(
        "This template does not exist in this language, or is not approved.",
        "Sync the templates and check the language.",
        About.TEMPLATE,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    132005: Failure(
        "With the values filled in, the message is too long.",
        "Shorten the values of this person.",
        About.MESSAGE,
        retry=Retry.ANEW,
    ),
    132007: Failure(
        "The text breaks one of WhatsApp's rules about content.",
        "Edit the template in WhatsApp Manager.",
        About.TEMPLATE,
        retry=Retry.ANEW,
        pauses=True,
    ),
    132012: Failure(
        "A value has the wrong form, or the picture or file above the message is missing.",
        "Check the header of the template and the values.",
        About.TEMPLATE,
        retry=Retry.ANEW,
        pauses=True,
    ),
    132015: Failure(
        "WhatsApp paused this template because people reacted badly to it.",
        "Wait or edit it; use another template meanwhile.",
        About.TEMPLATE,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    132016: Failure(
        "WhatsApp switched this template off for good.",
        "Make another template.",
        About.TEMPLATE,
        pauses=True,
    ),
    132018: Failure(
        "A value holds a line break, a tab or too many spaces.",
        "Clean the values of this person.",
        About.MESSAGE,
        retry=Retry.ANEW,
    ),
    132068: FORM_IN_TEMPLATE,
    132069: FORM_IN_TEMPLATE,
    133004: DOWN,
    133010: Failure(
        "Your business number is not registered with WhatsApp.",
        "Register the number in ChumiAI.",
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    134101: TEMPLATE_NOT_READY,
    134102: TEMPLATE_NOT_READY,
    135000: Failure(
        "WhatsApp did not understand the message.",
        "Tell ChumiAI support which template it was.",
        About.MESSAGE,
    ),
}


# How ChumiAI quotes a code inside a text, as (#132001).
QUOTED = re.compile(r"\(#(\d{1,7})\)")


def explain(code: int | None) -> Failure:
    """Return the `Failure` of a code, or of None."""
    if code is None:
        return UNKNOWN
    return NO_ACCESS if 200 <= code <= 299 else FAILURES.get(code, UNKNOWN)


def explain_text(text: str) -> Failure | None:
    """Return the `Failure` whose code a text of ChumiAI's quotes, or None."""
    quoted = QUOTED.search(text)
    known = explain(int(quoted[1])) if quoted else UNKNOWN
    return None if known is UNKNOWN else known


def when_retry(code: int | None, *, failed_at: datetime, tries: int) -> datetime | None:
    """Return from when on another try makes sense, or None if none does.

    `tries` is how many there were after the first.
    """
    failure = explain(code)
    if not failure.can_be_tried or tries >= failure.most:
        return None
    return failed_at + failure.wait


def may_retry(code: int | None, *, failed_at: datetime, tries: int, now: datetime) -> bool:
    """Say whether the same message may be tried once more at this moment."""
    moment = when_retry(code, failed_at=failed_at, tries=tries)
    return moment is not None and moment <= now
