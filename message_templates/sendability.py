"""Whether a campaign can use a template: the code of the reason why not, and warnings."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.columns import is_cut
from message_templates.components import (
    Content,
    Header,
    constant,
    has_braces,
    has_unknown_braces,
    parse,
    placeholders,
    texts_outside_body,
)

# A GIF goes through another API of Meta's.
SENDABLE_MEDIA = {"IMAGE", "VIDEO", "DOCUMENT"}
SENDABLE_BUTTONS = {"QUICK_REPLY", "URL", "PHONE_NUMBER"}
# Components and buttons that need no values of ours, and of which ChumiAI documents nothing: a
# campaign with one starts once a test was accepted (see `sending.tested`).
TEST_FIRST = {"REQUEST_CONTACT_INFO", "CALL_PERMISSION_REQUEST", "VOICE_CALL"}
# WhatsApp lets these through; a locked template can't be edited, which is another matter.
SENDABLE_STATUSES = {"APPROVED", "REINSTATED", "LOCKED"}


class Unsendable(models.TextChoices):
    """Why a template can't be sent from here.

    After STATUS_, COMPONENT_, HEADER_ and BUTTON_ comes WhatsApp's own word; OTHER is for a word
    that is not in this list.
    """

    VANISHED = (
        "vanished",
        _("ChumiAI no longer lists this template. We keep it for its history."),
    )
    STATUS_PENDING = (
        "status_pending",
        _("WhatsApp is still reviewing this template. That can take up to 24 hours."),
    )
    STATUS_IN_APPEAL = (
        "status_in_appeal",
        _("WhatsApp rejected this template and is reviewing an appeal."),
    )
    STATUS_REJECTED = (
        "status_rejected",
        _("WhatsApp rejected this template. Change it in ChumiAI and submit it again."),
    )
    STATUS_PAUSED = (
        "status_paused",
        _(
            "WhatsApp paused this template because people blocked or reported it. "
            "You can send it again when WhatsApp lifts the pause."
        ),
    )
    STATUS_DISABLED = (
        "status_disabled",
        _("WhatsApp disabled this template for good. Create another one in ChumiAI."),
    )
    STATUS_FLAGGED = (
        "status_flagged",
        _("WhatsApp flagged this template for low quality and may disable it."),
    )
    STATUS_LIMIT_EXCEEDED = (
        "status_limit_exceeded",
        _("Your WhatsApp account has too many templates, so this one is on hold."),
    )
    STATUS_ARCHIVED = "status_archived", _("This template was archived.")
    STATUS_DELETED = "status_deleted", _("This template was deleted in WhatsApp.")
    STATUS_PENDING_DELETION = (
        "status_pending_deletion",
        _("This template is being deleted in WhatsApp."),
    )
    STATUS_OTHER = (
        "status_other",
        _("WhatsApp has not approved this template, so it can't be sent."),
    )
    AUTHENTICATION = (
        "authentication",
        _("This template is for log-in codes, not for campaigns."),
    )
    COMPONENT_CAROUSEL = (
        "component_carousel",
        _("It is a carousel of cards, which can't be sent from here yet."),
    )
    COMPONENT_LIMITED_TIME_OFFER = (
        "component_limited_time_offer",
        _("It is a limited-time offer, which can't be sent from here yet."),
    )
    COMPONENT_ORDER_DETAILS = (
        "component_order_details",
        _("It shows an order with its price, which can't be sent from here yet."),
    )
    COMPONENT_ORDER_STATUS = (
        "component_order_status",
        _("It shows the status of an order, which can't be sent from here yet."),
    )
    COMPONENT_TAP_TARGET_CONFIGURATION = (
        "component_tap_target_configuration",
        _("It opens a link when it is tapped, which can't be sent from here yet."),
    )
    COMPONENT_OTHER = (
        "component_other",
        _("It has a component that is not known here, so it can't be sent from here yet."),
    )
    LANGUAGE = (
        "language",
        _("Its language code is longer than any of WhatsApp's, so it can't be sent."),
    )
    NO_BODY = "no_body", _("It has no text to send.")
    BRACES = (
        "braces",
        _(
            "Its text has braces like {{…}} around something that is no placeholder, and people "
            "would see them. Write placeholders as {{1}} or {{name}}."
        ),
    )
    NUMBERING = (
        "numbering",
        _("Its placeholders are not numbered 1, 2, 3 and so on, so values could be mixed up."),
    )
    HEADER_PLACEHOLDER = (
        "header_placeholder",
        _("Its header has a placeholder, and only the body can be filled in from here."),
    )
    HEADER_GIF = (
        "header_gif",
        _("It needs a GIF in its header, which can't be sent from here yet."),
    )
    HEADER_LOCATION = (
        "header_location",
        _("It needs a location in its header, which can't be sent from here yet."),
    )
    HEADER_PRODUCT = (
        "header_product",
        _("It shows a product in its header, which can't be sent from here yet."),
    )
    HEADER_OTHER = (
        "header_other",
        _("It has a header that is not known here, so it can't be sent from here yet."),
    )
    BUTTON_PLACEHOLDER = (
        "button_placeholder",
        _(
            "One of its buttons has a link with a placeholder, and only the body can be filled "
            "in from here."
        ),
    )
    BUTTON_COPY_CODE = (
        "button_copy_code",
        _("It has a button that copies a coupon code, which can't be filled in from here."),
    )
    BUTTON_OTP = (
        "button_otp",
        _("It has a button for a log-in code. Such templates are not for campaigns."),
    )
    BUTTON_CATALOG = (
        "button_catalog",
        _("It has a button that opens a catalogue, which can't be sent from here yet."),
    )
    BUTTON_MPM = (
        "button_mpm",
        _("It has a button that opens a list of products, which can't be sent from here yet."),
    )
    BUTTON_SPM = (
        "button_spm",
        _("It has a button that opens a product, which can't be sent from here yet."),
    )
    BUTTON_FLOW = (
        "button_flow",
        _("It has a button that opens a form in WhatsApp, which can't be sent from here yet."),
    )
    BUTTON_ORDER_DETAILS = (
        "button_order_details",
        _("It has a button that opens an order, which can't be sent from here yet."),
    )
    BUTTON_ORDER_STATUS = (
        "button_order_status",
        _("It has a button about the status of an order, which can't be sent from here yet."),
    )
    BUTTON_SEND_LOCATION = (
        "button_send_location",
        _("It has a button that asks for the place, which can't be sent from here yet."),
    )
    BUTTON_REMINDER = (
        "button_reminder",
        _("It has a button that sets a reminder, which can't be sent from here yet."),
    )
    BUTTON_APP = (
        "button_app",
        _("It has a button that opens an app, which can't be sent from here yet."),
    )
    BUTTON_OTHER = "button_other", _("It has a button that is not known here.")


def why_unsendable(
    *,
    components: object,
    parameter_format: str = "",
    category: str = "",
    status: str = "APPROVED",
    language: str = "",
    vanished: bool = False,
) -> Unsendable | None:
    """Return the first reason why a campaign can't use the template, or None.

    Whether placeholders have numbers or names is read from the text, not from `parameter_format`.
    """
    if vanished:
        return Unsendable.VANISHED
    if constant(status) not in SENDABLE_STATUSES:
        return _reason("STATUS", constant(status))
    if is_cut(language):
        return Unsendable.LANGUAGE
    if constant(category) == "AUTHENTICATION":
        return Unsendable.AUTHENTICATION
    content = parse(components)
    for component in content.others:
        if component not in TEST_FIRST:
            return _reason("COMPONENT", component)
    if not content.body.strip():
        return Unsendable.NO_BODY
    names = placeholders(components)
    numbered = any(name.isdigit() for name in names)
    if numbered and names != [str(number) for number in range(1, len(names) + 1)]:
        return Unsendable.NUMBERING
    return _why_header(content.header) or _why_buttons(content) or _why_texts(components)


def _reason(kind: str, word: str) -> Unsendable:
    return Unsendable.__members__.get(f"{kind}_{word}", Unsendable[f"{kind}_OTHER"])


def _why_header(header: Header | None) -> Unsendable | None:
    if header is None or header.format in SENDABLE_MEDIA:
        return None
    if header.format == "TEXT":
        return Unsendable.HEADER_PLACEHOLDER if has_braces(header.text) else None
    return _reason("HEADER", header.format)


def _why_buttons(content: Content) -> Unsendable | None:
    for button in content.buttons:
        if button.kind == "URL" and has_braces(button.url):
            return Unsendable.BUTTON_PLACEHOLDER
        if button.kind not in SENDABLE_BUTTONS | TEST_FIRST:
            return _reason("BUTTON", button.kind)
    return None


def _why_texts(components: object) -> Unsendable | None:
    """Return BRACES if a text anywhere has braces that no value fills."""
    if has_unknown_braces(parse(components).body):
        return Unsendable.BRACES
    if any(has_braces(text) for _kind, text in texts_outside_body(components)):
        return Unsendable.BRACES
    return None


def must_be_tested(components: object) -> bool:
    """Return True if a campaign starts only after a test of the template was accepted."""
    content = parse(components)
    kinds = {*content.others, *(button.kind for button in content.buttons)}
    return bool(kinds & TEST_FIRST)


def warnings(
    *, components: object, parameter_format: str = "", status: str = "", quality: str = ""
) -> list[str]:
    """Return what a person should know before sending a template that can be sent.

    Whether placeholders have names is read from the text, not from `parameter_format`.
    """
    found = []
    if constant(quality) == "YELLOW":
        found.append(
            gettext(
                "WhatsApp rates the quality of this template as medium. "
                "It may be paused if more people block or report it."
            )
        )
    if constant(quality) == "RED":
        found.append(
            gettext(
                "WhatsApp rates the quality of this template as low. "
                "It may be paused while your campaign is sending."
            )
        )
    if constant(status) == "LOCKED":
        found.append(
            gettext("WhatsApp locked this template: it can be sent, but not edited for now.")
        )
    if must_be_tested(components):
        found.append(
            gettext(
                "This template has a part that ChumiAI does not document. A campaign starts only "
                "after a test of it was accepted."
            )
        )
    if not all(name.isdigit() for name in placeholders(components)):
        found.append(
            gettext(
                "The placeholders of this template have names. ChumiAI documents numbered ones "
                "only, so send a test first."
            )
        )
    return found
