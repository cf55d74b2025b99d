"""The guest page as a phone meets it: what it shows, what each button does, and what is kept of whom."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_guest import HOME, KEY, LANGUAGES, OTHER, PHONE, TEXTS, Browser, T, VirtualGuests

from gateway.configuration.config import Listen
from gateway.contract.words import PURPOSES
from gateway.guest.acts import MOST_NEWCOMERS
from gateway.guest.binding import MOST_PHONES
from gateway.guest.links import guest_link
from gateway.guest.rations import WINDOW_S
from gateway.guest.reception import FORM_S, MOST_REQUESTS
from gateway.guest.seals import seal
from gateway.guest.web import Request
from gateway.guest.words import WORDS, choose_language
from gateway.identity.receipts import is_signed_by
from gateway.store.database import Reason, StoreError

DAY_S = 86400.0


@pytest.fixture
def guests() -> VirtualGuests:
    return VirtualGuests()


def link(member: str = "oX3f-91c2", until: float = T + 600) -> str:
    return guest_link(Listen("10.0.0.1", 8080), KEY, member, until).removeprefix(f"http://{HOME}/?m=")


def test_whoever_agrees_is_bound_under_a_new_id_with_a_signed_receipt_for_each_purpose(guests: VirtualGuests) -> None:
    browser = Browser(guests).open()
    assert browser.status == 200
    assert browser.ticked == set()
    browser.press("/agree", "recognise", "offers", greeting="王女士")
    assert WORDS["en"].told["agreed"] in browser.text
    [member] = guests.members.values()
    assert member.id.startswith("guest-")
    assert member.greeting == "王女士"
    assert guests.addresses(member.id) == [PHONE]
    assert [receipt.purpose for receipt in member.consent] == ["recognise", "offers"]
    for receipt in member.consent:
        assert receipt.text == sha256(TEXTS["en"].whole.encode()).hexdigest()
        assert (receipt.language, receipt.at) == ("en", "2025-11-22T14:00:00+08:00")
        assert is_signed_by(receipt, member.id, KEY)
    assert browser.ticked == {"recognise", "offers"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_whole_text_that_the_receipt_names_stands_on_the_page(guests: VirtualGuests, language: str) -> None:
    shown = Browser(guests, language=language).open().text
    places = [shown.index(line) for line in TEXTS["zh" if language == "zh" else "en"].whole.splitlines()]
    assert places == sorted(places)


def test_purposes_are_changed_one_by_one_and_a_receipt_stays_as_it_was_given(guests: VirtualGuests) -> None:
    browser = Browser(guests).open().press("/agree", "recognise")
    [before] = guests.members.values()
    guests.now += 60
    browser.press("/agree", "recognise", "zones")
    [after] = guests.members.values()
    assert after.consent[0] == before.consent[0]
    assert [receipt.purpose for receipt in after.consent] == ["recognise", "zones"]
    browser.press("/agree", "recognise")
    assert [receipt.purpose for receipt in guests.members[after.id].consent] == ["recognise"]


def test_pause_and_withdrawal_stand_beside_consent_as_buttons_of_one_kind(guests: VirtualGuests) -> None:
    browser = Browser(guests).open().press("/agree", "recognise")
    assert list(browser.forms) == ["/agree", "/pause", "/withdraw"]
    assert set(re.findall("<button[^>]*>", browser.page)) == {"<button>"}
    browser.press("/pause", days="7")
    [member] = guests.members.values()
    assert member.paused_until == T + 7 * DAY_S
    assert "2025-11-29 14:00" in browser.text
    browser.press("/resume")
    assert guests.members[member.id].paused_until is None
    browser.press("/withdraw")
    assert guests.members == {}
    assert WORDS["en"].told["withdrawn"] in browser.text
    assert browser.cookie == ""


def test_to_untick_everything_is_to_withdraw_and_the_first_is_needed_for_the_others(guests: VirtualGuests) -> None:
    browser = Browser(guests).open().press("/agree", "zones", "offers")
    assert WORDS["en"].told["first"] in browser.text
    assert guests.members == {}
    browser.press("/agree")
    assert WORDS["en"].told["declined"] in browser.text
    browser.press("/agree", "recognise").press("/agree")
    assert guests.members == {}


def test_a_link_of_the_back_ends_binds_the_phone_to_the_member_it_names(guests: VirtualGuests) -> None:
    browser = Browser(guests).open(f"/?m={link()}")
    assert guests.members == {}
    browser.press("/agree", "recognise")
    assert guests.addresses("oX3f-91c2") == [PHONE]


@pytest.mark.parametrize(
    "wrong", [link(until=T - 1), link()[::-1], "x", "", "é", seal(KEY, "phone", "oX3f-91c2", T + 600), "A" * 2000]
)
def test_a_link_that_is_over_or_forged_names_nobody(guests: VirtualGuests, wrong: str) -> None:
    Browser(guests).open(f"/?m={wrong}").press("/agree", "recognise")
    assert list(guests.members) != ["oX3f-91c2"]


def test_a_phone_that_was_bound_without_a_link_passes_to_the_member_whom_a_link_names(guests: VirtualGuests) -> None:
    browser = Browser(guests).open().press("/agree", "recognise")
    browser.open(f"/?m={link()}").press("/agree", "recognise", "zones")
    assert list(guests.members) == ["oX3f-91c2"]
    assert guests.addresses("oX3f-91c2") == [PHONE]


def test_a_phone_that_changed_its_address_is_bound_anew_when_the_page_is_opened(guests: VirtualGuests) -> None:
    browser = Browser(guests).open().press("/agree", "recognise")
    [member_id] = guests.members
    for number in range(6):
        guests.phones["10.0.0.7"] = bytes([2, 0, 0, 0, 0, number])
        browser.open()
        assert WORDS["en"].recognised in browser.text
    assert len(guests.addresses(member_id)) == MOST_PHONES
    assert guests.addresses(member_id)[-1] == bytes([2, 0, 0, 0, 0, 5])


def test_a_cookie_of_a_member_who_withdrew_or_of_none_binds_nobody(guests: VirtualGuests) -> None:
    browser = Browser(guests).open().press("/agree", "recognise")
    cookie = browser.cookie
    browser.press("/withdraw")
    for held in (cookie, "hushbell=x", 'hushbell="', "=;;", "hushbell=" + link()):
        browser.cookie = held
        browser.open()
        assert guests.members == {}
        assert "/withdraw" not in browser.forms


def test_of_who_does_not_agree_nothing_is_kept_and_soon_not_even_that_they_answered(guests: VirtualGuests) -> None:
    browser = Browser(guests).open()
    assert browser.cookie == ""
    browser.press("/decline")
    assert (guests.members, browser.cookie) == ({}, "")
    assert PHONE.hex() not in repr(vars(guests.reception))
    assert browser.open("/generate_204", "connectivitycheck.example").status == 204
    guests.now += WINDOW_S
    assert browser.open("/generate_204", "connectivitycheck.example").status == 200


def test_a_phone_that_asks_whether_there_is_a_sign_on_is_led_to_the_page_until_it_answered(
    guests: VirtualGuests,
) -> None:
    browser = Browser(guests)
    assert "/agree" in browser.open("/hotspot-detect.html", "captive.example").forms
    browser.press("/agree", "recognise")
    assert "Success" in browser.open("/hotspot-detect.html", "captive.example").page
    guests.now += WINDOW_S
    assert browser.open("/gen_204", "captive.example").status == 204
    elsewhere = Browser(guests, "10.0.0.99")
    assert elsewhere.open("/gen_204", "captive.example").status == 204


def test_a_device_that_is_not_on_the_network_is_told_so_and_can_do_nothing(guests: VirtualGuests) -> None:
    browser = Browser(guests, "10.0.0.99").open()
    assert browser.status == 403
    assert WORDS["en"].not_here in browser.text
    form = Browser(guests).open().forms["/agree"]
    assert browser.post("/agree", form | {"recognise": "yes"}).status == 403
    assert guests.members == {}


def test_a_form_that_is_not_from_our_page_on_this_phone_changes_nothing(guests: VirtualGuests) -> None:
    theirs = Browser(guests, "10.0.0.8").open().forms["/agree"]
    browser = Browser(guests).open()
    ours = browser.forms["/agree"]
    tries = [
        (theirs, {}, 0.0),
        ({}, {}, 0.0),
        ({"form": ours["form"][::-1]}, {}, 0.0),
        (ours, {"origin": "http://evil.example"}, 0.0),
        (ours, {"origin": "null"}, 0.0),
        (ours, {}, FORM_S + 1),
    ]
    for form, headers, later in tries:
        guests.now = T + later
        browser.post("/agree", form | {"recognise": "yes"}, **headers)
        assert WORDS["en"].told["stale"] in browser.text
        assert guests.members == {}
    guests.now = T
    browser.post("/agree", ours | {"recognise": "yes"}, origin=f"http://{HOME}")
    assert len(guests.members) == 1


@pytest.mark.parametrize("host", ["evil.example", "", "10.0.0.1", "10.0.0.1:8081"])
def test_under_another_hosts_name_there_is_no_page_to_read_or_press(guests: VirtualGuests, host: str) -> None:
    for method in ("GET", "POST"):
        response = guests.ask(Request(method, "/", "10.0.0.7", host))
        assert (response.status, response.body) == (303, "")
        assert dict(response.headers)["Location"] == f"http://{HOME}/"


@pytest.mark.parametrize("greeting", ["+86 138 0013 8000", "13800138000", "a@b.example", "x" * 65, "a\nb"])
def test_a_phone_number_in_the_place_of_a_name_is_refused(guests: VirtualGuests, greeting: str) -> None:
    browser = Browser(guests).open().press("/agree", "recognise", greeting=greeting)
    assert WORDS["en"].told["personal"] in browser.text
    assert guests.members == {}
    assert greeting not in browser.page


def test_what_members_chose_to_be_called_is_shown_to_nobody(guests: VirtualGuests) -> None:
    browser = Browser(guests).open().press("/agree", "recognise", greeting="王女士")
    [member_id] = guests.members
    browser.open()
    assert "王女士" not in browser.page
    assert member_id not in browser.page


def test_a_disk_that_refuses_is_told_and_nothing_is_half_done(guests: VirtualGuests) -> None:
    guests.trouble = StoreError(Path("hushbell.db"), Reason.FULL)
    browser = Browser(guests).open().press("/agree", "recognise")
    assert WORDS["en"].told["later"] in browser.text
    assert guests.members == {}


def test_newcomers_and_requests_are_rationed(guests: VirtualGuests) -> None:
    for number in range(MOST_NEWCOMERS + 1):
        guests.phones[f"10.0.1.{number}"] = bytes([2, 1, 0, 0, 0, number])
        browser = Browser(guests, f"10.0.1.{number}").open().press("/agree", "recognise")
    assert WORDS["en"].told["full"] in browser.text
    assert len(guests.members) == MOST_NEWCOMERS
    statuses = [Browser(guests).open().status for _ in range(MOST_REQUESTS + 1)]
    assert statuses == [200] * MOST_REQUESTS + [429]
    guests.now += WINDOW_S
    assert Browser(guests).open().press("/agree", "recognise").status == 200
    assert len(guests.members) == MOST_NEWCOMERS + 1


def test_the_page_runs_no_scripts_and_asks_for_nothing_elsewhere(guests: VirtualGuests) -> None:
    browser = Browser(guests).open(f"/?m={link()}")
    policy = browser.headers["Content-Security-Policy"]
    [style] = re.findall("<style>(.*?)</style>", browser.page)
    assert b64encode(sha256(style.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"<script|<img|<link|\son\w+=|style=|https?:|url\(", browser.page)
    assert len(browser.page.encode()) < 6000


def test_the_language_is_the_browsers_and_can_be_switched_without_losing_the_link(guests: VirtualGuests) -> None:
    browser = Browser(guests, language="zh-CN,zh;q=0.9,en;q=0.8").open(f"/?m={link()}")
    assert 'lang="zh"' in browser.page
    [other] = re.findall(r'<a href="([^"]*)"', browser.page)
    browser.open(unescape(other))
    assert '<html lang="en"' in browser.page
    browser.press("/agree", "recognise")
    assert '<html lang="en"' in browser.page
    assert list(guests.members) == ["oX3f-91c2"]


@pytest.mark.parametrize(
    ("asked", "accepted", "expected"),
    [
        ("", "", "zh"),
        ("en", "zh", "en"),
        ("xx", "en-GB,en;q=0.9", "en"),
        ("", "fr,zh;q=0.2,en;q=0.7", "en"),
        ("", "en;q=0.5,zh;q=0.5", "zh"),
        ("", "en;q=nan,zh;q=-1", "zh"),
        ("", "en;q=0", "zh"),
        ("", ",;=,en", "en"),
    ],
)
def test_the_language_asked_for_goes_before_the_one_preferred(asked: str, accepted: str, expected: str) -> None:
    assert choose_language(asked, accepted, "zh") == expected


def test_what_is_not_there_is_told(guests: VirtualGuests) -> None:
    browser = Browser(guests).open("/admin")
    assert (browser.status, WORDS["en"].lost in browser.text) == (404, True)
    form = browser.open().forms["/agree"]
    for action in ("/withdraw", "/pause", "/resume", "/", "/nothing"):
        assert browser.post(action, form | {"days": "7"}).status == 404
    browser.open().press("/agree", "recognise")
    assert browser.post("/pause", browser.forms["/pause"] | {"days": "9" * 99}).status == 404
    assert guests.ask(Request("DELETE", "/", "10.0.0.7", HOME)).status == 405


ACTS = st.sampled_from(["/agree", "/pause", "/resume", "/withdraw", "/decline", "open", "link", "roam"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["10.0.0.7", "10.0.0.8"]), ACTS, st.sets(st.sampled_from(PURPOSES)), st.text(max_size=9)
        ),
        max_size=20,
    )
)
def test_a_phone_is_one_members_at_most_and_nobody_is_bound_who_did_not_agree(
    acts: list[tuple[str, str, set[str], str]],
) -> None:
    """Invariant: who is bound has a receipt of this gateway's for `recognise`, and each phone one owner."""
    guests = VirtualGuests()
    browsers = {peer: Browser(guests, peer) for peer in guests.phones}
    agreed: set[str] = set()
    for step, (peer, act, purposes, text) in enumerate(acts):
        guests.now += 30
        browser = browsers[peer]
        if act == "roam":
            guests.phones[peer] = bytes([2, 2, 0, 0, 0, step])
        browser.open(f"/?m={link('oX3f-91c2', T + 9999)}" if act == "link" else "/")
        assert browser.status == 200
        if act in browser.forms:
            agreed |= {peer} if act == "/agree" and "recognise" in purposes else set()
            browser.press(act, *purposes, greeting=text)
        for member in guests.members.values():
            assert "recognise" in member.purposes()
            assert all(is_signed_by(receipt, member.id, KEY) for receipt in member.consent)
            for address in guests.addresses(member.id):
                assert guests.owner(address) is member
        if not agreed:
            assert guests.members == {}


def test_the_two_phones_are_two_people(guests: VirtualGuests) -> None:
    Browser(guests).open().press("/agree", "recognise")
    Browser(guests, "10.0.0.8").open().press("/agree", "recognise")
    assert [guests.owner(PHONE), guests.owner(OTHER)] == list(guests.members.values())
