"""Values in few bytes: JSON, deflated (RFC 1951) with a dictionary of what gateways say most."""

from __future__ import annotations

import zlib

import msgspec

from gateway.contract.reading import Json

LEVEL = 6

# Part of the database's format: another dictionary needs another version of the schema. The most frequent stands last.
_WORDS = (
    '{"what":"replay","clone","flood","clock","where":'
    '{"from":"passing":{"hidden":true},"lingering":{"count":10,"low":5,"high":15},"inside":'
    '"calibration":{"offer":"new-arrivals","payload":{},"feedback":"f-"'
    '"withdrawn","device":"badge-1","serious":false"reason":"unclaimed"}[["history",{"visits":[1763791200.1],"passes":[]}'
    '["alert",{"id":"claimed_by":null,"data":{["ledger",["alive","",1763791200.1,null,null]'
    '["outbox","sent",{"floors":[1,1,1],"held":[]},null,null],["sequence","crowd",["sequence","alerts/floor",1'
    '"window-regular","window-occasional","cap","condition","shelf","eddystone-uid","rotating","weak","fresh"'
    '"fired",{"trigger":"arrived","passing","entered","dwell","zone":"entrance","credential":"ibeacon","reason":"",'
    '"file":"config/rules/returning-member.yaml","line":4}{"alert":"a-","group":"floor",'
    '"visit":"v-","rule":"returning-member","text":" 进店 · 门口 1 秒前 · 未验证","greeting":"女士","先生",'
    '"zone":"entrance","at":"2026-11-22T14:03:10.040+08:00","trust":"hint","verified":false,"haptic":"short-short","expires":"2026-'
    '["visit",{"visit":{"member":"visit_id":"since":1763791200.1,"route":[["pavement",1763791200.1],["entrance",'
    '"zone_since":"kind_since":"zone_heard":"last_heard":"arrived":true},null,null]["sequence","visits",'
    '"reason":"left","seconds":,"route":[{"zone":"pavement","seconds":'
    '{"visit":"v-","member":"","at":"2026-11-22T14:03:10.040+08:00","zone":"entrance",'
    '"kind":"inside","outside","door","confidence":0.9,"trust":"hint","credential":"ibeacon","from":"pavement"}'
).encode()


def pack(value: object) -> bytes:
    deflater = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS, zdict=_WORDS)
    return deflater.compress(msgspec.json.encode(value)) + deflater.flush()


def unpack(packed: bytes) -> Json:
    """Return the JSON value that was packed."""
    return msgspec.json.decode(inflate(packed))


def inflate(packed: bytes) -> bytes:
    """Return what was packed as JSON."""
    return zlib.decompressobj(-zlib.MAX_WBITS, zdict=_WORDS).decompress(packed)
