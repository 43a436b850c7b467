"""Labels of WhatsApp's constants for templates. An unknown constant is shown as it came."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from message_templates.sendability import SENDABLE_STATUSES

# A text, or a sentence that is translated when it is shown.
Text = str | Promise

# Meta's supported languages; a code's case and underscore matter on the wire.
LANGUAGES = {
    "af": _("Afrikaans"),
    "sq": _("Albanian"),
    "ar": _("Arabic"),
    "ar_EG": _("Arabic (Egypt)"),
    "ar_AE": _("Arabic (UAE)"),
    "ar_LB": _("Arabic (Lebanon)"),
    "ar_MA": _("Arabic (Morocco)"),
    "ar_QA": _("Arabic (Qatar)"),
    "az": _("Azerbaijani"),
    "be_BY": _("Belarusian"),
    "bn": _("Bengali"),
    "bn_IN": _("Bengali (India)"),
    "bg": _("Bulgarian"),
    "ca": _("Catalan"),
    "zh_CN": _("Chinese (China)"),
    "zh_HK": _("Chinese (Hong Kong)"),
    "zh_TW": _("Chinese (Taiwan)"),
    "hr": _("Croatian"),
    "cs": _("Czech"),
    "da": _("Danish"),
    "prs_AF": _("Dari"),
    "nl": _("Dutch"),
    "nl_BE": _("Dutch (Belgium)"),
    "en": _("English"),
    "en_GB": _("English (UK)"),
    "en_US": _("English (US)"),
    "en_AE": _("English (UAE)"),
    "en_AU": _("English (Australia)"),
    "en_CA": _("English (Canada)"),
    "en_GH": _("English (Ghana)"),
    "en_IE": _("English (Ireland)"),
    "en_IN": _("English (India)"),
    "en_JM": _("English (Jamaica)"),
    "en_MY": _("English (Malaysia)"),
    "en_NZ": _("English (New Zealand)"),
    "en_QA": _("English (Qatar)"),
    "en_SG": _("English (Singapore)"),
    "en_UG": _("English (Uganda)"),
    "en_ZA": _("English (South Africa)"),
    "et": _("Estonian"),
    "fil": _("Filipino"),
    "fi": _("Finnish"),
    "fr": _("French"),
    "fr_BE": _("French (Belgium)"),
    "fr_CA": _("French (Canada)"),
    "fr_CH": _("French (Switzerland)"),
    "fr_CI": _("French (Côte d'Ivoire)"),
    "fr_MA": _("French (Morocco)"),
    "ka": _("Georgian"),
    "de": _("German"),
    "de_AT": _("German (Austria)"),
    "de_CH": _("German (Switzerland)"),
    "el": _("Greek"),
    "gu": _("Gujarati"),
    "ha": _("Hausa"),
    "he": _("Hebrew"),
    "hi": _("Hindi"),
    "hu": _("Hungarian"),
    "id": _("Indonesian"),
    "ga": _("Irish"),
    "it": _("Italian"),
    "ja": _("Japanese"),
    "kn": _("Kannada"),
    "kk": _("Kazakh"),
    "rw_RW": _("Kinyarwanda"),
    "ko": _("Korean"),
    "ky_KG": _("Kyrgyz"),
    "lo": _("Lao"),
    "lv": _("Latvian"),
    "lt": _("Lithuanian"),
    "mk": _("Macedonian"),
    "ms": _("Malay"),
    "ml": _("Malayalam"),
    "mr": _("Marathi"),
    "nb": _("Norwegian"),
    "ps_AF": _("Pashto"),
    "fa": _("Persian"),
    "pl": _("Polish"),
    "pt_BR": _("Portuguese (Brazil)"),
    "pt_PT": _("Portuguese (Portugal)"),
    "pa": _("Punjabi"),
    "ro": _("Romanian"),
    "ru": _("Russian"),
    "sr": _("Serbian"),
    "si_LK": _("Sinhala"),
    "sk": _("Slovak"),
    "sl": _("Slovenian"),
    "es": _("Spanish"),
    "es_AR": _("Spanish (Argentina)"),
    "es_CL": _("Spanish (Chile)"),
    "es_CO": _("Spanish (Colombia)"),
    "es_CR": _("Spanish (Costa Rica)"),
    "es_DO": _("Spanish (Dominican Republic)"),
    "es_EC": _("Spanish (Ecuador)"),
    "es_HN": _("Spanish (Honduras)"),
    "es_MX": _("Spanish (Mexico)"),
    "es_PA": _("Spanish (Panama)"),
    "es_PE": _("Spanish (Peru)"),
    "es_ES": _("Spanish (Spain)"),
    "es_UY": _("Spanish (Uruguay)"),
    "sw": _("Swahili"),
    "sv": _("Swedish"),
    "ta": _("Tamil"),
    "te": _("Telugu"),
    "th": _("Thai"),
    "tr": _("Turkish"),
    "uk": _("Ukrainian"),
    "ur": _("Urdu"),
    "uz": _("Uzbek"),
    "vi": _("Vietnamese"),
    "zu": _("Zulu"),
}

CATEGORIES = {
    "MARKETING": _("Marketing"),
    "UTILITY": _("Utility"),
    "AUTHENTICATION": _("Authentication"),
}
QUALITIES = {
    "GREEN": _("High"),
    "YELLOW": _("Medium"),
    "RED": _("Low"),
    "UNKNOWN": _("Not rated yet"),
}

# Label and tone of a template that can be sent, by Meta's quality rating.
READY = {
    "GREEN": (_("Ready"), "ok"),
    "YELLOW": (_("Ready · watch quality"), "warn"),
    "RED": (_("Ready · at risk"), "bad"),
}
STATUSES = {
    "APPROVED": _("Approved"),
    "PENDING": _("In review"),
    "IN_APPEAL": _("Appeal requested"),
    "REJECTED": _("Rejected by WhatsApp"),
    "PAUSED": _("Paused by WhatsApp"),
    "DISABLED": _("Disabled by WhatsApp"),
    "LOCKED": _("Approved, locked for editing"),
    "REINSTATED": _("Approved again"),
}

# Meta's rejection reasons.
REJECTIONS = {
    "ABUSIVE_CONTENT": _("WhatsApp sees abusive content in it."),
    "INCORRECT_CATEGORY": _("WhatsApp says that it belongs in another category."),
    "INVALID_FORMAT": _("Its format is wrong, often around a placeholder."),
    "PROMOTIONAL": _("It promotes something, so it has to be in the category Marketing."),
    "SCAM": _("WhatsApp takes it for a scam."),
    "TAG_CONTENT_MISMATCH": _("Its language or category does not fit its text."),
}

BUTTONS = {
    "QUICK_REPLY": _("Quick reply"),
    "URL": _("Opens a web page"),
    "PHONE_NUMBER": _("Calls a number"),
    "COPY_CODE": _("Copies a coupon code"),
    "OTP": _("Copies a log-in code"),
    "FLOW": _("Opens a form in WhatsApp"),
    "CATALOG": _("Opens the catalogue"),
    "MPM": _("Opens a list of products"),
    "SPM": _("Opens a product"),
    "VOICE_CALL": _("Calls the business in WhatsApp"),
    "REQUEST_CONTACT_INFO": _("Asks for the contact details"),
    "CALL_PERMISSION_REQUEST": _("Asks whether the business may call"),
    "ORDER_DETAILS": _("Opens an order"),
    "ORDER_STATUS": _("Opens the status of an order"),
    "SEND_LOCATION": _("Asks for the place"),
    "REMINDER": _("Sets a reminder"),
    "APP": _("Opens an app"),
}
OTHERS = {
    "CAROUSEL": _("Carousel of cards"),
    "LIMITED_TIME_OFFER": _("Limited-time offer"),
    "CALL_PERMISSION_REQUEST": _("Asks whether the business may call"),
    "REQUEST_CONTACT_INFO": _("Asks for the contact details"),
    "VOICE_CALL": _("Calls the business in WhatsApp"),
    "ORDER_DETAILS": _("An order with its price"),
    "ORDER_STATUS": _("The status of an order"),
    "TAP_TARGET_CONFIGURATION": _("Opens a link when it is tapped"),
}
# How a campaign with media in its header is sent.
MEDIA_NOTES = {
    "image": _("Needs an image. Sent one by one"),
    "video": _("Needs a video. Sent one by one"),
    "document": _("Needs a document. Sent one by one"),
}


def label(table: Mapping[str, Text], constant: str) -> str:
    """Return the label of a constant; without one, `TICKET_UPDATE` becomes `Ticket update`."""
    return str(table.get(constant) or constant.replace("_", " ").capitalize())


def language(code: str) -> str:
    """Return the name of a language, or its code where WhatsApp has no such language."""
    return str(LANGUAGES.get(code.replace("-", "_"), code))


def rejection(reason: str) -> str:
    """Return why WhatsApp rejected a template, '' where it gives no reason."""
    return "" if reason in ("", "NONE") else str(REJECTIONS.get(reason, reason))


def badge(*, status: str, quality: str, sendable: bool, vanished: bool) -> tuple[str, str]:
    """Return the label and the tone of a template's badge."""
    if vanished:
        return gettext("No longer listed"), "idle"
    if status not in SENDABLE_STATUSES:
        return label(STATUSES, status), "bad" if status == "REJECTED" else "idle"
    if not sendable:
        return gettext("Can't be sent from here"), "idle"
    text, tone = READY.get(quality, (_("Ready · new"), "info"))
    return str(text), tone
