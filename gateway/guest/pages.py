"""The guest page as HTML: it works without scripts, asks for nothing else, and is made of two forms."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from hashlib import sha256
from html import escape
from typing import NamedTuple
from urllib.parse import urlencode

from gateway.configuration.config import Language
from gateway.contract.words import PURPOSES
from gateway.guest.words import WORDS, Said
from gateway.membership.consent import ConsentText

_STYLE = (
    "body{font:1.1em/1.5 system-ui,sans-serif;max-width:36em;margin:0 auto;padding:1em;color:#111;background:#fff}"
    "h1{font-size:1.3em}label{display:block;margin:1em 0}input[type=checkbox]{width:1.4em;height:1.4em}"
    "input[type=text]{font:inherit;width:100%;box-sizing:border-box;padding:.5em}"
    "button{font:inherit;display:block;width:100%;min-height:3em;margin:.5em 0;color:#111;background:#eee;"
    "border:2px solid #333;border-radius:.4em}[role=status]{border-left:.4em solid #333;padding:.5em}"
)
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
)
"""Content-Security-Policy: no scripts, nothing from elsewhere, and of styles the one that stands in the page."""


class Standing(NamedTuple):
    """How a member stands who is here: what was agreed to, and until when there is a pause, in words."""

    agreed: Collection[str]
    paused_until: str | None


class Sheet(NamedTuple):
    """What every form carries: the language, that it came from this page, and the link that led here."""

    language: Language
    form: str
    link: str = ""


def offer_page(sheet: Sheet, text: ConsentText, standing: Standing | None, said: Said | None) -> str:
    """Write the page for a phone on the network: of nobody (`standing` None), or of a member."""
    words = WORDS[sheet.language]
    parts = [_status(words.told[said])] if said else []
    if standing is None:
        parts += [_agreement(sheet, text, (), words.agree, words.greeting)]
        parts += [_paragraph(words.free), _button(sheet, "/decline", words.decline)]
        return _page(sheet, text.heading, parts)
    until = standing.paused_until
    state = words.paused.format(until=until) if until else words.recognised
    parts.append(_paragraph(state if "recognise" in standing.agreed else words.silent))
    parts.append(_agreement(sheet, text, standing.agreed, words.change, None))
    parts.append(_paragraph(words.pausing))
    if until:
        parts.append(_button(sheet, "/resume", words.resume))
    parts += [_button(sheet, "/pause", label, days=str(days)) for days, label in words.pauses.items()]
    parts += [_paragraph(words.withdrawing), _button(sheet, "/withdraw", words.withdraw)]
    return _page(sheet, text.heading, parts)


def plain_page(language: Language, told: str) -> str:
    """Write a page that says one thing."""
    return _page(Sheet(language, ""), WORDS[language].title, [_paragraph(told)])


def _page(sheet: Sheet, heading: str, parts: list[str]) -> str:
    words = WORDS[sheet.language]
    other: Language = "en" if sheet.language == "zh" else "zh"
    query = urlencode({"lang": other} | ({"m": sheet.link} if sheet.link else {}))
    return (
        f'<!DOCTYPE html><html lang="{sheet.language}"><head><meta charset="utf-8"><title>{escape(words.title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<p><a href="/?{escape(query)}" hreflang="{other}" lang="{other}">{escape(words.other)}</a></p>'
        f"<main><h1>{escape(heading)}</h1>{''.join(parts)}</main></body></html>"
    )


def _agreement(sheet: Sheet, text: ConsentText, agreed: Collection[str], button: str, greeting: str | None) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="{purpose}" value="yes"{" checked" if purpose in agreed else ""}> '
        f"{escape(text.purpose(purpose))}</label>"
        for purpose in PURPOSES
    )
    name = (
        f'<label>{escape(greeting)}<input type="text" name="greeting" maxlength="64" autocomplete="off"></label>'
        if greeting
        else ""
    )
    return _form(sheet, "/agree", f"{boxes}{_paragraph(text.closing)}{name}<button>{escape(button)}</button>")


def _button(sheet: Sheet, action: str, label: str, **fields: str) -> str:
    return _form(sheet, action, f"{_hidden(fields)}<button>{escape(label)}</button>")


def _form(sheet: Sheet, action: str, inner: str) -> str:
    fields = {"lang": sheet.language, "form": sheet.form} | ({"m": sheet.link} if sheet.link else {})
    return f'<form method="post" action="{action}">{_hidden(fields)}{inner}</form>'


def _hidden(fields: dict[str, str]) -> str:
    return "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items())


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _status(text: str) -> str:
    return f'<p role="status">{escape(text)}</p>'
