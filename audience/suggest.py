"""Suggest which column of a file holds the phones, and which one fills each placeholder."""

import re
from collections.abc import Mapping as MappingType
from collections.abc import Sequence

from audience.mapping import Column, Suggestion
from audience.values import phone_of
from core import phones
from spreadsheets.cells import Cell, Row

# Words that name a phone column, and how surely.
_PHONE_WORDS = {
    "whatsapp": 5, "phone": 4, "phones": 4, "mobile": 4, "msisdn": 4, "tel": 4, "telephone": 4,
    "cell": 4, "cellphone": 4, "momo": 3, "gsm": 3, "contact": 2, "contacts": 2, "number": 2,
    "numbers": 2, "no": 1,
}  # fmt: skip
# Words with a similar meaning, in the names of columns and in the text of a message.
_MEANINGS = (
    {"name", "names", "firstname", "fullname", "first", "customer", "client", "recipient",
     "member", "hi", "hello", "dear", "hey", "welcome", "morning", "afternoon", "evening",
     "akwaaba", "thanks", "mr", "mrs", "madam", "guest", "student", "parent"},
    {"code", "coupon", "voucher", "promo", "pin", "token", "discount"},
    {"date", "day", "due", "expires", "expiry", "until", "by", "before", "on", "deadline"},
    {"time", "hour", "at", "from"},
    {"amount", "balance", "price", "total", "fee", "fees", "cost", "sum", "ghs", "cedis", "usd",
     "owe", "pay", "paid", "owing", "arrears"},
    {"order", "invoice", "ref", "reference", "receipt", "booking", "ticket", "policy",
     "account", "tracking"},
    {"branch", "location", "shop", "store", "city", "town", "address", "venue", "region"},
    {"product", "item", "package", "plan", "service", "course", "model"},
    {"link", "url", "website", "site"},
    {"email", "mail"},
)  # fmt: skip


def has_header(rows: Sequence[Row]) -> bool:
    """Return True if the first row names the columns: a row with a phone number doesn't."""
    return bool(rows) and not any(_looks_like_phone(cell) for cell in rows[0].cells)


def suggest_mapping(
    header: Sequence[str],
    sample: Sequence[Row],
    placeholders: Sequence[str],
    hints: MappingType[str, str] | None = None,
    *,
    region: str = "GH",
    takes_the_rest: bool = True,
) -> Suggestion:
    """Guess the columns from their names, their content and the words before each placeholder.

    `header` is empty for a file without one; `hints` are the words before each placeholder.
    With `takes_the_rest`, numbered placeholders without a match take the unused columns in order.
    """
    width = max([len(header), *(len(row.cells) for row in sample)], default=0)
    names = [_words(header[i]) if i < len(header) else () for i in range(width)]
    phone_column = _phone_column(names, sample, region)
    free = [i for i in range(width) if i != phone_column and _is_used(i, names, sample)]

    scored = sorted(
        (
            (-_fit(name, (hints or {}).get(name, ""), names[column]), order, column)
            for order, name in enumerate(placeholders)
            for column in free
        ),
    )
    chosen: dict[str, Column | None] = dict.fromkeys(placeholders)
    for score, order, column in scored:
        if score < 0 and column in free and chosen[placeholders[order]] is None:
            chosen[placeholders[order]] = Column(column)
            free.remove(column)
    # A number has no name to match, so it takes the next unused column.
    for name in placeholders:
        if takes_the_rest and chosen[name] is None and name.isdecimal() and free:
            chosen[name] = Column(free.pop(0))
    return Suggestion(phone_column, chosen)


def _words(text: str) -> tuple[str, ...]:
    """Split a name such as `PromoCode`, `promo_code` or `Promo code` into lower-case words."""
    # "WhatsApp" names the phone column most often, and it is one word.
    text = text.replace("WhatsApp", "Whatsapp")
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return tuple(re.findall(r"[^\W_]+", spaced.casefold()))


def _looks_like_phone(cell: Cell) -> bool:
    digits = sum(letter.isdecimal() for letter in cell.text)
    return cell.kind != "date" and digits >= 7 and digits * 2 > len(cell.text.strip())


def _is_used(column: int, names: Sequence[tuple[str, ...]], sample: Sequence[Row]) -> bool:
    return bool(names[column]) or any(
        column < len(row.cells) and row.cells[column].text.strip() for row in sample
    )


def _phone_column(
    names: Sequence[tuple[str, ...]], sample: Sequence[Row], region: str
) -> int | None:
    best: tuple[float, int | None] = (0, None)
    for column, words in enumerate(names):
        named = max((_PHONE_WORDS.get(word, 0) for word in words), default=0)
        cells = [row.cells[column] for row in sample[:30] if column < len(row.cells)]
        filled = [cell for cell in cells if cell.text.strip()]
        good = sum(isinstance(phone_of(cell, region), phones.Phone) for cell in filled)
        share = good / len(filled) if filled else 0
        if share >= 0.3 or named >= 4:
            score = share * 10 + named
            if score > best[0]:
                best = (score, column)
    return best[1]


def _fit(placeholder: str, hint: str, column: tuple[str, ...]) -> float:
    """Score how well a column's name fits a placeholder; 0 means no match."""
    own = () if placeholder.isdecimal() else _words(placeholder)
    if own and "".join(own) == "".join(column):
        return 100
    if column and column[-1] == placeholder and column[:-1] in ((), ("value",), ("placeholder",)):
        return 100
    score = 0.0
    if own and column:
        shared = set(own) & set(column)
        score += 20 * len(shared) / max(len(own), len(column))
        score += 8 * bool(_meanings(own) & _meanings(column))
    # The word next to the placeholder says most, "your balance for order {{1}}", so it outweighs
    # all words before it. Words before another placeholder belong to that one.
    for distance, word in enumerate(reversed(_words(hint.rpartition("}}")[2]))):
        weight = 4 / (1 + distance) ** 2
        if word in column and len(word) > 2:
            score += 2 * weight
        elif distance < 3 and _meanings((word,)) & _meanings(column):
            # A synonym counts only close to the placeholder.
            score += weight
    return score


def _meanings(words: Sequence[str]) -> set[int]:
    return {i for i, group in enumerate(_MEANINGS) if any(word in group for word in words)}
