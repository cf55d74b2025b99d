"""What a rule does: `alert` and `offer`, read."""

from __future__ import annotations

from typing import NamedTuple, cast

from rules.context import Context, read_group, read_id, read_like
from rules.document import Node, read_duration
from rules.model import Alert, Offer
from rules.payload import Payload, read_payload
from rules.places import within_node
from rules.schema import ALERT, ESCALATE, HAPTIC, OFFER
from rules.text import LANGUAGES, Language, Template, parse_template

ALERT_EXPIRES_S = 60.0  # and no longer
OFFER_TTL_S = 600.0


class _Escalation(NamedTuple):
    to: str = ""
    after_s: float = 0.0


def read_action(node: Node, keys: dict[str, Node], context: Context) -> Alert | Offer | None:
    """Read what a rule does."""
    if "alert" in keys and "offer" in keys:
        keys["offer"].fault("alert and offer stand in one rule, expected one of them")
        return None
    if "alert" in keys:
        return _alert(keys["alert"], context)
    if "offer" in keys:
        return _offer(keys["offer"], context)
    if node.is_mapping():
        node.fault("the rule does nothing, expected alert or offer")
    return None


def _alert(node: Node, context: Context) -> Alert | None:
    keys = node.fields(tuple(ALERT), ("group", "text"), "alert")
    group = read_group(keys["group"], context.known) if "group" in keys else None
    texts = _texts(keys["text"], context) if "text" in keys else {}
    haptic = _haptic(keys["haptic"]) if "haptic" in keys else "short-short"
    expires = read_duration(keys["expires"], 1, ALERT_EXPIRES_S) if "expires" in keys else ALERT_EXPIRES_S
    escalation = _Escalation()
    if "escalate" in keys and expires:
        escalation = _escalation(keys["escalate"], group, expires, context) or escalation
    return Alert(group, texts, haptic, expires, *escalation) if group and texts and haptic and expires else None


def _escalation(node: Node, group: str | None, expires: float, context: Context) -> _Escalation | None:
    keys = node.fields(tuple(ESCALATE), tuple(ESCALATE), "escalate")
    to = read_group(keys["to"], context.known) if "to" in keys else None
    after = read_duration(keys["after"], 1, ALERT_EXPIRES_S) if "after" in keys else None
    if to and to == group:
        keys["to"].fault("the alert goes to {group} already, expected another group", group=to)
    if after and after >= expires:
        keys["after"].fault("the alert is over by then, expected less than its {expires} s", expires=f"{expires:g}")
    return _Escalation(to, after) if to and after else None


def _haptic(node: Node) -> str | None:
    return read_like(node, HAPTIC, "up to six of short and long, such as short-short-long")


def _texts(node: Node, context: Context) -> dict[Language, Template]:
    """Read one text for every language, or `{zh: ..., en: ...}`."""
    if not node.is_mapping():
        template = _template(node, context)
        return dict.fromkeys(LANGUAGES, template) if template else {}
    keys = node.fields(LANGUAGES, what="text")
    if not keys:
        node.unexpected("a text, or {zh: ..., en: ...}")
    read = {cast(Language, language): _template(value, context) for language, value in keys.items()}
    return {language: template for language, template in read.items() if template}


def _template(node: Node, context: Context) -> Template | None:
    expected = "a text such as '{greeting} · {zone} {ago}'"
    text = node.text(expected)
    if text is None:
        return None
    if not text.strip():
        node.unexpected(expected)
        return None
    template = parse_template(text, context.vocabulary)
    if isinstance(template, Template):
        return template
    locate = within_node(context.lines, node, text)
    for problem in template:
        node.fault_at(*locate(problem.offset), problem.message)
    return None


def _offer(node: Node, context: Context) -> Offer | None:
    keys = node.fields(tuple(OFFER), ("id",), "offer")
    offer = read_id(keys["id"]) if "id" in keys else None
    ttl = read_duration(keys["ttl"], 10, 7 * 86400) if "ttl" in keys else OFFER_TTL_S
    payload = read_payload(keys["payload"], context.vocabulary) if "payload" in keys else Payload()
    return Offer(offer, ttl, payload) if offer and ttl and payload else None
