"""The data that every account starts with: templates, contacts, groups and past jobs.

The same seed and account name always give the same data.
"""

import random
from typing import Any, NamedTuple

Data = dict[str, Any]

DAY = 86_400
MEDIA = "https://media.chumiai.example/sandbox"

FIRST_NAMES = (
    "Ama Kofi Akosua Kwame Esi Yaw Abena Kojo Adwoa Kwabena Akua Kwaku Yaa Kwasi Afia Fiifi "
    "Efua Nii Naa Selorm Dzifa Mawuli Fatima Ibrahim Zainab"
)
LAST_NAMES = (
    "Mensah Owusu Boateng Asante Appiah Osei Addo Agyeman Amoah Quaye Lamptey Tetteh Darko "
    "Ofori Adjei Sarpong Dogbe Amegah Alhassan Mahama"
)
GHANA_PREFIXES = ("24", "54", "55", "59", "20", "50", "26", "27", "57")
TAGS = ("vip", "wholesale", "newsletter", "lapsed", "staff")
GROUPS = (
    ("Accra customers", 312),
    ("Kumasi customers", 187),
    ("Newsletter", 640),
    ("VIP", 48),
    ("Staff", 12),
    ("Empty", 0),
)
PAST_FILES = ("customers.xlsx", "october list.csv", "vip.xlsx", None, "Recipients (2).xlsx")
FAILURES = ((131049, 45), (131026, 40), (131050, 8), (130472, 7))


class PastJob(NamedTuple):
    """A job that ended before the sandbox started; `failures` are (position, code)."""

    seconds_ago: int
    template: str
    language: str
    file_name: str | None
    total: int
    failures: list[tuple[int, int]]


def templates() -> list[Data]:
    """Return 14 templates, with every kind of component and every status that a screen shows."""
    stop = {"type": "QUICK_REPLY", "text": "Stop promotions"}
    return [
        _template(
            "welcome_message",
            "en_US",
            _text_header("Welcome to Makola Fresh"),
            _body("Hi {{1}}, your code is {{2}}.\nShow it at *any* of our shops.", "Ama", "MF-24"),
            _footer("Reply STOP to opt out"),
            _buttons(stop),
            quality="GREEN",
        ),
        _template(
            "welcome_message",
            "en_GH",
            _body("Akwaaba {{1}}! Your code is {{2}}.", "Ama", "MF-24"),
            status="PAUSED",
            quality="RED",
        ),
        _template(
            "order_update",
            "en",
            _body(
                "Hello {{1}}, order {{2}} is ready. You pay {{3}} at the counter.",
                "Kofi",
                "#10293",
                "GHS 120.00",
            ),
            category="UTILITY",
            quality="GREEN",
        ),
        _template(
            "event_reminder",
            "en_GH",
            _text_header("See you on {{1}}", "Friday"),
            _body("Dear {{1}}, doors open at {{2}}.", "Esi", "18:00"),
        ),
        _template(
            "promotion_broadcast",
            "en_US",
            _media_header("IMAGE", "fresh.jpg"),
            _body("Hi {{1}}! This week: *{{2}}* off everything fresh.", "Yaw", "20%"),
            _footer("Makola Fresh, Accra"),
            _buttons(stop),
            quality="YELLOW",
        ),
        _template(
            "store_opening",
            "en_GH",
            _media_header("VIDEO", "opening.mp4"),
            _body("{{1}}, we open in {{2}} this Saturday.", "Abena", "Tema"),
            status="REJECTED",
            rejected_reason="PROMOTIONAL",
        ),
        _template(
            "invoice_ready",
            "en",
            _media_header("DOCUMENT", "invoice.pdf"),
            _body("Dear {{1}}, your invoice {{2}} is attached.", "Kwame", "INV-0042"),
            category="UTILITY",
            quality="GREEN",
        ),
        _template(
            "track_delivery",
            "en_US",
            _body("Hi {{1}}, your parcel is on its way.", "Kojo"),
            _buttons(
                {
                    "type": "URL",
                    "text": "Track parcel",
                    "url": "https://makolafresh.example/track/{{1}}",
                    "example": ["https://makolafresh.example/track/10293"],
                }
            ),
            category="UTILITY",
        ),
        _template(
            "call_us",
            "en",
            _body("Hi {{1}}, questions about your order? We are here _every day_.", "Akua"),
            _buttons(
                {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+233302000000"},
                {"type": "URL", "text": "Our shop", "url": "https://makolafresh.example/"},
            ),
            quality="RED",
        ),
        _template(
            "coupon_gift",
            "en_US",
            _body("A gift for you, {{1}}.", "Adwoa"),
            _buttons({"type": "COPY_CODE", "text": "Copy offer code", "example": "GIFT20"}),
        ),
        _template(
            "new_arrivals",
            "en_US",
            _body("New this week, {{1}}:", "Efua"),
            {"type": "CAROUSEL", "cards": [_card("Mangoes"), _card("Pineapples")]},
        ),
        _template(
            "flash_sale",
            "en_US",
            _media_header("IMAGE", "flash.jpg"),
            {
                "type": "LIMITED_TIME_OFFER",
                "limited_time_offer": {"text": "Ends tonight", "has_expiration": True},
            },
            _body("{{1}}, tonight only: half price.", "Naa"),
            _buttons(
                {"type": "COPY_CODE", "text": "Copy offer code", "example": "FLASH50"},
                {"type": "URL", "text": "Shop", "url": "https://makolafresh.example/flash"},
            ),
        ),
        _template(
            "loyalty_points",
            "en_GH",
            {
                "type": "BODY",
                "text": "Hi {{first_name}}, you have {{points}} points. Thank you!",
                "example": {
                    "body_text_named_params": [
                        {"param_name": "first_name", "example": "Yaa"},
                        {"param_name": "points", "example": "320"},
                    ]
                },
            },
            parameter_format="NAMED",
            quality="GREEN",
        ),
        _template(
            "login_code",
            "en_US",
            {
                "type": "BODY",
                "text": "*{{1}}* is your verification code.",
                "add_security_recommendation": True,
                "example": {"body_text": [["123456"]]},
            },
            _buttons({"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}),
            category="AUTHENTICATION",
        ),
    ]


def contacts(rng: random.Random) -> list[Data]:
    """Return 1,200 contacts: most Ghanaian; some abroad, nameless, duplicate or opted out."""
    people: list[Data] = []
    first_names, last_names = FIRST_NAMES.split(), LAST_NAMES.split()
    for number in range(1200):
        name = f"{rng.choice(first_names)} {rng.choice(last_names)}"
        phone = _phone(rng)
        if number % 100 == 99:
            phone = people[rng.randrange(number)]["phone"]
        people.append(
            {
                "id": f"{rng.getrandbits(96):024x}",
                "name": None if rng.random() < 0.06 else name,
                "phone": phone,
                "email": f"{name.lower().replace(' ', '.')}@mail.example" if number % 3 else None,
                "tags": rng.sample(TAGS, rng.choice((0, 0, 1, 2))),
                "customFields": {"town": rng.choice(("Accra", "Kumasi", "Tema", "Ho"))},
                "optedOut": rng.random() < 0.04,
                "days_ago": rng.randrange(2, 400),
            }
        )
    return people


def contact(
    contact_id: str,
    phone: str,
    name: str | None = None,
    email: str | None = None,
    fields: Data | None = None,
    opted_out: bool = False,
) -> Data:
    """Return a contact with these fields."""
    return {
        "id": contact_id,
        "name": name,
        "phone": phone,
        "email": email,
        "tags": [],
        "customFields": fields or {},
        "optedOut": opted_out,
        "days_ago": 2,
    }


def many_contacts(count: int) -> list[Data]:
    """Return `count` people, each with a different number."""
    return [
        {
            "id": f"{number:024x}",
            "name": f"Person {number}",
            "phone": f"23324{number:07d}",
            "email": None,
            "tags": [],
            "customFields": {"town": "Ho"},
            "optedOut": False,
            "days_ago": 2,
        }
        for number in range(count)
    ]


def many_groups(count: int, people: list[Data]) -> list[Data]:
    """Divide the people into `count` groups."""
    return [
        {
            "id": f"{number:023x}f",
            "name": f"Group {number}",
            "description": None,
            "members": [person["id"] for person in people[number::count]],
            "days_ago": 2,
        }
        for number in range(count)
    ]


def groups(rng: random.Random, people: list[Data]) -> list[Data]:
    """Return 6 groups, each with the ids of its members; the last one is empty."""
    return [
        {
            "id": f"{rng.getrandbits(96):024x}",
            "name": name,
            "description": None,
            "members": [person["id"] for person in rng.sample(people, size)],
            "days_ago": 30 * number + 3,
        }
        for number, (name, size) in enumerate(GROUPS)
    ]


def past_jobs(rng: random.Random) -> list[PastJob]:
    """Return 37 finished jobs of the last two months, oldest first."""
    sendable = [("welcome_message", "en_US"), ("order_update", "en"), ("loyalty_points", "en_GH")]
    jobs = []
    for number in range(37, 0, -1):
        template, language = rng.choice(sendable)
        total = rng.choice((12, 48, 120, 312, 480, 640, 1200))
        failing = rng.sample(range(total), int(total * rng.choice((0, 0.02, 0.06))))
        codes, weights = zip(*FAILURES, strict=True)
        failures = [(at, rng.choices(codes, weights)[0]) for at in sorted(failing)]
        ago = int(number * 1.6 * DAY) + rng.randrange(DAY // 3)
        jobs.append(PastJob(ago, template, language, rng.choice(PAST_FILES), total, failures))
    return jobs


def _phone(rng: random.Random) -> str:
    where = rng.random()
    if where < 0.03:
        return f"23480{rng.randrange(10**8):08d}"
    if where < 0.05:
        return f"1404555{rng.randrange(10**4):04d}"
    return f"233{rng.choice(GHANA_PREFIXES)}{rng.randrange(10**7):07d}"


def _template(
    name: str,
    language: str,
    *components: Data,
    category: str = "MARKETING",
    status: str = "APPROVED",
    quality: str = "UNKNOWN",
    parameter_format: str = "POSITIONAL",
    rejected_reason: str = "NONE",
) -> Data:
    return {
        "name": name,
        "language": language,
        "category": category,
        "status": status,
        "parameter_format": parameter_format,
        "quality_score": {"score": quality},
        "rejected_reason": rejected_reason,
        "components": list(components),
    }


def _text_header(text: str, *examples: str) -> Data:
    example = {"example": {"header_text": list(examples)}} if examples else {}
    return {"type": "HEADER", "format": "TEXT", "text": text, **example}


def _media_header(kind: str, file: str) -> Data:
    return {
        "type": "HEADER",
        "format": kind,
        "example": {"header_handle": [f"{MEDIA}/{file}"]},
    }


def _body(text: str, *examples: str) -> Data:
    return {"type": "BODY", "text": text, "example": {"body_text": [list(examples)]}}


def _footer(text: str) -> Data:
    return {"type": "FOOTER", "text": text}


def _buttons(*buttons: Data) -> Data:
    return {"type": "BUTTONS", "buttons": list(buttons)}


def _card(name: str) -> Data:
    return {
        "components": [
            _media_header("IMAGE", f"{name.lower()}.jpg"),
            {"type": "BODY", "text": name},
            _buttons({"type": "QUICK_REPLY", "text": f"Order {name.lower()}"}),
        ]
    }
