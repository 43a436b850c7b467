"""WhatsApp's error codes in plain words: one table for every place that shows a failure.

Each failure also answers what can be done. While a campaign is sending: does a person have to fix
something before the next recipient can get the message (`pauses`), or is it over by itself
(`waits_by_itself`: nothing was sent, so the sender slows down and asks again)? After it: does
a retry make sense, and from when (`when_retry`)? The sentences are marked for translation.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.sentences import gettext_noop as _


class About(StrEnum):
    """What a failure concerns, which says who has to act; the value is the label."""

    PERSON = _("This person")
    MESSAGE = _("The message")
    TEMPLATE = _("The template")
    ACCOUNT = _("Your WhatsApp account")
    WHATSAPP = _("WhatsApp itself")


class Retry(StrEnum):
    """When the same message can be sent to the same person again."""

    # It would fail again, or the person does not want it.
    NEVER = "never"
    # After a wait: the problem is temporary.
    LATER = "later"
    # As soon as a person fixed something outside the campaign.
    AFTER_FIX = "after_fix"
    # Only in a new campaign: the message has to change, and a launched one is frozen.
    NEW_CAMPAIGN = "new_campaign"


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened and what to do, each a sentence or two; `about` is None if unknown.

    A retry makes sense once `wait` has passed since the failure; `most` is the maximum of retries.
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
        """Return True if the same message can succeed at another time."""
        return self.retry in (Retry.LATER, Retry.AFTER_FIX)


MINUTE = timedelta(minutes=1)

UNKNOWN = Failure(
    _("WhatsApp did not deliver this message and gave no known reason."),
    _("Find the message in ChumiAI, or contact this person another way."),
)
NO_ACCESS = Failure(
    _("The WhatsApp connection of your ChumiAI account lacks a permission."),
    _("Connect WhatsApp again in ChumiAI."),
    About.ACCOUNT,
    retry=Retry.AFTER_FIX,
    pauses=True,
)
EXPIRED = Failure(
    _("The WhatsApp connection of your ChumiAI account has expired."),
    _("Connect WhatsApp again in ChumiAI."),
    About.ACCOUNT,
    retry=Retry.AFTER_FIX,
    pauses=True,
)
TOO_MANY_CALLS = Failure(
    _("There were too many requests to WhatsApp."),
    _("Wait a few minutes, then send to these people again."),
    About.WHATSAPP,
    retry=Retry.LATER,
    wait=5 * MINUTE,
    waits_by_itself=True,
)
DOWN = Failure(
    _("WhatsApp was not available for a moment."),
    _("Send to these people again later."),
    About.WHATSAPP,
    retry=Retry.LATER,
    wait=5 * MINUTE,
    waits_by_itself=True,
)
NOT_VALID = Failure(
    _("WhatsApp says that something in this message is not valid, often the number or a value."),
    _("Check the number and the values of this person."),
    About.MESSAGE,
    retry=Retry.NEW_CAMPAIGN,
)
FORM_IN_TEMPLATE = Failure(
    _("The form inside the template is blocked or slowed down by WhatsApp."),
    _("Fix the form in WhatsApp Manager, or use another template."),
    About.TEMPLATE,
    retry=Retry.AFTER_FIX,
    pauses=True,
)
TEMPLATE_NOT_READY = Failure(
    _("WhatsApp was still preparing this template."),
    _("Wait ten minutes, then send to these people again."),
    About.TEMPLATE,
    retry=Retry.LATER,
    wait=10 * MINUTE,
    pauses=True,
)

# The person opted out of marketing in WhatsApp.
STOPPED_MARKETING = 131050
# Source: Meta, Cloud API error codes.
FAILURES = {
    0: EXPIRED,
    1: Failure(
        _("WhatsApp could not handle the request, or had a problem of its own."),
        _("Try once more. If it fails again, tell ChumiAI support."),
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
        _("WhatsApp has restricted your account for breaking one of its policies."),
        _("Read the policy and appeal in Meta Business Support. Send nothing until it is lifted."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    80007: TOO_MANY_CALLS,
    130429: Failure(
        _("Messages went out faster than this WhatsApp number may send."),
        _("Send to these people again later."),
        About.ACCOUNT,
        retry=Retry.LATER,
        wait=MINUTE,
        waits_by_itself=True,
    ),
    130472: Failure(
        _("WhatsApp is running a test in which this person gets no marketing messages."),
        _("Nothing to fix, and you are not charged. Contact them another way."),
        About.PERSON,
    ),
    130497: Failure(
        _("Your business may not send messages to this country."),
        _("Remove the numbers of this country from the file."),
        About.PERSON,
    ),
    131000: Failure(
        _("WhatsApp had a problem that it does not explain."),
        _("Try once more. If it fails again, tell ChumiAI support."),
        About.WHATSAPP,
        retry=Retry.LATER,
        wait=MINUTE,
        most=2,
    ),
    131005: NO_ACCESS,
    131008: Failure(
        _("A value that the template needs was empty."),
        _("Fill the cell in the file, or set a fallback."),
        About.MESSAGE,
        retry=Retry.NEW_CAMPAIGN,
    ),
    131009: NOT_VALID,
    131016: DOWN,
    131021: Failure(
        _("This is the number of your own business."),
        _("Remove it from the file."),
        About.PERSON,
    ),
    131026: Failure(
        _(
            "This number is not on WhatsApp, or its WhatsApp is too old or has not accepted "
            "the terms."
        ),
        _("Check the number or contact them by SMS or phone."),
        About.PERSON,
    ),
    131030: Failure(
        _("Your business sends from a test number, and this person is not on its list."),
        _("Add the number to the list in WhatsApp Manager, or send from your real number."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
    ),
    131031: Failure(
        _("WhatsApp has locked your account."),
        _("Open Meta Business Support to see why. Send nothing until it is unlocked."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131037: Failure(
        _("The name of your business is not approved by WhatsApp yet."),
        _("Get the display name approved in WhatsApp Manager."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131042: Failure(
        _("There is a problem with the payment of your WhatsApp account."),
        _("Fix the payment in Meta's billing or in ChumiAI, then send to these people again."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131045: Failure(
        _("Your business number is not properly registered with WhatsApp."),
        _("Register the number again in ChumiAI."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131047: Failure(
        _("This person last wrote more than 24 hours ago, so only a template may be sent."),
        _("Send an approved template."),
        About.PERSON,
        retry=Retry.NEW_CAMPAIGN,
    ),
    131048: Failure(
        _("WhatsApp limits your number because people blocked or reported its messages."),
        _("Stop the campaign and check the quality of your number in WhatsApp Manager."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131049: Failure(
        _("WhatsApp did not deliver this: this person got too many marketing messages lately."),
        _("Wait at least 24 hours, and send fewer, better targeted messages."),
        About.PERSON,
        retry=Retry.LATER,
        wait=timedelta(hours=24),
        most=1,
    ),
    STOPPED_MARKETING: Failure(
        _("This person switched off marketing from you."),
        _("Do not send again. We added the number to your opt-outs."),
        About.PERSON,
    ),
    131051: Failure(
        _("WhatsApp does not support this type of message."),
        _("Use another template."),
        About.TEMPLATE,
    ),
    131052: Failure(
        _("The file that this person sent could not be fetched."),
        _("Ask them to send it again."),
        About.MESSAGE,
    ),
    131053: Failure(
        _("WhatsApp could not use the image, video or file above the message."),
        _("Check its type and size, and that its link opens for everyone."),
        About.MESSAGE,
        retry=Retry.AFTER_FIX,
    ),
    131056: Failure(
        _("Too many messages went to this same person too quickly."),
        _("Wait a few minutes before you send to this person again."),
        About.PERSON,
        retry=Retry.LATER,
        wait=5 * MINUTE,
    ),
    131057: Failure(
        _("WhatsApp was upgrading your number."),
        _("Wait a few minutes, then send to these people again."),
        About.WHATSAPP,
        retry=Retry.LATER,
        wait=10 * MINUTE,
        waits_by_itself=True,
    ),
    131059: Failure(
        _("WhatsApp lost its place in a list while we fetched it."),
        _("Try again. You don't have to change anything."),
        About.WHATSAPP,
        retry=Retry.LATER,
        wait=MINUTE,
    ),
    131063: Failure(
        _("Marketing templates are switched off for the way your account is set up."),
        _("Ask ChumiAI support to switch them on."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    131064: Failure(
        _("Your account is limited because templates were filed in the wrong category."),
        _("Review the categories of your templates. The limit lifts by itself."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    132000: Failure(
        _("The template needs a different number of values than it was given."),
        _("Refresh the templates, then fill every placeholder."),
        About.TEMPLATE,
        retry=Retry.NEW_CAMPAIGN,
        pauses=True,
    ),
    132001: Failure(
        _("This template does not exist in this language, or is not approved."),
        _("Refresh the templates and check the language."),
        About.TEMPLATE,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    132005: Failure(
        _("With the values filled in, the message is too long."),
        _("Shorten the values of this person."),
        About.MESSAGE,
        retry=Retry.NEW_CAMPAIGN,
    ),
    132007: Failure(
        _("The text breaks one of WhatsApp's rules about content."),
        _("Edit the template in WhatsApp Manager."),
        About.TEMPLATE,
        retry=Retry.NEW_CAMPAIGN,
        pauses=True,
    ),
    132012: Failure(
        _("A value has the wrong form, or the image or file above the message is missing."),
        _("Check the header of the template and the values."),
        About.TEMPLATE,
        retry=Retry.NEW_CAMPAIGN,
        pauses=True,
    ),
    132015: Failure(
        _("WhatsApp paused this template because people reacted badly to it."),
        _("Wait, or edit it. Until then, use another template."),
        About.TEMPLATE,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    132016: Failure(
        _("WhatsApp switched this template off for good."),
        _("Make another template."),
        About.TEMPLATE,
        pauses=True,
    ),
    132018: Failure(
        _("A value holds a line break, a tab or too many spaces."),
        _("Fix the values of this person."),
        About.MESSAGE,
        retry=Retry.NEW_CAMPAIGN,
    ),
    132068: FORM_IN_TEMPLATE,
    132069: FORM_IN_TEMPLATE,
    133004: DOWN,
    133010: Failure(
        _("Your business number is not registered with WhatsApp."),
        _("Register the number in ChumiAI."),
        About.ACCOUNT,
        retry=Retry.AFTER_FIX,
        pauses=True,
    ),
    134101: TEMPLATE_NOT_READY,
    134102: TEMPLATE_NOT_READY,
    135000: Failure(
        _("WhatsApp did not understand the message."),
        _("Tell ChumiAI support which template it was."),
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
    """Return the `Failure` of the code that a text from ChumiAI quotes, or None."""
    known = explain(code_in(text))
    return None if known is UNKNOWN else known


def code_in(text: str) -> int | None:
    """Return the code that a text from ChumiAI quotes, or None."""
    quoted = QUOTED.search(text)
    return int(quoted[1]) if quoted else None


def when_retry(code: int | None, *, failed_at: datetime, tries: int) -> datetime | None:
    """Return from when a retry makes sense, or None if it does not.

    `tries` is the number of retries so far.
    """
    failure = explain(code)
    if not failure.can_be_tried or tries >= failure.most:
        return None
    return failed_at + failure.wait
