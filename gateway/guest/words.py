"""What the guest page says, in Chinese and English, but for the text that is agreed to."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gateway.configuration.config import Language

Said = Literal["agreed", "declined", "paused", "resumed", "withdrawn", "first", "stale", "personal", "full", "later"]
"""What a page tells of the act before it."""


class Words(NamedTuple):
    title: str
    other: str  # the other language's name, in that language
    not_here: str
    free: str
    greeting: str
    agree: str
    decline: str
    recognised: str
    silent: str
    paused: str  # with {until}
    change: str
    pausing: str
    pauses: dict[int, str]  # by the number of days
    resume: str
    withdrawing: str
    withdraw: str
    lost: str
    told: dict[Said, str]


WORDS: dict[Language, Words] = {
    "en": Words(
        title="The bell of this shop",
        other="中文",
        not_here="This page is for phones on this shop's guest Wi-Fi. This device is not on it, so there is nothing to "
        "do here, and nothing was kept of it.",
        free="The Wi-Fi is yours to use whether you agree or not. Nothing is kept of those who do not.",
        greeting="What shall we call you? (may stay empty; no phone number)",
        agree="I agree to what is ticked",
        decline="No, thank you",
        recognised="This phone is recognised here.",
        silent="This phone is bound here, and recognised by nobody, since that was not agreed to.",
        paused="Nobody recognises you before {until}.",
        change="Save what is ticked",
        pausing="Pause: nobody recognises you, and nothing is kept.",
        pauses={1: "Pause for a day", 7: "Pause for a week", 30: "Pause for 30 days"},
        resume="End the pause",
        withdrawing="Withdraw: you are forgotten at once, with all that the bell holds about you.",
        withdraw="Forget me",
        lost="There is nothing at this place.",
        told={
            "agreed": "Done. You may change or withdraw this here at any time.",
            "declined": "Nothing was kept. Enjoy your visit.",
            "paused": "You pause.",
            "resumed": "The pause is over.",
            "withdrawn": "Done. Nothing is held about you any more.",
            "first": "Nothing was changed: the second and the third rest on the first, which is not ticked.",
            "stale": "Nothing was changed: the page was too old. Please try again.",
            "personal": "Nothing was changed: what to call you must be a name, at most 64 characters, with no phone "
            "number and no e-mail address.",
            "full": "Nothing was changed: too many sign on at this moment. Please try again later, or ask at the "
            "counter.",
            "later": "Nothing was changed: the bell cannot save this at the moment. Please try again later.",
        },
    ),
    "zh": Words(
        title="本店的门铃",
        other="English",
        not_here="本页面供连接本店访客 Wi-Fi 的手机使用。此设备不在该网络上，没有可操作的内容，也没有保存任何信息。",
        free="无论同意与否，Wi-Fi 都可使用。不同意者，不保存任何信息。",
        greeting="怎么称呼您？（可留空；请勿填手机号）",
        agree="同意所勾选的各项",
        decline="不用了，谢谢",
        recognised="本店能认出这部手机。",
        silent="这部手机已登记，但因未同意“认出我”，不会被认出。",
        paused="{until} 之前，没有人会认出您。",
        change="保存勾选",
        pausing="暂停：期间没有人会认出您，也不保存任何记录。",
        pauses={1: "暂停一天", 7: "暂停一周", 30: "暂停 30 天"},
        resume="结束暂停",
        withdrawing="撤回：立即忘记您，删除门铃保存的关于您的一切。",
        withdraw="忘记我",
        lost="此处没有内容。",
        told={
            "agreed": "已办妥。您随时可以在这里更改或撤回。",
            "declined": "没有保存任何信息。祝您购物愉快。",
            "paused": "已暂停。",
            "resumed": "暂停已结束。",
            "withdrawn": "已办妥。门铃不再保存关于您的任何信息。",
            "first": "没有更改：第二、三项以第一项为前提，而第一项未勾选。",
            "stale": "没有更改：页面已过期，请再试一次。",
            "personal": "没有更改：称呼应为名字，最多 64 个字，不得含手机号或电子邮箱。",
            "full": "没有更改：此刻登记的人太多，请稍后再试，或到柜台办理。",
            "later": "没有更改：门铃暂时无法保存，请稍后再试。",
        },
    ),
}


def choose_language(asked: str, accepted: str, usual: Language) -> Language:
    """Return the language asked for, else the one that Accept-Language prefers (RFC 9110, 12.5.4)."""
    if asked in WORDS:
        return "zh" if asked == "zh" else "en"
    weights: dict[Language, float] = {}
    for item in accepted.split(",")[:20]:
        tag, _, rest = item.strip().partition(";")
        for language in WORDS:
            if tag.lower().partition("-")[0] == language:
                weights[language] = max(weights.get(language, 0.0), _weight(rest))
    return max((usual, *weights), key=lambda language: weights.get(language, 0.0))


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        weight = float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
