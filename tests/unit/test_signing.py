"""Signatures of webhooks: as Standard Webhooks has them, for every generation of keys."""

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from trunkline.domains.webhooks.signing import (
    Keys,
    new_secret,
    new_signing_key,
    public_key_text,
    read_secret,
    secret_text,
    signature,
)

BODY = '{"type":"case.opened","é":1}'.encode()


def test_the_example_of_the_specification() -> None:
    """The secret, message and signature that the specification of Standard Webhooks prints belong together."""
    keys = Keys(read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), new_signing_key())
    signed = signature([keys], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed.split(" ")[0] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_both_signatures_of_each_generation_verify() -> None:
    """A receiver with the secret, and one with the public key, of the present or the previous generation finds its signature."""
    generations = [Keys(new_secret(), new_signing_key()) for _ in range(2)]
    signed = b"msg_1.1700000000." + BODY
    found = [one.split(",") for one in signature(generations, "msg_1", 1_700_000_000, BODY).split(" ")]
    assert [version for version, _ in found] == ["v1", "v1a", "v1", "v1a"]
    for keys, symmetric, asymmetric in zip(generations, found[::2], found[1::2], strict=True):
        assert base64.b64decode(symmetric[1]) == hmac.digest(keys.secret, signed, hashlib.sha256)
        public = base64.b64decode(public_key_text(keys.signing_key).removeprefix("whpk_"))
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(asymmetric[1]), signed)


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_is_read_as_it_is_shown(length: int) -> None:
    """A secret of one's own has 24 to 64 bytes; its text gives the same bytes back."""
    secret = bytes(range(length))
    assert read_secret(secret_text(secret)) == secret


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must begin with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "must begin with whsec_"),
        ("whsec_", "not of 0"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "24 to 64 bytes after whsec_, not of 23"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "not of 65"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "must be base64"),
        ("whsec_MfKQ9r8GKYqr TwjUPD8ILPZIo2LaLaSw", "must be base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", "must be base64"),
        ("whsec_é" + "A" * 39, "must be base64"),
    ],
)
def test_a_bad_secret_is_refused_in_words_that_do_not_repeat_it(text: str, says: str) -> None:
    """Whoever brings a secret that cannot be used hears why, and no log can learn it from the refusal."""
    with pytest.raises(ValueError, match=says) as refused:
        read_secret(text)
    rest = text.removeprefix("whsec_")
    assert not rest or rest not in str(refused.value)


def test_keys_are_not_shown_by_accident() -> None:
    """The representation of keys, as it would stand in a log or traceback, holds none of their bytes."""
    keys = Keys(b"s" * 32, b"k" * 32)
    assert "sss" not in repr(keys)
    assert "kkk" not in repr(keys)
