"""An example of every message, which the documents show and the tests hold against the models."""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.contract.catalogue import EVENTS

Json = Any

STORE, GATEWAY, GROUP, DEVICE, ZONE = "pearl-07", "till-pi", "floor", "badge-3", "entrance"


class Call(NamedTuple):
    """A command's arguments and the result of its answer."""

    arguments: Json
    result: Json


_MEMBER = "wx-7Qd0mR"
_VISIT = "v-41d09be2c7aa"
_ALERT = "a-5be0c1f2a993"
_FEEDBACK = "f-0c9a4be17d2253f6a8819e0b5d7c4a11"
_ID = "0199f0c4-52b8-7a31-8c06-2d9e5b1f7a40"
_HEARD, _DECIDED, _LATER = (
    "2026-12-05T16:20:04.318+08:00",
    "2026-12-05T16:20:05.501+08:00",
    "2026-12-05T16:21:05.501+08:00",
)
_AGREED = "2026-10-12T11:30:00+08:00"
_TEXT = "3f0a9d5b8c7e6142f1d0c9b8a7e6f5d4c3b2a1908f7e6d5c4b3a29181f0e0d0c"
_UUID = "0b9a7c52-4d1e-4f36-8a20-5c6d7e8f9a01"

_RECEIPT = {"purpose": "recognise", "text": _TEXT, "language": "zh", "act": "card held to the till", "at": _AGREED}

MEMBER: Json = {
    "member": _MEMBER,
    "credentials": [
        {"kind": "ibeacon", "uuid": _UUID, "major": 7, "minor": 310},
        {"kind": "altbeacon", "id": "0b9a7c524d1e4f368a205c6d7e8f9a0100070136"},
        {"kind": "eddystone-uid", "namespace": "0b9a7c524d1e4f368a20", "instance": "00000000c0de"},
        {"kind": "rotating", "key": "a1" * 32},
        {"kind": "eddystone-eid", "key": "b2" * 16, "exponent": 10, "counter": 86_400, "at": _AGREED},
        {"kind": "wifi", "address": "02:4b:9c:10:7e:55"},
        {"kind": "wifi-key", "keyid": "guest-0310"},
        {"kind": "irk", "key": "c3" * 16},
        {"kind": "app", "id": "device-310"},
    ],
    "consent": [_RECEIPT, _RECEIPT | {"purpose": "zones"}, _RECEIPT | {"purpose": "offers"}],
    "greeting": "陈老师",
    "note": "爱看绘本",
    "language": "zh",
    "attributes": {"tier": "silver", "points": 240, "favourite_zones": ["picture-books"]},
    "choices": {"deny": ["offers:toys"], "allow": [], "only": ["age:3-6"], "paused_until": None},
    "test": False,
}

_STATUS: Json = {
    "state": "degraded",
    "since": "2026-12-05T09:58:12.004+08:00",
    "receivers": {"door": "hearing", "air": "missing"},
    "reasons": ["receiver air is missing: wlan1 is not there"],
}

_VISIT_DATA: Json = {
    "visit": _VISIT,
    "member": _MEMBER,
    "at": _HEARD,
    "zone": ZONE,
    "kind": "door",
    "confidence": 0.93,
    "trust": "hint",
    "credential": "ibeacon",
}
_OVER: Json = {"alert": _ALERT, "group": GROUP, "at": _DECIDED}

DATA: dict[str, Json] = {
    "visit.started": _VISIT_DATA,
    "visit.moved": _VISIT_DATA | {"zone": "picture-books", "kind": "shelf", "confidence": 0.81, "from": ZONE},
    "visit.ended": _VISIT_DATA
    | {
        "reason": "left",
        "seconds": 412.5,
        "route": [{"zone": ZONE, "seconds": 9.2}, {"zone": "picture-books", "seconds": 403.3}],
    },
    "alert.raised": {
        "alert": _ALERT,
        "group": GROUP,
        "visit": _VISIT,
        "rule": "returning-member",
        "text": "陈老师 进店 · 门口 1 秒前 · 爱看绘本 · 未验证",
        "greeting": "陈老师",
        "zone": ZONE,
        "at": _HEARD,
        "trust": "hint",
        "verified": False,
        "haptic": "short-short",
        "expires": _LATER,
    },
    "alert.claimed": _OVER | {"device": DEVICE, "serious": False},
    "alert.cleared": _OVER | {"reason": "withdrawn"},
    "alert.expired": _OVER | {"reason": "unclaimed"},
    "alert.unheard": _OVER | {"reason": "no device online", "escalated_to": "office"},
    "offer.triggered": {
        "offer": "new-arrivals",
        "rule": "window-regular",
        "member": _MEMBER,
        "visit": _VISIT,
        "zone": "pavement",
        "at": _HEARD,
        "trust": "hint",
        "expires": "2026-12-05T16:30:05.501+08:00",
        "payload": {"item": "sku-2207", "text": "新到绘本"},
        "feedback": _FEEDBACK,
    },
    "crowd.counted": {
        "from": "2026-12-05T16:00:00.000+08:00",
        "until": "2026-12-05T16:15:00.000+08:00",
        "passing": {"count": 85, "low": 60, "high": 115},
        "lingering": {"hidden": True},
        "inside": {"hidden": True},
        "calibration": None,
    },
    "security.suspected": {
        "what": "clone",
        "member": _MEMBER,
        "credential": "ibeacon",
        "where": "door",
        "at": _DECIDED,
        "until": "2026-12-06T16:20:05.501+08:00",
    },
    "member.changed": {
        "member": _MEMBER,
        "change": "paused",
        "purposes": ["recognise", "zones"],
        "until": "2026-12-12T16:20:05.501+08:00",
        "at": _DECIDED,
        "by": "guest-page",
    },
}
"""The `data` of each event."""


def event(name: str, number: int = 812) -> Json:
    """Return an event as it is on the wire."""
    return {
        "specversion": "1.0",
        "id": _ID,
        "source": f"/stores/{STORE}/gateways/{GATEWAY}",
        "type": f"hushbell.{name}",
        "time": _DECIDED,
        "datacontenttype": "application/json",
        "sequence": f"{number:016d}",
        "data": DATA[name],
    }


BODIES: dict[str, list[Json]] = {
    "gateway.status": [_STATUS, {"state": "offline"}],
    "gateway.health": [
        {
            "clock": {"at": _DECIDED, "synchronised": True},
            "receivers": {
                "door": {
                    "state": "hearing",
                    "last_heard": _HEARD,
                    "rate": 31.4,
                    "heard": 182_220,
                    "decoded": 182_220,
                    "dropped": 0,
                    "restarts": 0,
                    "malformed": 3,
                }
            },
            "heard": 182_220,
            "core": {"frames of others": 170_114},
            "queue": 0,
            "dropped": {},
            "refused": {"action: expected one of busy, claim, not_now, release, serious": 1},
        }
    ],
    "device.status": [{"state": "online", "battery": 0.62}, {"state": "offline"}],
    "claim": [{"alert": _ALERT, "action": "claim"}],
    "fact": [True, {"item": "sku-2207", "zone": "picture-books"}],
    "outcome": [{"feedback": _FEEDBACK, "outcome": "redeemed", "amount": 59.0}],
    **{name: [event(name)] for name in EVENTS},
}
"""Bodies by the message's name."""

CALLS: dict[str, Call] = {
    "members.put": Call(MEMBER, {"member": _MEMBER}),
    "members.pause": Call(
        {"member": _MEMBER, "until": "2026-12-31T00:00:00+08:00"},
        {"member": _MEMBER, "paused_until": "2026-12-31T00:00:00+08:00"},
    ),
    "members.remove": Call({"member": _MEMBER}, {"member": _MEMBER}),
    "members.export": Call(
        {"member": _MEMBER},
        {
            "rows": [
                {"member": _MEMBER, "what": "member", "row": MEMBER | {"credentials": [{"kind": "ibeacon"}]}},
                {
                    "member": _MEMBER,
                    "what": "state",
                    "row": {
                        "kind": "history",
                        "value": {
                            "visit": _VISIT,
                            "started": 1_796_450_404.318,
                            "ended": 1_796_450_994.25,
                            "passed": False,
                            "stops": [["entrance", 1_796_450_404.318], ["picture-books", 1_796_450_431.0]],
                        },
                        "until": "2027-03-05T16:20:05.501+08:00",
                    },
                },
            ],
            "after": None,
            "more": False,
        },
    ),
    "enrol.start": Call(
        {"receiver": "door", "seconds": 30},
        {"receiver": "door", "credential": {"kind": "ibeacon", "uuid": _UUID, "major": 7, "minor": 310}},
    ),
    "guest.link": Call(
        {"member": _MEMBER, "seconds": 600},
        {
            "member": _MEMBER,
            "url": "http://10.0.0.1:8080/?m=q1FqXb3sCk0S2uWlY6h9w2kiYxhvWDNmLTkxYzI",
            "until": "2026-12-05T16:30:05+08:00",
        },
    ),
    "heard": Call(
        {"member": _MEMBER, "beacon": {"uuid": _UUID, "major": 1, "minor": 7}, "rssi": -70, "at": _HEARD},
        {"member": _MEMBER, "receiver": "members-app"},
    ),
    "members.elsewhere": Call(
        {"member": _MEMBER, "credential": "ibeacon", "latitude": 39.9042, "longitude": 116.4074, "at": _HEARD},
        {"member": _MEMBER},
    ),
    "devices.buzz": Call(
        {"group": GROUP},
        {"group": GROUP, "alert": _ALERT, "online": ["badge-1"], "until": "2026-12-05T16:20:25.501+08:00"},
    ),
    "rules.get": Call(
        {"file": "returning-member.yaml"},
        {
            "files": [
                {
                    "file": "returning-member.yaml",
                    "sha256": "9b74c9897bac770ffc029102a200c5de9b74c9897bac770ffc029102a200c5de",
                    "rules": ["returning-member"],
                    "text": "- name: returning-member\n  ...\n",
                }
            ]
        },
    ),
    "rules.put": Call(
        {"file": "our-rules.yaml", "text": "- name: ours\n  ...\n"},
        {"file": "our-rules.yaml", "sha256": "9b74c9897bac770ffc029102a200c5de9b74c9897bac770ffc029102a200c5de"},
    ),
    "events.since": Call(
        {"topic": f"alerts/{GROUP}", "sequence": "0000000000000810", "most": 100},
        {
            "topic": f"alerts/{GROUP}",
            "events": [
                {
                    "sequence": "0000000000000811",
                    "id": "0199f0c4-4b01-7c55-9e02-6a7b8c9d0e1f",
                    "type": "hushbell.alert.raised",
                    "gone": "expired",
                },
                {"sequence": "0000000000000812", "event": event("alert.raised")},
            ],
            "more": False,
        },
    ),
    "explain": Call(
        {"id": _ALERT},
        {
            "id": _ALERT,
            "decisions": [
                {
                    "decided": _DECIDED,
                    "visit": _VISIT,
                    "rule": "returning-member",
                    "outcome": "fired",
                    "trigger": "arrived",
                    "zone": "entrance",
                    "at": _HEARD,
                    "trust": "hint",
                    "credential": "ibeacon",
                    "reason": "",
                    "file": "returning-member.yaml",
                    "line": 4,
                    "subject": _ALERT,
                    "sha256": _TEXT[:16],
                    "sightings": [
                        {
                            "receiver": "door",
                            "since": "2026-12-05T16:20:01.500+08:00",
                            "until": "2026-12-05T16:20:04.300+08:00",
                            "rssi": [-70, -61],
                            "frames": 12,
                        }
                    ],
                    "read": {"store.open": "true"},
                    "caps": [{"cap": "alert floor per visit", "used": 0, "most": 1}],
                }
            ],
            "rules": [
                {"rule": "returning-member", "sha256": _TEXT, "text": "- name: returning-member\n  on: arrived\n"},
            ],
            "silences": [],
            "counts": {"frames of others": 40187},
        },
    ),
    "report": Call(
        {"since": "2026-12-01T00:00:00+08:00", "until": "2026-12-05T00:00:00+08:00"}, {"report": {"visits": 118}}
    ),
    "status": Call({}, _STATUS),
    "configuration.get": Call(
        {},
        {
            "store": {
                "id": STORE,
                "name": "明珠路店",
                "timezone": "Asia/Shanghai",
                "latitude": None,
                "longitude": None,
                "opening_hours": "10:00-22:00",
                "language": "zh",
            },
            "gateway": {"id": GATEWAY, "role": "all-in-one"},
            "mqtt": {"urls": ["mqtts://broker.pearl.example:8883"]},
            "beacons": {"namespace": "0b9a7c524d1e4f36"},
            "receivers": [
                {
                    "id": "door",
                    "driver": "ble",
                    "adapter": "hci0",
                    "interface": None,
                    "channels": [],
                    "ssid": None,
                    "reference": None,
                }
            ],
            "zones": [
                {
                    "id": ZONE,
                    "kind": "door",
                    "name": "门口",
                    "hear": [{"receiver": "door", "at_least": -70.0, "offset": 0.0}],
                }
            ],
            "rules": ["returning-member.yaml"],
            "staff": {"groups": [{"id": GROUP, "devices": [DEVICE], "escalate_to": None}], "quiet_hours": None},
            "caps": {
                "alerts_per_day": 6,
                "alerts_per_week": 18,
                "offers_per_day": 3,
                "offers_per_week": 7,
                "answers_per_day": 9,
            },
            "presence": {"leave_after": "120 s"},
            "privacy": {
                "visits": "90 days",
                "alerts": "30 days",
                "inactive_member": "360 days",
                "minimum_count": 10,
                "private_attributes": ["balance"],
                "private_offers": [],
                "private_addresses": False,
            },
            "guest": {"receiver": "guest-wifi", "listen": "10.0.0.1:8080", "has_keys": False},
            "record": False,
        },
    ),
}
"""Arguments and results by the command's name."""

REFUSAL: Json = {
    "ok": False,
    "error": {
        "code": "invalid",
        "field": "credentials[0].uuid",
        "message": "expected 32 hex digits, grouped 8-4-4-4-12 or not at all",
    },
}
