"""Conditions in CEL: compiled and typed when loaded, judged on a situation."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from cel_expr_python import cel

from rules import expression, reasons
from rules.document import did_you_mean
from rules.facts import Fact, settle
from rules.messages import say
from rules.places import Locate, Place, within
from rules.shortcut import Shortcut, find_shortcut
from rules.situation import Silent, Situation
from rules.vocabulary import ABSENT, ROOTS, WHOLE, WORDS, Path, Vocabulary, WordType, as_typed, dig, plain

MAX_LENGTH = 2000
FUNCTIONS = (
    *("all", "contains", "double", "endsWith", "exists", "exists_one", "filter", "has", "int", "map", "matches"),
    *("size", "startsWith", "string"),
)

_MESSAGE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_OVERLOAD = re.compile(r"found no matching overload for '_?(\S+?)_?' applied to '\((.*)\)'")
_UNDECLARED = re.compile(r"undeclared reference to '(.*?)'")
_REFUSED = (RuntimeError, TypeError, ValueError)
"""What the library raises."""


class Problem(NamedTuple):
    """What is wrong with an expression, and where."""

    place: Place
    message: str


class Clause(NamedTuple):
    """One part of a condition's outermost `&&`, compiled."""

    text: str
    line: int
    program: Any
    paths: tuple[Path, ...]  # what it reads
    compared: Path | None  # where the clause compares one path with a constant, or is one
    needs: str  # such as `>= 4`
    shortcut: Shortcut


class _Part(NamedTuple):
    """What is the same of a clause wherever it stands. `start` is the offset of its first word."""

    start: int
    program: Any
    paths: tuple[Path, ...]
    compared: Path | None
    needs: str
    shortcut: Shortcut


class Condition(NamedTuple):
    """One item of `if` or `unless`."""

    text: str
    line: int
    clauses: tuple[Clause, ...]

    @property
    def paths(self) -> Iterator[Path]:
        """Yield what it reads."""
        return (path for clause in self.clauses for path in clause.paths)


class Verdict(NamedTuple):
    """What stands against a rule, in `if` or `unless`."""

    outcome: Silent
    reason: str
    line: int
    item: int = 0  # from 1, in which it stands


# --- compiling


class Compiler:
    """Compiles the conditions of one file; the same words in two rules are compiled once."""

    def __init__(self, vocabulary: Vocabulary | None = None) -> None:
        self._vocabulary = vocabulary or Vocabulary()
        self._parse_path = cache(self._vocabulary.parse_path)
        self._types = self._vocabulary.types
        self._environment = _environment(tuple(self._types.items()))
        self._parts: dict[str, _Part] = {}

    def compile(self, text: str, locate: Locate | None = None) -> Condition | list[Problem]:
        """Compile one condition; a faulty one gives its problems, at the places that `locate` knows."""
        locate = locate or within(text)
        if len(text) > MAX_LENGTH:
            return [Problem(locate(0), say("the condition is longer than {most} characters", most=MAX_LENGTH))]
        found = expression.tokens(text)
        problems = list(self._wrong_words(found, locate))
        if problems:
            return problems
        compiled = [self._clause(offset, part, locate) for offset, part in expression.clauses(text, found)]
        clauses = tuple(clause for clause in compiled if isinstance(clause, Clause))
        if len(clauses) < len(compiled):
            return [clause for clause in compiled if isinstance(clause, Problem)]
        return Condition(text, clauses[0].line, clauses)

    def _wrong_words(self, found: list[expression.Token], locate: Locate) -> Iterator[Problem]:
        for slip in expression.slips(found):
            message = say("{what} stands here, expected {expected}", what=repr(slip.wrong), expected=slip.right)
            yield Problem(locate(slip.start), message)
        for dot in expression.leading_dots(found):
            expected = say("a name such as {example}", example="member.tier")
            yield Problem(locate(dot), say("{what} stands here, expected {expected}", what="'.'", expected=expected))
        for reference in expression.references(found):
            if message := self._wrong_word(reference):
                yield Problem(locate(reference.start), message)

    def _wrong_word(self, reference: expression.Reference) -> str:
        if reference.path.partition(".")[0] not in ROOTS:
            return ""
        path = self._parse_path(reference.path)
        if path is None:
            return self._vocabulary.unknown(reference.path)
        return self._vocabulary.unknown_part(path) if path.kind == WHOLE and not reference.tested else ""

    def _clause(self, offset: int, text: str, locate: Locate) -> Clause | Problem:
        part = self._parts.get(text)
        if part is None:
            try:
                part = self._parts[text] = self._part(text)
            except _REFUSED as error:
                return _refusal(str(error), text, offset, locate)
        line, column = locate(offset + part.start)
        result = part.program.return_type()
        if result not in (cel.Type.BOOL, cel.Type.DYN):
            what, kind = reasons.shorten(text.strip()), result.name().lower()
            message = say("`{what}` gives {kind}, expected true or false", what=what, kind=kind)
            return Problem(Place(line, column), message)
        return Clause(text.strip(), line, *part[1:])

    def _part(self, text: str) -> _Part:
        """Compile a clause. Raises what the library raises."""
        found = expression.tokens(text)
        program = self._environment.compile(expression.has_words(text, found, self._types))
        names = {name: None for name, _, _ in expression.references(found)}
        paths = tuple(path for name in names if (path := self._parse_path(name)))
        compares = expression.comparison(text, found) or expression.Comparison("", "")
        compared = self._parse_path(compares.path)
        shortcut = find_shortcut(found, self._types)
        return _Part(found[0].start if found else 0, program, paths, compared, compares.needs, shortcut)


def _refusal(error: str, text: str, offset: int, locate: Locate) -> Problem:
    """Say what the compiler says first of a text, by `ERROR: <input>:line:column:`, in an installer's words."""
    found = min(
        ((_index(text, int(line), int(column)), what) for line, column, what in _MESSAGE.findall(error)), default=None
    )
    if found is None or found[0] < 0:
        return Problem(locate(offset), say("the condition cannot be read, it may be nested too deeply"))
    at, message = found
    undeclared = _UNDECLARED.match(message)
    if undeclared is None:
        return Problem(locate(offset + at), _plainly(message))
    name = undeclared[1]
    start = max(text.rfind(name, 0, at + len(name)), 0)
    message = _no_function(name) if text[at : at + 1] == "(" else Vocabulary().unknown(name)
    return Problem(locate(offset + start), message)


def _no_function(name: str) -> str:
    return say("unknown function {name}{hint}", name=repr(name), hint=did_you_mean(name, FUNCTIONS))


def _index(text: str, line: int, column: int) -> int:
    """Turn the compiler's line and column into an index; it gives -1 for both where it knows no place."""
    before = text.split("\n")[: line - 1] if line > 0 else []
    return sum(len(part) + 1 for part in before) + column - 1


def _plainly(message: str) -> str:
    message = message.removeprefix("Syntax error: ").removesuffix(" [INVALID_ARGUMENT]")
    overload = _OVERLOAD.search(message)
    if overload:
        kinds = overload[2].replace(", ", " / ")
        return say("{operator} does not fit {kinds}", operator=repr(overload[1]), kinds=kinds)
    what, _, expected = message.partition(" expecting ")
    if "'<EOF>'" in what:
        return say("the condition ends too early")
    if expected == "<EOF>":
        return say("{what} stands here, expected {expected}", what=what.rpartition(" ")[2], expected="&&")
    return what if expected.startswith("{") or not expected else f"{what}, expected {expected}"


@lru_cache(maxsize=64)
def _environment(types: tuple[tuple[str, WordType], ...]) -> Any:
    words = {word: _type(kind) for word, kind in types if kind != WHOLE or not word.startswith("facts.")}
    has = {f"has.{word}": cel.Type.BOOL for word, _ in types}
    excluded = "".join(f"    - name: '{name}'\n" for name in (*_COMPARISONS, *_ARITHMETIC))
    config = cel.NewEnvConfigFromYaml(f"name: rules\nstdlib:\n  exclude_functions:\n{excluded}")
    return cel.NewEnv(config=config, variables=words | has, functions=list(_operators()))


def _type(name: WordType) -> Any:
    simple = {
        "dyn": cel.Type.DYN,
        "bool": cel.Type.BOOL,
        "int": cel.Type.INT,
        "double": cel.Type.DOUBLE,
        "string": cel.Type.STRING,
    }
    if name.startswith("list<"):
        return cel.Type.List(simple[name[5:-1]])
    return simple.get(name) or cel.Type.Map(cel.Type.STRING, cel.Type.DYN)


# CEL's standard operators do not mix int and double, so `member.balance < 20` would be refused. They are declared
# afresh with both, after the standard's list of definitions; the library's own code evaluates all but mixed arithmetic.

_T = cel.Type
_NUMBERS = (_T.INT, _T.UINT, _T.DOUBLE)
_ORDERED = (_T.BOOL, *_NUMBERS, _T.STRING, _T.BYTES, _T.TIMESTAMP, _T.DURATION)
_EQUATABLE = (*_ORDERED, _T.NULL, _T.LIST, _T.MAP, _T.TYPE)
_MIXED = ((_T.DOUBLE, _T.INT), (_T.INT, _T.DOUBLE))
_COMPARISONS = dict.fromkeys(("_<_", "_<=_", "_>_", "_>=_"), _ORDERED) | dict.fromkeys(("_==_", "_!=_"), _EQUATABLE)
_ARITHMETIC: dict[str, tuple[Callable[[Any, Any], Any], tuple[Any, ...]]] = {
    "_+_": (operator.add, (*_NUMBERS, _T.STRING, _T.BYTES, _T.DURATION, _T.LIST)),
    "_-_": (operator.sub, (*_NUMBERS, _T.DURATION)),
    "_*_": (operator.mul, _NUMBERS),
    "_/_": (operator.truediv, _NUMBERS),
}
_TIMES: dict[str, tuple[tuple[Any, Any, Any], ...]] = {
    "_+_": ((_T.TIMESTAMP, _T.DURATION, _T.TIMESTAMP), (_T.DURATION, _T.TIMESTAMP, _T.TIMESTAMP)),
    "_-_": ((_T.TIMESTAMP, _T.TIMESTAMP, _T.DURATION), (_T.TIMESTAMP, _T.DURATION, _T.TIMESTAMP)),
}


def _operators() -> Iterator[Any]:
    for name, types in _COMPARISONS.items():
        pairs = (*((each, each) for each in types), *_MIXED)
        yield cel.FunctionDecl(name, [_overload(name, left, right, _T.BOOL) for left, right in pairs])
    for name, (compute, types) in _ARITHMETIC.items():
        library = (*((each, each, each) for each in types), *_TIMES.get(name, ()))
        mixed = [_overload(name, left, right, _T.DOUBLE, compute) for left, right in _MIXED]
        yield cel.FunctionDecl(name, [*(_overload(name, *signature) for signature in library), *mixed])


def _overload(name: str, left: Any, right: Any, result: Any, compute: Callable[[Any, Any], Any] | None = None) -> Any:
    return cel.Overload(f"{name}{left.name()}_{right.name()}", result, [left, right], impl=compute)


# --- judging

_PLAIN = tuple(Vocabulary().types.items())


class Reading:
    """What some conditions read together, so that a situation is read once for all of them."""

    __slots__ = ("_all_facts", "_declared", "_environment", "_facts", "_typed", "_words")

    def __init__(self, conditions: Iterable[Condition], declared: Mapping[str, Fact] | None = None) -> None:
        paths = dict.fromkeys(path for condition in conditions for path in condition.paths)
        words = {path.word for path in paths if path.word in WORDS and path.word != "facts"}
        self._words = [(word, f"has.{word}", WORDS[word].read) for word in sorted(words)]
        self._typed = [path for path in paths if path.kind]
        self._facts = sorted({path.fact for path in paths if path.fact})
        self._all_facts = any(path.text == "facts" for path in paths)
        self._declared = declared or {}
        self._environment = _environment(_PLAIN)

    def observe(self, situation: Situation) -> Observation:
        facts, flaws = self._settle(situation)
        values: dict[str, object] = {"facts": facts}
        for word, has_word, read in self._words:
            value = read(situation)
            values[has_word] = value is not None
            if value is not None:
                values[word] = value
        for path in self._typed:
            value = dig(facts, path.parts)
            held = values[f"has.{path.word}"] = value is not ABSENT and value is not None
            if held:
                values[path.word] = as_typed(value, path.kind)
        return Observation(values, flaws, self._environment)

    def _settle(self, situation: Situation) -> tuple[Mapping[str, object], Mapping[str, str]]:
        """Give the facts that are read, and no others: each costs time to convert. And what is wrong with them."""
        facts = situation.facts
        taken: dict[str, object] = {}
        flaws: dict[str, str] = {}
        for name in {*facts, *self._declared} if self._all_facts else self._facts:
            fact = self._declared.get(name)
            if fact is None:
                if name in facts:
                    taken[name] = plain(facts[name])
                continue
            age = situation.decided - situation.fact_times.get(name, situation.decided)
            value, flaw = settle(fact, facts.get(name), age)
            if value is not None:
                taken[name] = plain(value)
            if flaw:
                flaws[name] = flaw
        return taken, flaws


class _Trouble(NamedTuple):
    """A clause that is neither true nor false: CEL's error, or a value of another type."""

    is_error: bool
    value: object


class Observation:
    """The words of one situation, and what clauses say of them.

    `flaws` says what is wrong with facts, by their names.
    """

    __slots__ = ("_activation", "_environment", "_known", "flaws", "values")

    def __init__(self, values: dict[str, object], flaws: Mapping[str, str], environment: Any) -> None:
        self.values = values
        self.flaws = flaws
        self._environment = environment
        self._activation: Any = None  # the words as the library takes them, made when it is first asked
        self._known: dict[Any, bool | _Trouble] = {}  # what it said, by program

    def value(self, clause: Clause) -> bool | _Trouble:
        """Return what a clause is here."""
        value = clause.shortcut(self.values)
        return self._ask(clause.program) if value is None else value

    def _ask(self, program: Any) -> bool | _Trouble:
        """Ask the library, once for all the rules that share a clause."""
        value = self._known.get(program)
        if value is None:
            value = self._known[program] = self._evaluate(program)
        return value

    def _evaluate(self, program: Any) -> bool | _Trouble:
        """Return what the library says. Its error is a value like any other and must not pass for true."""
        if self._activation is None:
            self._activation = self._environment.Activation(self.values)
        try:
            result = program.eval(self._activation)
            value = result.value()
        except _REFUSED as error:  # the iteration budget, for one
            return _Trouble(True, str(error).partition(" [")[0])
        if value is True or value is False:
            return value is True
        return _Trouble(result.type() == cel.Type.ERROR, value)


def judge(conditions: Iterable[Condition], seen: Observation, private: Collection[str] = ()) -> Verdict | None:
    """Return None where all conditions hold, else the clause that failed.

    As in CEL, a clause that is false decides, whatever is missing in another. Values of `private` attributes are left
    out of the reason.
    """
    trouble: Verdict | None = None
    for item, condition in enumerate(conditions, 1):
        for clause in condition.clauses:
            value = seen.value(clause)
            if value is True:
                continue
            if value is False:
                return Verdict("condition", _why(clause, seen, private), clause.line, item)
            trouble = trouble or _explain(value, clause, seen, private)._replace(item=item)
    return trouble


def judge_unless(conditions: Iterable[Condition], seen: Observation, private: Collection[str] = ()) -> Verdict | None:
    """Return None where none of the conditions holds, else the first that does, or that cannot be evaluated.

    What needs something that is missing does not hold.
    """
    for item, condition in enumerate(conditions, 1):
        if any(seen.value(clause) is False for clause in condition.clauses):
            continue
        verdict = judge([condition], seen, private)
        if verdict is None:
            return Verdict("unless", reasons.held(condition.text), condition.line, item)
        if verdict.outcome == "error":
            return verdict._replace(item=item)
    return None


def _why(clause: Clause, seen: Observation, private: Collection[str]) -> str:
    if clause.compared:
        why = reasons.comparison(clause.compared, clause.needs, seen.values, private)
    else:
        why = reasons.observed(clause.text, clause.paths, seen.values, private)
    return why if not seen.flaws else f"{why}{_flaw(clause, seen)}"


def _flaw(clause: Clause, seen: Observation) -> str:
    """Say that a fact was not taken as it came."""
    flawed = next((path.fact for path in clause.paths if path.fact in seen.flaws), "")
    return f"; facts.{flawed} is {seen.flaws[flawed]}" if flawed else ""


def _explain(trouble: _Trouble, clause: Clause, seen: Observation, private: Collection[str]) -> Verdict:
    absent = next((path for path in clause.paths if path.look_up(seen.values) is ABSENT), None)
    if absent:
        flaw = seen.flaws.get(absent.fact)
        reason = f"facts.{absent.fact} is {flaw}" if flaw else f"{absent.label} is missing"
        return Verdict("missing", reason, clause.line)
    if not trouble.is_error:
        return Verdict("error", f"{_why(clause, seen, private)}, expected true or false", clause.line)
    text, message = reasons.shorten(clause.text), str(trouble.value)
    if message.startswith("NOT_FOUND"):
        return Verdict("missing", f"`{text}` looks for a key that is missing", clause.line)
    if any(reasons.is_withheld(path, private) for path in clause.paths):  # the library may quote what it read
        message = reasons.WITHHELD
    return Verdict("error", f"`{text}` cannot be evaluated: {reasons.shorten(message)}", clause.line)
