"""Authenticated encryption of API keys, bound to the row that holds them."""

import base64
import hashlib
import os
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings


class CannotDecrypt(Exception):
    """The text was encrypted for another row, or under a secret that is gone."""


def _ciphers() -> Iterator[AESGCM]:
    for secret in settings.ENCRYPTION_KEYS:
        yield AESGCM(hashlib.sha256(b"chumi-admin key " + secret.encode()).digest())


def encrypt(text: str, *, bound_to: str) -> str:
    """Encrypt `text` under the first secret; only the same `bound_to` decrypts it."""
    nonce = os.urandom(12)
    sealed = next(_ciphers()).encrypt(nonce, text.encode(), bound_to.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def decrypt(ciphertext: str, *, bound_to: str) -> str:
    """Return the text, trying every secret. Raise `CannotDecrypt`."""
    for cipher in _ciphers():
        try:
            data = base64.urlsafe_b64decode(ciphertext)
            return cipher.decrypt(data[:12], data[12:], bound_to.encode()).decode()
        except (InvalidTag, ValueError):
            # Another secret, or a damaged text that is not base64 or too short.
            continue
    raise CannotDecrypt


def fingerprint(key: str) -> str:
    """Return a text that is equal for equal API keys and says nothing else about them.

    Keys are long and random, so a hash without a secret can't be guessed.
    """
    return hashlib.sha256(b"chumi-admin key fingerprint " + key.encode()).hexdigest()[:32]
