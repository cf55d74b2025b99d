"""The shipped broker files on a real mosquitto: what each user can do, what none may, and what is never dropped."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from virtual_users import SCRIPT, BrokerInMemory, ShopBroker, User, Will, shop_broker

from gateway.mqtt.topics import Arrival, Claim, Refused, Topics

HERE, THERE = "hushbell/v1/lilac-01", "hushbell/v1/rose-02"
ALLOWED, DENIED = "Success", "Not authorized"
LEVELS = (
    *(f"gateways/{gateway}/{what}" for gateway in ("door-pi", "shelf-pi") for what in ("status", "health", "doctor")),
    *(f"devices/{device}/status" for device in ("badge-1", "badge-2")),
    *(f"alerts/{group}" for group in ("floor", "shoes")),
    *(f"alerts/{group}/claims/{device}" for group in ("floor", "shoes") for device in ("badge-1", "badge-2")),
    *("offers/shoes", "offers/~", "visits", "crowd", "security", "members", "outcomes", "facts/new_arrivals"),
    *(f"commands/{command}" for command in ("status", "members.export", "events.since")),
    *("replies/back-end/1", "replies/tills/1", "replies/back-end"),
    *(f"receivers/{receiver}/sightings" for receiver in ("shelf-shoes", "door")),
)
HOME = "homeassistant/device/hushbell"
EVERYWHERE = (
    *(f"{root}/{level}" for root in (HERE, THERE) for level in LEVELS),
    *(f"{HOME}-{shop}/{gateway}/config" for shop in ("lilac-01", "rose-02") for gateway in ("door-pi", "shelf-pi")),
    *("hushbell/v1", "homeassistant/status", "homeassistant/device/others/config", "other/things"),
)

USERS = (
    ("device", "lilac-01", "badge-1"),
    ("device", "lilac-01", "badge-2", "floor", "shoes"),
    ("back-end", "lilac-01", "back-end"),
    ("back-end", "lilac-01", "tills"),
    ("gateway", "lilac-01", "door-pi"),
    ("receiver", "lilac-01", "shelf-pi", "shelf-shoes"),
    ("home-assistant", "lilac-01", "home"),
    ("device", "rose-02", "badge-1"),
    ("gateway", "rose-02", "door-pi"),
)

SAYS = {
    "lilac-01.badge-1": {"devices/badge-1/status", "alerts/floor/claims/badge-1"},
    "lilac-01.badge-2": {"devices/badge-2/status", "alerts/floor/claims/badge-2", "alerts/shoes/claims/badge-2"},
    "lilac-01.back-end": {
        *("commands/status", "commands/members.export", "commands/events.since", "facts/new_arrivals", "outcomes"),
    },
    "lilac-01.door-pi": {
        *("gateways/door-pi/status", "gateways/door-pi/health", "gateways/door-pi/doctor"),
        *("alerts/floor", "alerts/shoes", "offers/shoes", "offers/~", "visits", "crowd", "security", "members"),
        *("replies/back-end/1", "replies/tills/1", "replies/back-end"),
    },
    "lilac-01.shelf-pi": {
        *("gateways/shelf-pi/status", "gateways/shelf-pi/health", "gateways/shelf-pi/doctor"),
        "receivers/shelf-shoes/sightings",
    },
    "lilac-01.home": set[str](),
}
HEARS = {
    "lilac-01.badge-1": {"gateways/door-pi/status", "gateways/shelf-pi/status", "alerts/floor"},
    "lilac-01.badge-2": {"gateways/door-pi/status", "gateways/shelf-pi/status", "alerts/floor", "alerts/shoes"},
    "lilac-01.back-end": {
        *(f"gateways/{gateway}/{what}" for gateway in ("door-pi", "shelf-pi") for what in ("status", "health")),
        *("devices/badge-1/status", "devices/badge-2/status", "alerts/floor", "alerts/shoes"),
        *("offers/shoes", "offers/~", "visits", "crowd", "security", "members"),
        *("replies/back-end/1", "replies/back-end"),
    },
    "lilac-01.door-pi": {
        *("commands/status", "commands/members.export", "commands/events.since", "facts/new_arrivals", "outcomes"),
        *(f"alerts/{group}/claims/{device}" for group in ("floor", "shoes") for device in ("badge-1", "badge-2")),
        *("devices/badge-1/status", "devices/badge-2/status", "members"),
        *("receivers/shelf-shoes/sightings", "receivers/door/sightings"),
    },
    "lilac-01.shelf-pi": set[str](),
    "lilac-01.home": {
        *(f"gateways/{gateway}/{what}" for gateway in ("door-pi", "shelf-pi") for what in ("status", "health")),
    },
}
SAYS_ELSEWHERE = {
    "lilac-01.door-pi": {f"{HOME}-lilac-01/door-pi/config"},
    "lilac-01.home": {"homeassistant/status"},
}
HEARS_ELSEWHERE = {
    "lilac-01.door-pi": {f"{HOME}-lilac-01/door-pi/config"},
    "lilac-01.home": {
        *("homeassistant/status", f"{HOME}-lilac-01/door-pi/config", f"{HOME}-lilac-01/shelf-pi/config"),
    },
}
"""All that each user may publish, and all that reaches it; every other topic is refused to it."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopBroker]:
    with shop_broker(tmp_path_factory.mktemp("broker"), *USERS) as broker:
        yield broker


def under(root: str, levels: set[str]) -> set[str]:
    return {f"{root}/{level}" for level in levels}


def deliver_everywhere(broker: ShopBroker, user: User, last: str) -> None:
    """Let the operator say something on every topic, and lastly on one that the user hears; wait for that."""
    with User(broker) as operator:
        assert {operator.say(topic) for topic in EVERYWHERE} <= {ALLOWED, "No matching subscribers"}
        operator.say(last, b"last")
    user.wait_until(lambda: user.heard and user.heard[-1].payload == b"last")


@pytest.mark.parametrize("name", SAYS)
def test_each_user_says_what_it_must_and_nothing_else(broker: ShopBroker, name: str) -> None:
    with User(broker, name) as user, User(broker) as operator:
        operator.subscribe("#")
        answers = {topic: user.say(topic, name.encode()) for topic in EVERYWHERE}
        operator.say("other/things", b"last")
        operator.wait_until(lambda: operator.heard[-1].payload == b"last")
        arrived = {message.topic for message in operator.heard if message.payload == name.encode()}
    allowed = under(HERE, SAYS[name]) | SAYS_ELSEWHERE.get(name, set())
    assert {topic for topic, answer in answers.items() if answer != DENIED} == allowed
    assert arrived == allowed


@pytest.mark.parametrize("name", [name for name, heard in HEARS.items() if heard])
def test_each_user_hears_what_it_must_and_nothing_else_whatever_it_subscribes_to(broker: ShopBroker, name: str) -> None:
    with User(broker, name) as user:
        granted = user.subscribe("#", "$SYS/#", f"{HERE}/#", f"{THERE}/visits", f"{HERE}/alerts/+/claims/+")
        assert granted == ["Granted QoS 1"] * 5, "mosquitto 2.0 grants what it will not deliver"
        deliver_everywhere(broker, user, f"{HERE}/{min(HEARS[name])}")
        assert set(user.topics) == under(HERE, HEARS[name]) | HEARS_ELSEWHERE.get(name, set())


def test_a_machine_that_only_hears_is_told_nothing(broker: ShopBroker) -> None:
    """The badge hears last, so all that was to come to the receiver has come by then."""
    with User(broker, "lilac-01.shelf-pi") as receiver, User(broker, "lilac-01.badge-1") as badge:
        receiver.subscribe("#", "$SYS/#")
        badge.subscribe(f"{HERE}/alerts/floor")
        deliver_everywhere(broker, badge, f"{HERE}/alerts/floor")
        receiver.say(f"{HERE}/receivers/shelf-shoes/sightings")  # answered on the same connection, after everything
        assert receiver.heard == []


def test_a_will_in_anothers_name_is_not_spoken_and_ones_own_is(broker: ShopBroker) -> None:
    own, other = (f"{HERE}/devices/{badge}/status" for badge in ("badge-1", "badge-2"))
    with User(broker) as operator:
        operator.subscribe(f"{HERE}/devices/+/status")
        User(broker, "lilac-01.badge-1", will=Will(other, b"another")).vanish()
        User(broker, "lilac-01.badge-1", will=Will(own, b"own")).vanish()
        operator.wait_until(lambda: operator.heard and operator.heard[-1].payload == b"own")
        assert b"another" not in [message.payload for message in operator.heard]
        operator.say(own, b"", retain=True)


def test_a_badge_that_calls_itself_what_the_gateway_is_called_takes_nothing_over(broker: ShopBroker) -> None:
    client_id = Topics("lilac-01", "door-pi").client_id
    with User(broker, "lilac-01.door-pi", client_id=client_id, session_s=60) as gateway:
        gateway.subscribe(f"{HERE}/commands/+")
        for name in (client_id, "lilac-01.door-pi"):
            with User(broker, "lilac-01.badge-1", client_id=name) as badge:
                assert not badge.resumed
        deliver_everywhere(broker, gateway, f"{HERE}/commands/status")
        assert not gateway.ended.is_set()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (None, None),
        ("lilac-01.badge-1", ""),
        ("lilac-01.badge-1", "lilac-01.badge-1"),
        ("hushbell", "hushbell"),
        ("admin", "admin"),
    ],
)
def test_nobody_comes_in_without_a_password_of_their_own(
    broker: ShopBroker, name: str | None, password: str | None
) -> None:
    with User(broker, name, password=password, secure=True) as user:
        assert user.welcome is not None
        assert user.welcome.is_failure


def test_a_claim_that_is_left_retained_is_never_obeyed_at_a_later_connection(broker: ShopBroker) -> None:
    """mosquitto cannot be told that only a status may be retained; the gateway passes over what was."""
    topic, claim = f"{HERE}/alerts/floor/claims/badge-1", b'{"alert": "a-1", "action": "claim"}'
    with User(broker, "lilac-01.badge-1") as badge:
        assert badge.say(topic, claim, retain=True) != DENIED
    with User(broker, "lilac-01.door-pi") as gateway:
        gateway.subscribe(f"{HERE}/alerts/+/claims/+")
        gateway.wait_until(lambda: gateway.heard)
        (left,) = gateway.heard
    topics = Topics("lilac-01", "door-pi")
    assert left.payload == claim
    assert isinstance(topics.parse(Arrival(left.topic, claim, left.retain)), Refused)
    assert isinstance(topics.parse(Arrival(left.topic, claim)), Claim)
    with User(broker) as operator:
        operator.say(topic, b"", retain=True)


def test_a_back_end_that_was_away_misses_nothing(broker: ShopBroker) -> None:
    """mosquitto's own limit drops all but 1000."""
    count = 3000
    with User(broker, "lilac-01.back-end", session_s=3600) as back_end:
        back_end.subscribe(f"{HERE}/visits")
    with User(broker) as operator:
        for number in range(count):
            operator.say(f"{HERE}/visits", str(number).encode())
    with User(broker, "lilac-01.back-end", session_s=3600) as back_end:
        assert back_end.resumed
        back_end.wait_until(lambda: len(back_end.heard) == count)
        assert [int(message.payload) for message in back_end.heard] == list(range(count))


def test_whatever_a_badge_asks_for_its_silence_is_noticed_within_a_minute_and_a_half(broker: ShopBroker) -> None:
    with User(broker, "lilac-01.badge-1", keep_alive_s=3600) as badge:
        assert getattr(badge.greeting, "ServerKeepAlive", None) == 60


def test_a_message_beyond_the_limit_ends_the_connection_and_reaches_nobody(broker: ShopBroker) -> None:
    topic = f"{HERE}/facts/new_arrivals"
    with User(broker, "lilac-01.door-pi") as gateway, User(broker, "lilac-01.back-end") as back_end:
        assert getattr(back_end.greeting, "MaximumPacketSize", None) == 524288
        gateway.subscribe(topic)
        back_end._client.publish(topic, bytes(600_000), qos=1)
        assert back_end.ended.wait(10)
        deliver_everywhere(broker, gateway, topic)
        assert max(len(message.payload) for message in gateway.heard) < 100


def test_who_is_removed_is_thrown_out_at_the_reload_and_a_new_password_ends_the_old(tmp_path: Path) -> None:
    with shop_broker(tmp_path, ("device", "lilac-01", "badge-1"), ("device", "lilac-01", "badge-2")) as broker:
        status = f"{HERE}/devices/badge-1/status"
        with User(broker, "lilac-01.badge-1") as badge:
            assert badge.say(status) != DENIED
            broker.run("remove", "lilac-01", "badge-1")
            old = broker.passwords["lilac-01.badge-2"]
            broker.add("device", "lilac-01", "badge-2")
            broker.reload()
            assert badge.ended.wait(10)
        for name, password in (("lilac-01.badge-1", None), ("lilac-01.badge-2", old)):
            with User(broker, name, password=password) as user:
                assert user.welcome is not None
                assert user.welcome.is_failure
        with User(broker, "lilac-01.badge-2") as user:
            assert user.say(f"{HERE}/devices/badge-2/status") != DENIED
        assert broker.run("list").split() == ["lilac-01.badge-2"]


def test_setting_up_again_keeps_users_settings_and_authority_and_renews_the_certificate(tmp_path: Path) -> None:
    if shutil.which("openssl") is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("openssl or mosquitto_passwd is not installed")
    broker = ShopBroker(tmp_path)
    broker.add("gateway", "lilac-01", "door-pi")
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    broker.run("setup", "localhost")
    changed = {file.name for file, before in files.items() if file.read_bytes() != before}
    assert changed == {"broker.key", "broker.pem"}


def test_only_root_reads_the_authoritys_key_and_only_mosquitto_the_others(tmp_path: Path) -> None:
    if shutil.which("openssl") is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("openssl or mosquitto_passwd is not installed")
    own = ShopBroker(tmp_path).folder / "hushbell"
    modes = {file.name: file.stat().st_mode & 0o777 for file in own.iterdir()}
    assert modes.pop("ca.key") == 0o600
    assert {modes.pop(public) for public in ("ca.pem", "broker.pem")} == {0o644}
    assert set(modes.values()) == {0o640}


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "device", "lilac-01", "badge#1"),
        ("add", "device", "+", "badge-1"),
        ("add", "device", "lilac-01", "badge-1", "floor/#"),
        ("add", "cook", "lilac-01", "badge-1"),
        ("add", "receiver", "lilac-01", "shelf-pi"),
        ("add", "device"),
        ("remove", "lilac-01", "nobody"),
        ("setup",),
        ("setup", "not a host"),
        (),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(broker: ShopBroker, arguments: tuple[str, ...]) -> None:
    own = broker.folder / "hushbell"
    before = [(own / name).read_bytes() for name in ("passwords", "access", "broker.pem")]
    done = subprocess.run([SCRIPT, "--folder", broker.folder, *arguments], capture_output=True, timeout=60, check=False)
    assert done.returncode in (1, 2)
    assert done.stderr
    assert [(own / name).read_bytes() for name in ("passwords", "access", "broker.pem")] == before


def asking(**values: object) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def test_a_broker_in_memory_carries_the_contract_but_knows_no_users(tmp_path: Path) -> None:
    status, visits = f"{HERE}/devices/badge-1/status", f"{HERE}/visits"
    with BrokerInMemory(tmp_path) as broker, User(broker) as operator:
        operator.subscribe(f"{HERE}/#")
        with User(broker, "back-end", secure=False, password="anything", session_s=60) as back_end:
            back_end.subscribe(visits)
        operator.say(visits, b"too late", properties=asking(MessageExpiryInterval=1))
        asked = asking(ResponseTopic=f"{HERE}/replies/back-end/1", CorrelationData=b"7")
        operator.say(visits, b"in time", properties=asked)
        User(broker, "badge", secure=False, password="", will=Will(status, b"gone")).vanish()
        operator.wait_until(lambda: operator.topics[-1:] == [status])
        assert getattr(operator.heard[1].properties, "CorrelationData", None) == b"7"
        threading.Event().wait(1.5)  # until what expires has
        with User(broker, "back-end", secure=False, password="", session_s=60) as back_end:
            assert back_end.resumed
            back_end.subscribe(status)
            back_end.wait_until(lambda: len(back_end.heard) == 2)
            assert {message.payload for message in back_end.heard} == {b"in time", b"gone"}
