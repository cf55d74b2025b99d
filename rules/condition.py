"""Conditions in CEL: compiled and typed when loaded, judged on a situation."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from cel_expr_python import cel

from rules import expression, reasons
from rules.document import did_you_mean
from rules.messages import say
from rules.places import Locate, Place, within
from rules.situation import Situation
from rules.vocabulary import ABSENT, ROOTS, WORDS, Path, parse_path, plain, unknown

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


class Condition(NamedTuple):
    """One item of `if`. `words` are the variables that it reads, `facts` the facts (None: all of them)."""

    text: str
    clauses: tuple[Clause, ...]
    words: frozenset[str]
    facts: frozenset[str] | None


class Verdict(NamedTuple):
    """Why a condition does not hold: `condition`, `missing` or `error`."""

    outcome: str
    reason: str
    line: int


# --- compiling


def compile_condition(text: str, locate: Locate | None = None) -> Condition | list[Problem]:
    """Compile one item of `if`; a faulty one gives its problems, at the places that `locate` knows."""
    locate = locate or within(text)
    if len(text) > MAX_LENGTH:
        return [Problem(locate(0), say("the condition is longer than {most} characters", most=MAX_LENGTH))]
    found = expression.tokens(text)
    problems = list(_wrong_words(found, locate))
    if problems:
        return problems
    compiled = [_compile_clause(offset, part, locate) for offset, part in expression.clauses(text, found)]
    clauses = tuple(clause for clause in compiled if isinstance(clause, Clause))
    if len(clauses) < len(compiled):
        return [clause for clause in compiled if isinstance(clause, Problem)]
    paths = [path for clause in clauses for path in clause.paths]
    return Condition(text, clauses, frozenset(path.word for path in paths), _facts(paths))


def _wrong_words(found: list[expression.Token], locate: Locate) -> Iterator[Problem]:
    for slip in expression.slips(found):
        message = say("{what} stands here, expected {expected}", what=repr(slip.wrong), expected=slip.right)
        yield Problem(locate(slip.start), message)
    for path, start in expression.references(found):
        if path.partition(".")[0] in ROOTS and parse_path(path) is None:
            yield Problem(locate(start), unknown(path))


def _facts(paths: Iterable[Path]) -> frozenset[str] | None:
    keys = [path.keys for path in paths if path.word == "facts"]
    return frozenset(key[0] for key in keys) if all(keys) else None


def _compile_clause(offset: int, text: str, locate: Locate) -> Clause | Problem:
    found = expression.tokens(text)
    start = offset + (found[0].start if found else 0)
    try:
        program = _environment().compile(expression.has_words(text, found, WORDS))
    except _REFUSED as error:
        return _refusal(str(error), text, offset, locate)
    result = program.return_type()
    if result not in (cel.Type.BOOL, cel.Type.DYN):
        what, kind = reasons.shorten(text.strip()), result.name().lower()
        return Problem(locate(start), say("`{what}` gives {kind}, expected true or false", what=what, kind=kind))
    paths = {path: None for name, _ in expression.references(found) if (path := parse_path(name))}
    compares = expression.comparison(text, found) or expression.Comparison("", "")
    compared = parse_path(compares.path)
    return Clause(text.strip(), locate(start).line, program, tuple(paths), compared, compares.needs)


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
    return Problem(locate(offset + start), _no_function(name) if text[at : at + 1] == "(" else unknown(name))


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


@cache
def _environment() -> Any:
    words = {word: _type(declared.type) for word, declared in WORDS.items()}
    has = {f"has.{word}": cel.Type.BOOL for word in WORDS}
    excluded = "".join(f"    - name: '{name}'\n" for name in (*_COMPARISONS, *_ARITHMETIC))
    config = cel.NewEnvConfigFromYaml(f"name: rules\nstdlib:\n  exclude_functions:\n{excluded}")
    return cel.NewEnv(config=config, variables=words | has, functions=list(_operators()))


def _type(name: str) -> Any:
    simple = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE, "string": cel.Type.STRING}
    if name == "list<string>":
        return cel.Type.List(cel.Type.STRING)
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


class Reading:
    """What some conditions read together, so that a situation is read once for all of them."""

    __slots__ = ("_all_facts", "_facts", "_words")

    def __init__(self, conditions: Collection[Condition]) -> None:
        words = frozenset[str]().union(*(condition.words for condition in conditions))
        self._words = [(word, f"has.{word}", WORDS[word].read) for word in sorted(words - {"facts"})]
        self._facts = frozenset[str]().union(*(condition.facts or () for condition in conditions))
        self._all_facts = any(condition.facts is None for condition in conditions)

    def observe(self, situation: Situation) -> Observation:
        values: dict[str, object] = {"facts": self._facts_of(situation)}
        for word, has_word, read in self._words:
            value = read(situation)
            values[has_word] = value is not None
            if value is not None:
                values[word] = value
        return Observation(values, _environment().Activation(values), {})

    def _facts_of(self, situation: Situation) -> object:
        """Give the facts that are read, and no others: each costs time to convert."""
        facts = situation.facts
        return plain(facts if self._all_facts else {name: facts[name] for name in self._facts if name in facts})


class Observation(NamedTuple):
    """The words of one situation, as values and as CEL takes them, and the clauses that were evaluated on it."""

    values: dict[str, object]
    activation: Any
    known: dict[str, object]


class _Trouble(NamedTuple):
    """A clause that is neither true nor false: CEL's error, or a value of another type."""

    is_error: bool
    value: object


def judge(conditions: Iterable[Condition], seen: Observation, private: Collection[str] = ()) -> Verdict | None:
    """Return None where all conditions hold, else the clause that failed.

    As in CEL, a clause that is false decides, whatever is missing in another. Values of `private` attributes are left
    out of the reason.
    """
    trouble: Verdict | None = None
    for condition in conditions:
        for clause in condition.clauses:
            value = seen.known.get(clause.text)
            if value is None:
                value = seen.known[clause.text] = _evaluate(clause, seen)
            if value is False:
                return Verdict("condition", _why(clause, seen, private), clause.line)
            if isinstance(value, _Trouble):
                trouble = trouble or _explain(value, clause, seen, private)
    return trouble


def _evaluate(clause: Clause, seen: Observation) -> bool | _Trouble:
    """Return the clause's value. CEL's error is a value like any other and must not pass for true."""
    try:
        result = clause.program.eval(seen.activation)
        value = result.value()
    except _REFUSED as error:  # the iteration budget, for one
        return _Trouble(True, str(error).partition(" [")[0])
    if value is True or value is False:
        return value is True
    return _Trouble(result.type() == cel.Type.ERROR, value)


def _why(clause: Clause, seen: Observation, private: Collection[str]) -> str:
    if clause.compared:
        return reasons.comparison(clause.compared, clause.needs, seen.values, private)
    return reasons.observed(clause.text, clause.paths, seen.values, private)


def _explain(trouble: _Trouble, clause: Clause, seen: Observation, private: Collection[str]) -> Verdict:
    absent = next((path.label for path in clause.paths if path.look_up(seen.values) is ABSENT), "")
    if absent:
        return Verdict("missing", f"{absent} is missing", clause.line)
    if not trouble.is_error:
        return Verdict("error", f"{_why(clause, seen, private)}, expected true or false", clause.line)
    text, message = reasons.shorten(clause.text), str(trouble.value)
    if message.startswith("NOT_FOUND"):
        return Verdict("missing", f"`{text}` looks for a key that is missing", clause.line)
    return Verdict("error", f"`{text}` cannot be evaluated: {reasons.shorten(message)}", clause.line)
