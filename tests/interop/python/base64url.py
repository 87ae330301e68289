"""base64url without padding (RFC 7515 §2)."""

import base64
import hashlib


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(data):
    return encode(hashlib.sha256(data).digest())


def flip_bit(token):
    """The token with one bit of its signature changed."""
    head, signature = token.rsplit(".", 1)
    data = bytearray(decode(signature))
    data[len(data) // 2] ^= 1
    return f"{head}.{encode(bytes(data))}"
