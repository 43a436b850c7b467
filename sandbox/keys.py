"""API keys of the sandbox: the scopes of each, and its account."""

from typing import NamedTuple

SCOPES = {
    "templates:read",
    "whatsapp:send",
    "whatsapp:read",
    "contacts:read",
    "contacts:write",
}
KEY_PREFIX = "chumi_sk_live_sandbox_"
DEFAULT_ACCOUNT = "default"


class Key(NamedTuple):
    """The account and the scopes of an API key."""

    account: str
    scopes: frozenset[str]
    limited: bool = False
    revoked: bool = False


def read_key(text: str | None) -> Key | None:
    """Return the account and the scopes of a key, or None for an unknown key.

    The keys are `full`, `readonly`, `limited`, `revoked` and `without_<scope>` (with a dash for
    the colon), each with an optional `_<account>`.
    """
    if not text or not text.startswith(KEY_PREFIX):
        return None
    kind, _, rest = text[len(KEY_PREFIX) :].partition("_")
    every = frozenset(SCOPES)
    if kind == "without":
        dashed, _, rest = rest.partition("_")
        scope = dashed.replace("-", ":")
        return Key(rest or DEFAULT_ACCOUNT, every - {scope}) if scope in SCOPES else None
    account = rest or DEFAULT_ACCOUNT
    if kind == "full":
        return Key(account, every)
    if kind == "readonly":
        return Key(account, every - {"whatsapp:send", "contacts:write"})
    if kind == "limited":
        return Key(account, every, limited=True)
    if kind == "revoked":
        return Key(account, every, revoked=True)
    return None
