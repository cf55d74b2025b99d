from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.fields import MAX_CHARACTERS, MAX_DEPTH, MAX_TEXT, MAX_VALUES, MemberError
from gateway.identity.personal import personal_in, refuse_personal

PHONES = [
    "13800138000",
    "tel:19912345678",
    "电话13800138000",
    "138 0013 8000",
    "138-0013-8000",
    "138\u20110013\u20118000",
    "138\u00a00013\u00a08000",
    "１３８００１３８０００",
    "(86)13800138000",
    "86-138-0013-8000",
    "x13800138000y",
    "ring 13800138000.",
    "+8613800138000",
    "+86 138 0013 8000",
    "＋８６１３８００１３８０００",
    "tel+14155552671",
    "+1 (415) 555-2671",
    "+44 20 7946 0958",
    "+29012345",
]
ADDRESSES = [
    "wang@example.com",
    "邮箱wang.li+shop@mail.example.cn请用",
    "ｗａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ",
    '"odd name"@example.org',
    "mailto:a@b.co",
    "用户@例子.中国",
]
HARMLESS = [
    "",
    "王女士",
    "oX3f-91c2",
    "12800138000",  # no mobile prefix begins with 12
    "1380013800",
    "138001380001",
    "8613800138000",
    "6222021380013800012",
    "4111 1111 1111 1111",
    "6901234567892",
    "a13800138000",
    "13800138000f",
    "6e9d1c5a-2b3f-4e70-9a11-138001380001",
    "02112345678",
    "2026-11-22T14:03:10+08:00",
    "+08:00",
    "+1000000",
    "满100减20+5",
    "+1234567890123456",
    "@lilac",
    "tags@shelf",
    "v1.2@3.4",
    "a @ b.com",
]


@pytest.mark.parametrize("text", PHONES)
def test_a_phone_number_is_found_where_it_stands(text: str) -> None:
    assert personal_in(text) == "a phone number"


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_e_mail_address_is_found_where_it_stands(text: str) -> None:
    assert personal_in(text) == "an e-mail address"


@pytest.mark.parametrize("text", HARMLESS)
def test_product_and_card_numbers_keys_and_ids_pass(text: str) -> None:
    assert personal_in(text) is None


@given(st.binary(min_size=16, max_size=32))
def test_no_key_in_hex_is_taken_for_a_phone_number(key: bytes) -> None:
    for text in (key.hex(), key.hex().upper(), key[:6].hex(":"), key[:6].hex("-")):
        assert personal_in(text) is None


@given(st.uuids())
def test_no_uuid_is_taken_for_a_phone_number(uuid: object) -> None:
    assert personal_in(str(uuid)) is None


@given(st.binary(min_size=21, max_size=21))
def test_no_openid_is_taken_for_a_phone_number(random: bytes) -> None:
    assert personal_in("o" + base64.urlsafe_b64encode(random).decode()[1:]) is None


@given(st.from_regex(r"[0-9]{12,19}", fullmatch=True))
def test_no_longer_number_is_taken_for_a_phone_number(number: str) -> None:
    assert personal_in(number) is None


NO_RUN = st.text(st.characters(exclude_characters="0123456789abcdefABCDEF", codec="ascii"), max_size=20)


@given(NO_RUN, st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), NO_RUN, st.sampled_from(["", " ", "-"]))
def test_a_mobile_number_is_found_in_any_text(before: str, number: str, after: str, gap: str) -> None:
    assert personal_in(before + gap.join((number[:3], number[3:7], number[7:])) + after)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"note": "13800138000"}, "note"),
        ({"attributes": {"tags": ["gold", "a@b.com"]}}, "attributes.tags[1]"),
        ({"attributes": {"13800138000": 1}}, "attributes"),
        ({"attributes": {"phone": 13800138000}}, "attributes.phone"),
        ({"attributes": {"phone": 13800138000.0}}, "attributes.phone"),
        ({"attributes": {"a b": ["x", "13800138000"]}}, "attributes.?[1]"),
        ("13800138000", ""),
    ],
)
def test_the_field_is_named_and_the_value_is_not(value: object, field: str) -> None:
    with pytest.raises(MemberError) as caught:
        refuse_personal(value)
    assert (caught.value.code, caught.value.field) == ("refused", field)
    assert "13800138000" not in str(caught.value)
    assert "a@b" not in str(caught.value)


@pytest.mark.parametrize("number", [13800138000.5, 12999999999, 20000000000, 1763791200123, -13800138000, True, None])
def test_other_numbers_pass(number: object) -> None:
    refuse_personal({"points": number})


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (nested(MAX_DEPTH + 1), "too_large"),
        (nested(50_000), "too_large"),
        ({"a": [[{"b": {}}] for _ in range(3)] + [nested(MAX_DEPTH)]}, "too_large"),
        ([0] * (MAX_VALUES + 1), "too_large"),
        ({"note": "x" * (MAX_TEXT + 1)}, "too_large"),
        (["x" * MAX_TEXT] * (MAX_CHARACTERS // MAX_TEXT + 1), "too_large"),
        ({"greeting": "a\nb"}, "invalid"),
        ({"greeting": "a\x00"}, "invalid"),
        ({"greeting": "\ud800"}, "invalid"),
        ({"points": float("nan")}, "invalid"),
        ({"points": float("inf")}, "invalid"),
        ({"points": 1 << 63}, "invalid"),
        ({"points": b"bytes"}, "invalid"),
        ({b"points": 1}, "invalid"),
    ],
)
def test_what_is_too_much_or_no_json_is_refused(value: object, code: str) -> None:
    with pytest.raises(MemberError) as caught:
        refuse_personal(value)
    assert caught.value.code == code


def test_what_just_fits_passes() -> None:
    refuse_personal(nested(MAX_DEPTH))
    refuse_personal([0] * MAX_VALUES)
