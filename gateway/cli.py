"""The command `hushbell`. Each subcommand imports what it needs when it is called, so that each starts fast."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.commandline.lines import close_quietly, complain, say
from rules.messages import language_of, say_why, speak
from rules.messages import say as told

DEFAULT_CONFIG = Path("/etc/hushbell/hushbell.yaml")

DONE, AT_FAULT, WRONG_USE = 0, 1, 2


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        complain(told("{message} (try `{command} --help`)", message=message, command=self.prog))
        raise SystemExit(WRONG_USE)


class Version(argparse.Action):
    """Prints the version; it is looked up only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, *_: object) -> None:
        from importlib.metadata import version

        say(f"hushbell {version('hushbell')}")
        raise SystemExit(DONE)


def parser() -> argparse.ArgumentParser:
    """Describe every command."""
    top = Parser(prog="hushbell", description="The silent shop bell.")
    top.add_argument("--version", action=Version, help="print the version and end")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, run: object, *, config: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        if config:
            sub.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
        return sub

    command("run", "run the daemon", _run)

    sub = command("watch", "show live what the daemon hears and decides, and why", _watch)
    sub.add_argument("--json", action="store_true", help="print what the daemon says as JSON lines")

    sub = command("demo", "play a simulated shop on a broker of its own", _demo, config=False)
    sub.add_argument("--fast", action="store_true", help="play in seconds")
    sub.add_argument("--all", action="store_true", help="play every scene of a shop with all rules in force")

    sub = command("sandbox", "play a shop without end, for those who write a back end", _sandbox, config=False)
    sub.add_argument("--broker", metavar="URL", help="an MQTT 5 broker such as mqtt://127.0.0.1, else one of its own")
    sub.add_argument("--seed", type=int, default=1, metavar="N", help="who comes, and what they do")
    sub.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="N times as many people")

    sub = command("check", "validate a configuration and its rules", _check, config=False)
    sub.add_argument("file", type=Path, nargs="?", metavar="FILE")
    sub.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
    sub.add_argument("--enrolled", action="store_true", help="look too at what the enrolled members carry")

    sub = command("doctor", "say what this machine lacks, and the command that mends it", _doctor)
    sub.add_argument("--json", action="store_true", help="print the findings as one JSON object")

    sub = command("decode", "print the sightings in captures as JSON lines", _decode, config=False)
    sub.add_argument("capture", type=Path, nargs="+", metavar="CAPTURE")
    sub.add_argument("--receiver", metavar="ID", help="the receiver's name, else the file's")

    sub = command("replay", "run captures, sightings or a journal through the pipeline, without a broker", _replay)
    sub.add_argument("file", type=Path, nargs="+", metavar="FILE")
    sub.add_argument("--receiver", metavar="ID", help="which receiver heard the captures")
    sub.add_argument("--speed", type=_speed, metavar="N", help="N times the frames' own pace, else as fast as it goes")
    sub.add_argument("--crowd-estimates", action="store_true", help="print every count unrounded, none hidden")
    text = "of a journal: print which alerts and offers this rule file would add and lose"
    sub.add_argument("--rules", type=Path, metavar="FILE", help=text)
    text = "with --rules: hold it against this rule file, else against the recorded rules"
    sub.add_argument("--against", type=Path, metavar="FILE", help=text)

    rules = command("rules", "work with rule files", None, config=False)
    rule_commands = rules.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    sub = rule_commands.add_parser("test", help="run rule tests")
    sub.add_argument("file", type=Path, nargs="+", metavar="FILE")
    text = "say which rules and conditions no test shows, and fail where there are any"
    sub.add_argument("--coverage", action="store_true", help=text)
    sub.set_defaults(run=_rules_test)
    text = "ask the rules one question: what happens, and why; at a terminal, without --on, ask again and again"
    sub = rule_commands.add_parser("try", help=text, description=text)
    sub.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
    sub.add_argument("--on", metavar="WHAT", help="such as arrived, 'dwell 6s', 'claimed serious' or 'clock 20:30'")
    sub.add_argument("--member", metavar="ID", help="a member, or the alias of a visit, else nobody in particular")
    sub.add_argument("--zone", metavar="ID")
    sub.add_argument("--at", metavar="TIME", help="the shop's time, such as '2026-11-22 14:00', else now")
    sub.add_argument("--trust", default="hint", help="hint, weak or fresh; hint unless you say so")
    sub.add_argument("--since", default="0 s", metavar="TIME", help="how long ago the visit came in, such as 15s")
    sub.add_argument("--ago", default="0 s", metavar="TIME", help="how long ago somebody nearby was seen")
    what = "a fact, such as 'new_arrivals=true'"
    sub.add_argument("--fact", action="append", default=[], metavar="NAME=JSON", help=what)
    what = "what the member has, such as 'points=640', 'passes_30d=5' or 'consent=[\"offers\"]'"
    sub.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help=what)
    sub.set_defaults(run=_rules_try)

    members = command(
        "members", "put, remove, pause, export or list members; back up, restore and seal them", None, config=False
    )
    member_commands = members.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    for name, text in (
        ("put", "put the members of a file, a JSON object a line"),
        ("remove", "forget a member wholly"),
        ("pause", "stop recognising a member until a time"),
        ("export", "print every row about a member, or about all, as JSON lines"),
        ("list", "list the members"),
    ):
        sub = member_commands.add_parser(name, help=text, description=text)
        if name == "put":
            sub.add_argument("file", type=Path, metavar="FILE", help="or - for standard input")
        elif name != "list":
            sub.add_argument("member", metavar="MEMBER", nargs="?" if name == "export" else None)
        if name == "pause":
            sub.add_argument(
                "until", metavar="UNTIL", help="RFC 3339, such as 2026-12-01T10:00:00+08:00, or now: it is over"
            )
        sub.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
        sub.set_defaults(run=_members)

    for name, text in (
        ("backup", "write the register into one file, sealed with a passphrase"),
        ("restore", "bring back the members of a backup who are not there and were not erased"),
        ("rotate-key", "seal the register under a new key"),
    ):
        sub = member_commands.add_parser(name, help=text, description=text)
        if name != "rotate-key":
            sub.add_argument("file", type=Path, metavar="FILE")
            sub.add_argument("--passphrase-file", type=Path, metavar="FILE", help="what holds it, else it is asked for")
        sub.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
        sub.set_defaults(run=_register)

    sub = command("enrol", "enrol a member at the counter: a card, an app, or a key to the guest Wi-Fi", _enrol)
    carried = sub.add_mutually_exclusive_group()
    carried.add_argument("--app", action="store_true", help="make a key, and show the code that the member's app scans")
    carried.add_argument("--wifi", action="store_true", help="make a key of the member's own to the guest Wi-Fi")
    sub.add_argument("--receiver", metavar="ID", help="where the card is held, else the first Bluetooth receiver")
    sub.add_argument("--member", metavar="ID", help="the back end's id for the member, else a new one")
    sub.add_argument("--greeting", help="what the member chose to be called")
    sub.add_argument("--purposes", default="recognise,zones,offers", help="which purposes to ask the member for")
    sub.add_argument("--seconds", type=_seconds, default=30.0, metavar="S", help="how long to wait for the card")
    sub.add_argument("--yes", action="store_true", help="the member has read the text, and agreed to all of those")

    calibrate = command("calibrate", "propose the levels of zones from a walk with a tag, as a diff", _calibrate_zones)
    calibrate.add_argument("--receiver", metavar="ID", help="where the tag is held, else the first Bluetooth receiver")
    calibrate.add_argument(
        "--seconds", type=_seconds, default=20.0, metavar="S", help="how long to stand in each place"
    )
    heard = "captures or sightings of a walk, else the running daemon is listened to"
    calibrate.add_argument("--heard", type=Path, nargs="+", default=[], metavar="FILE", help=heard)
    calibrate.add_argument("--marks", type=Path, metavar="FILE", help="CSV: zone,spot,facing,from,until of that walk")
    calibrate.add_argument("--tag", metavar="TAG", help="your tag in it: UUID/MAJOR/MINOR, or an id in hex digits")
    calibrate.add_argument("--yes", action="store_true", help="write the configuration without asking")
    calibrate_commands = calibrate.add_subparsers(dest="subcommand", metavar="COMMAND")
    text = "propose the calibration of the crowd's count, as a diff of the configuration"
    sub = calibrate_commands.add_parser("crowd", help=text, description=text)
    sub.add_argument("counts", type=Path, metavar="COUNTS", help="CSV: time,inside and perhaps passing,lingering")
    heard = "captures or sightings of the same time, else what the running daemon heard"
    sub.add_argument("--heard", type=Path, nargs="+", default=[], metavar="FILE", help=heard)
    sub.add_argument("--receiver", metavar="ID", help="which receiver heard the captures")
    sub.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")
    sub.set_defaults(run=_calibrate_crowd)

    text = "say what is held, why and until when, and that nothing else is; or write a paper for the shop"
    sub = command("audit", text, _audit)
    papers = ("notice", "sign", "assessment")
    sub.add_argument("paper", nargs="?", choices=papers, metavar="PAPER", help="notice, sign or assessment, to print")
    sub.add_argument("--language", choices=("zh", "en"), help="of a paper, else both")
    sub.add_argument("--log", type=Path, action="append", default=[], metavar="FILE", help="a log, else the journal")
    sub.add_argument("--json", action="store_true", help="print the report as one JSON object")

    sub = command("buzz", "try the staff devices of a group, without a customer", _buzz)
    sub.add_argument("group", nargs="?", metavar="GROUP", help="else the first group")

    sub = command(
        "explain", "say why an alert or offer came, or why not, and that what is kept of it is whole", _explain
    )
    of = sub.add_mutually_exclusive_group(required=True)
    of.add_argument("id", metavar="ID", nargs="?", help="of an alert, an offer's feedback, an event or a visit")
    of.add_argument("--silences", action="store_true", help="count why rules said no")
    of.add_argument("--digests", action="store_true", help="hold the decisions against the digests of their days")
    sub.add_argument("--since", type=_ago, default=86400.0, metavar="AGO", help="of silences: 30min, 1h or 7d, else 1d")
    sub.add_argument("--json", action="store_true", help="print one JSON object")
    return top


def _speed(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(told("{text!r} is no speed, expected a number above 0", text=text))
    return value


def _number(text: str) -> float:
    """Return the number that a text is, else one that no bound lets through."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _ago(text: str) -> float:
    unit = text.lstrip("0123456789.")
    since_s = _number(text.removesuffix(unit)) * _UNITS_S.get(unit, math.nan)
    if math.isnan(since_s):
        raise argparse.ArgumentTypeError(told("{text!r} is no time, expected such as 30min, 1h or 7d", text=text))
    return since_s


_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(text: str) -> float:
    value = _number(text)
    if not 1 <= value <= 600:
        raise argparse.ArgumentTypeError(told("{text!r} is no time, expected 1 to 600 seconds", text=text))
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    speak(language_of(os.environ))
    try:
        given = parser().parse_args(arguments)
        return int(given.run(given))
    except BrokenPipeError:
        close_quietly()
        return DONE
    except OSError as error:
        complain(f"{error.filename or 'standard output'}: {say_why(error)}")
        close_quietly()
        return WRONG_USE
    except KeyboardInterrupt:
        return 130


def _run(given: argparse.Namespace) -> int:
    from gateway.daemon import run

    return run(given.config)


def _watch(given: argparse.Namespace) -> int:
    from gateway.commandline.watch import watch

    return watch(given.config, as_json=given.json)


def _demo(given: argparse.Namespace) -> int:
    from gateway.demo import demo

    return demo(fast=given.fast, every_scene=given.all)


def _sandbox(given: argparse.Namespace) -> int:
    from gateway.commandline.sandbox import sandbox

    return sandbox(given.broker, given.seed, given.speed)


def _check(given: argparse.Namespace) -> int:
    from gateway.commandline.check import check

    return check(given.file or given.config, sys.stdout, sys.stderr, enrolled=given.enrolled)


def _doctor(given: argparse.Namespace) -> int:
    from gateway.doctor import doctor

    return doctor(given.config, as_json=given.json)


def _decode(given: argparse.Namespace) -> int:
    from gateway.commandline.decode import decode

    return decode(given.capture, given.receiver, sys.stdout, sys.stderr)


def _replay(given: argparse.Namespace) -> int:
    from gateway.journal.pages import is_journal

    if given.rules or all(map(is_journal, given.file)):
        from gateway.commandline.replaying import replay_journals

        return replay_journals(given.file, given.config, given.rules, given.against)
    from gateway.commandline.replay import replay

    return replay(given.file, given.config, given.receiver, speed=given.speed, estimates=given.crowd_estimates)


def _rules_test(given: argparse.Namespace) -> int:
    from gateway.commandline.rehearsal import rules_test

    return rules_test(given.file, covers=given.coverage)


def _rules_try(given: argparse.Namespace) -> int:
    from gateway.commandline.tryout import try_rules

    return try_rules(given)


def _members(given: argparse.Namespace) -> int:
    from gateway.commandline import members

    match given.subcommand:
        case "put":
            return members.put(given.config, given.file)
        case "remove":
            return members.remove(given.config, given.member)
        case "pause":
            return members.pause(given.config, given.member, given.until)
        case "export":
            return members.export(given.config, given.member)
        case _:
            return members.list_(given.config)


def _register(given: argparse.Namespace) -> int:
    from gateway.commandline import backup

    match given.subcommand:
        case "backup":
            return backup.backup(given)
        case "restore":
            return backup.restore(given)
        case _:
            return backup.rotate(given)


def _enrol(given: argparse.Namespace) -> int:
    from gateway.commandline.enrol import enrol

    return enrol(given)


def _calibrate_zones(given: argparse.Namespace) -> int:
    from gateway.calibrate.zones import calibrate_zones

    return calibrate_zones(given)


def _calibrate_crowd(given: argparse.Namespace) -> int:
    from gateway.calibrate.crowd import calibrate_crowd

    return calibrate_crowd(given.counts, given.heard, given.config, given.receiver)


def _audit(given: argparse.Namespace) -> int:
    from gateway.audit.command import audit

    return audit(given)


def _buzz(given: argparse.Namespace) -> int:
    from gateway.commandline.buzz import buzz

    return buzz(given.config, given.group)


def _explain(given: argparse.Namespace) -> int:
    from gateway.commandline.explain import explain

    return explain(given)
