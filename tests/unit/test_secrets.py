"""Credentials: recognised before they are looked up, never guessed, never stored as they are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kit import secrets
from trunkline.kit.secrets import ACCESS_TOKEN, MIXED

tenants = st.integers(1, 2**25 - 1)


@given(tenants)
def test_a_token_carries_its_tenant(number: int) -> None:
    """A token's tenant is read from the token itself; its shape is one that scanners of leaked secrets can find."""
    token = secrets.new_token(ACCESS_TOKEN, number)
    assert re.fullmatch(r"tlat_[0-9a-z]{5}[0-9A-Za-z]{40}[0-9A-Za-z]{6}", token)
    assert secrets.tenant_of_token(ACCESS_TOKEN, token) == number


@given(tenants, st.integers(0, 55), st.sampled_from(MIXED))
def test_a_token_with_a_changed_character_is_none(number: int, place: int, character: str) -> None:
    """Any single typing error is found by the checksum, without asking the database."""
    token = secrets.new_token(ACCESS_TOKEN, number)
    changed = token[:place] + character + token[place + 1 :]
    assert secrets.tenant_of_token(ACCESS_TOKEN, changed) == (number if changed == token else None)


@given(tenants, st.integers(5, 54))
def test_a_token_with_swapped_characters_is_none(number: int, place: int) -> None:
    """Neighbours that changed places are found too."""
    token = secrets.new_token(ACCESS_TOKEN, number)
    swapped = token[:place] + token[place + 1] + token[place] + token[place + 2 :]
    assert (secrets.tenant_of_token(ACCESS_TOKEN, swapped) is None) == (swapped != token)


@given(st.text(max_size=80))
def test_any_text_that_is_no_token_is_none(text: str) -> None:
    """Whatever is sent as a token is read without an error."""
    assert secrets.tenant_of_token(ACCESS_TOKEN, text) is None
    assert secrets.tenant_of_token(ACCESS_TOKEN, f"{ACCESS_TOKEN}{text[:51]:x<51}") is None
    number = secrets.tenant_of_client_id(text)
    assert number is None or (len(text) == 26 and text.isalnum())


@given(st.text(min_size=5, max_size=5))
def test_a_token_with_a_strange_tenant_is_read_without_an_error(text: str) -> None:
    """Even with a right checksum what stands for the tenant may be anything."""
    body = f"{ACCESS_TOKEN}{text}{'a' * 40}"
    number = secrets.tenant_of_token(ACCESS_TOKEN, body + secrets._checksum(body))
    assert number is None or isinstance(number, int)


def test_a_prefix_belongs_to_its_kind_of_token() -> None:
    """A token of one kind is none of another."""
    assert secrets.tenant_of_token("tlxx_", secrets.new_token(ACCESS_TOKEN, 1)) is None


@given(tenants)
def test_a_client_id_carries_its_tenant(number: int) -> None:
    """26 characters of [0-9a-z], whose first five are the tenant."""
    client_id = secrets.new_client_id(number)
    assert re.fullmatch(r"[0-9a-z]{26}", client_id)
    assert secrets.tenant_of_client_id(client_id) == number


@pytest.mark.parametrize(
    "wrong", ["", "0" * 25, "0" * 27, "A" * 26, "0" * 25 + "-", "0" * 25 + "\n", "é" * 26, "٣" * 26, " " * 26]
)
def test_what_has_not_the_form_of_a_client_id_is_none(wrong: str) -> None:
    """A client id is recognised by its form alone."""
    assert secrets.tenant_of_client_id(wrong) is None


def test_secrets_are_long_and_never_the_same() -> None:
    """51 characters that need no encoding anywhere; a thousand of them are all different."""
    made = {secrets.new_client_secret() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[0-9A-Za-z]{51}", secret) for secret in made)
    assert all(secret[-6:] == secrets._checksum(secret[:-6]) for secret in made)


@given(st.text(), st.text())
def test_only_the_digest_is_compared(one: str, other: str) -> None:
    """What is stored of a secret is 32 bytes that tell nothing of it, and match it alone."""
    assert len(secrets.digest(one)) == 32
    assert secrets.same(secrets.digest(one), other) == (one == other)


def test_first_passwords_satisfy_usual_rules() -> None:
    """20 characters with both cases, a digit and a special character."""
    for _ in range(200):
        password = secrets.new_password()
        assert len(password) == 20
        assert all(re.search(pattern, password) for pattern in ("[a-z]", "[A-Z]", "[0-9]", "-"))


def test_passwords_are_hashed_with_argon2id_and_salt() -> None:
    """The same password hashes differently each time; only the right one matches, and a broken hash matches nothing."""
    first, second = secrets.hash_password("correct horse"), secrets.hash_password("correct horse")
    assert first.startswith("$argon2id$")
    assert first != second
    assert secrets.password_matches(first, "correct horse")
    assert not secrets.password_matches(first, "correct horsE")
    assert not secrets.password_matches("not a hash", "correct horse")
    assert not secrets.password_matches("", "")
