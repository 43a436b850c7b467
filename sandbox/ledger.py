"""The ledger: every accepted message, in order, and its delivery status."""

from dataclasses import dataclass
from typing import Any

from sandbox import outcomes

Data = dict[str, Any]

HELD_SECONDS = 60.0


@dataclass
class Entry:
    """A line of the ledger: one message that ChumiAI accepted, and its outcome."""

    seq: int
    at: str
    account: str
    via: str
    job_id: str | None
    file_name: str | None
    row: int | None
    to: str
    template: str
    language: str
    # The body of the template at the moment of acceptance, with its placeholders.
    body: str
    values: list[str]
    # The link or the id of the media in the header.
    media: str | None
    outcome: str
    made_at: float
    message_id: str

    def public(self) -> Data:
        """Return the line as the control endpoint shows it."""
        return {name: value for name, value in vars(self).items() if name != "made_at"}


def delivery_status(entry: Entry, age: float) -> str:
    """Return the status of a message `age` sandbox seconds after it was made."""
    outcome = outcomes.by_last_digits(entry.to)
    if entry.outcome == "held":
        if age < HELD_SECONDS:
            return "held_for_quality_assessment"
        if outcome.kind == "dropped":
            return "failed"
        age -= HELD_SECONDS
    elif entry.outcome != "accepted":
        return "failed"
    if outcome.kind == "read" and age >= 2:
        return "read"
    # Every third person reads it after 25 minutes; the others have read receipts off.
    steps = [(1500, "read")] if int(entry.to[-4:]) % 3 == 0 else []
    steps += [(6, "delivered"), (2, "sent")]
    return next((status for after, status in steps if age >= after), "accepted")
