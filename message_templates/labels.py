"""WhatsApp's words for templates, in ours. An unknown word is shown as it came."""

# Meta's supported languages; a code's case and underscore matter on the wire.
LANGUAGES = dict(
    line.split("=")
    for line in """\
af=Afrikaans
sq=Albanian
ar=Arabic
ar_EG=Arabic (Egypt)
ar_AE=Arabic (UAE)
ar_LB=Arabic (Lebanon)
ar_MA=Arabic (Morocco)
ar_QA=Arabic (Qatar)
az=Azerbaijani
be_BY=Belarusian
bn=Bengali
bn_IN=Bengali (India)
bg=Bulgarian
ca=Catalan
zh_CN=Chinese (China)
zh_HK=Chinese (Hong Kong)
zh_TW=Chinese (Taiwan)
hr=Croatian
cs=Czech
da=Danish
prs_AF=Dari
nl=Dutch
nl_BE=Dutch (Belgium)
en=English
en_GB=English (UK)
en_US=English (US)
en_AE=English (UAE)
en_AU=English (Australia)
en_CA=English (Canada)
en_GH=English (Ghana)
en_IE=English (Ireland)
en_IN=English (India)
en_JM=English (Jamaica)
en_MY=English (Malaysia)
en_NZ=English (New Zealand)
en_QA=English (Qatar)
en_SG=English (Singapore)
en_UG=English (Uganda)
en_ZA=English (South Africa)
et=Estonian
fil=Filipino
fi=Finnish
fr=French
fr_BE=French (Belgium)
fr_CA=French (Canada)
fr_CH=French (Switzerland)
fr_CI=French (Côte d'Ivoire)
fr_MA=French (Morocco)
ka=Georgian
de=German
de_AT=German (Austria)
de_CH=German (Switzerland)
el=Greek
gu=Gujarati
ha=Hausa
he=Hebrew
hi=Hindi
hu=Hungarian
id=Indonesian
ga=Irish
it=Italian
ja=Japanese
kn=Kannada
kk=Kazakh
rw_RW=Kinyarwanda
ko=Korean
ky_KG=Kyrgyz
lo=Lao
lv=Latvian
lt=Lithuanian
mk=Macedonian
ms=Malay
ml=Malayalam
mr=Marathi
nb=Norwegian
ps_AF=Pashto
fa=Persian
pl=Polish
pt_BR=Portuguese (Brazil)
pt_PT=Portuguese (Portugal)
pa=Punjabi
ro=Romanian
ru=Russian
sr=Serbian
si_LK=Sinhala
sk=Slovak
sl=Slovenian
es=Spanish
es_AR=Spanish (Argentina)
es_CL=Spanish (Chile)
es_CO=Spanish (Colombia)
es_CR=Spanish (Costa Rica)
es_DO=Spanish (Dominican Republic)
es_EC=Spanish (Ecuador)
es_HN=Spanish (Honduras)
es_MX=Spanish (Mexico)
es_PA=Spanish (Panama)
es_PE=Spanish (Peru)
es_ES=Spanish (Spain)
es_UY=Spanish (Uruguay)
sw=Swahili
sv=Swedish
ta=Tamil
te=Telugu
th=Thai
tr=Turkish
uk=Ukrainian
ur=Urdu
uz=Uzbek
vi=Vietnamese
zu=Zulu""".splitlines()
)

QUALITIES = {"GREEN": "High", "YELLOW": "Medium", "RED": "Low", "UNKNOWN": "Not rated yet"}

# Label and tone of a template that could be sent, by quality; from Meta's quality rating.
READY = {
    "GREEN": ("Ready", "ok"),
    "YELLOW": ("Ready · watch quality", "warn"),
    "RED": ("Ready · at risk", "bad"),
}
STATUSES = {
    "APPROVED": "Approved",
    "PENDING": "In review",
    "IN_APPEAL": "Appeal requested",
    "REJECTED": "Rejected by WhatsApp",
    "PAUSED": "Paused by WhatsApp",
    "DISABLED": "Disabled by WhatsApp",
}

# Meta's rejection reasons.
REJECTIONS = {
    "ABUSIVE_CONTENT": "WhatsApp sees abusive content in it.",
    "INCORRECT_CATEGORY": "WhatsApp says that it belongs in another category.",
    "INVALID_FORMAT": "Its format is wrong, often around a placeholder.",
    "PROMOTIONAL": "It promotes something, so it has to be in the category Marketing.",
    "SCAM": "WhatsApp takes it for a scam.",
    "TAG_CONTENT_MISMATCH": "Its language or category does not fit its text.",
}

BUTTONS = {
    "QUICK_REPLY": "Quick reply",
    "URL": "Opens a web page",
    "PHONE_NUMBER": "Calls a number",
    "COPY_CODE": "Copies a coupon code",
    "OTP": "Copies a log-in code",
    "FLOW": "Opens a form in WhatsApp",
    "CATALOG": "Opens the catalogue",
    "MPM": "Opens a list of products",
    "SPM": "Opens a product",
}
OTHERS = {"CAROUSEL": "Carousel of cards", "LIMITED_TIME_OFFER": "Limited-time offer"}


def language(code):
    """Name a language, or return the code where it is none of WhatsApp's."""
    return LANGUAGES.get(code.replace("-", "_"), code)


def plain(word):
    """Write a constant for people: `TICKET_UPDATE` as `Ticket update`."""
    return word.replace("_", " ").capitalize()


def named(table, word):
    """Return the table's words for a constant, or the constant for people to read."""
    return table.get(word) or plain(word)


def rejection(reason):
    """Say why WhatsApp rejected a template; '' where it gives no reason."""
    return "" if reason in ("", "NONE") else REJECTIONS.get(reason, reason)


def badge(*, status, quality, sendable, vanished):
    """Return the label and the tone of a template's badge."""
    if vanished:
        return "No longer listed", "idle"
    if status != "APPROVED":
        return named(STATUSES, status), "bad" if status == "REJECTED" else "idle"
    if not sendable:
        return "Can't be sent from here", "idle"
    return READY.get(quality, ("Ready · new", "info"))
