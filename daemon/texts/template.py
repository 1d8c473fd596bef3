"""Templates: the operator's words with places for what is known of a call, compiled once and rendered for each.

A sandbox within limits. `dialect.py` lets nothing in that could reach Python; this module bounds what is left: steps of
all loops together, length of every text on the way, length of the whole. Values are put in and never read as templates
themselves. Pure; imports jinja2, errors and this room. Must never have a loader.
"""

import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from daemon.errors import TemplateBroken
from daemon.texts.dialect import FILTERS, TESTS, Held, Reader

LONGEST: Final = 256_000
"""Characters that a rendered text may have; the documented limit of a stored agent's instructions."""
_STEPS: Final = 10_000
_DIGITS: Final = 15
_WORDS: Final = 200

_FILE: Final = "<template>"  # what Jinja calls a text that is no file

# Names no template can write, since they hold a space.
_BUDGET: Final = "the budget"
_STEP: Final = "each step"
_JOIN: Final = "joined text"

# Whatever an operator's words can make of Python: they are the operator's error, never a call's end.
_TROUBLE: Final = (
    *(TemplateError, ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RecursionError, TypeError, ValueError),
)


class Template:
    """One text of the operator's."""

    def __init__(self, source: str, held: Held) -> None:
        """Compile it for variables of this shape. Errors: `TemplateBroken`, which says in which line and why."""
        if len(source) > LONGEST:
            raise TemplateBroken(f"a text has at most {LONGEST} characters; this one has {len(source)}")
        try:
            tree = _SANDBOX.parse(source)
            Reader(held).read(tree)
            self._code = _SANDBOX.from_string(_bounded(tree))
        except TemplateSyntaxError as error:
            raise TemplateBroken(f"line {error.lineno}: {_plain(error.message or '')}") from None
        except (RecursionError, SyntaxError, MemoryError):
            raise TemplateBroken("it is nested too deeply") from None

    def render(self, values: Mapping[str, object]) -> str:
        """Put the values in. Errors: `TemplateBroken`; as little as possible of a value is in its message."""
        pieces: list[str] = []
        length = 0
        try:
            for piece in self._code.generate({**values, _BUDGET: _Budget()}):
                length += len(piece)
                if length > LONGEST:
                    raise TemplateError(f"it becomes longer than {LONGEST} characters")
                pieces.append(piece)
        except _TROUBLE as error:
            raise TemplateBroken(f"{_line(error)}{_plain(str(error)) or type(error).__name__}") from None
        return "".join(pieces)


class _Budget:
    """Steps that are left to the loops of one rendering."""

    def __init__(self) -> None:
        self.left = _STEPS


def _bounded(tree: nodes.Template) -> nodes.Template:
    """Put a bound on what could go on and on: loops, and texts made of texts."""
    for loop in [*tree.find_all(nodes.For)]:
        loop.iter = _filtered(loop.iter, _STEP)
    for joined in [*tree.find_all(nodes.Concat)]:
        joined.nodes = [_filtered(nodes.List(joined.nodes, lineno=joined.lineno, environment=_SANDBOX), _JOIN)]
    return tree


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    # An `iter` is always an expression; Jinja's own types don't say so.
    return nodes.Filter(cast("nodes.Expr", node), name, [], [], None, None, lineno=node.lineno, environment=_SANDBOX)


@pass_context
def _count_steps(context: Context, items: Iterable[object]) -> Iterator[object]:
    budget = cast("_Budget", context.resolve(_BUDGET))
    for item in items:
        budget.left -= 1
        if budget.left < 0:
            raise TemplateError(f"its loops take more than {_STEPS} steps")
        yield item


def _join(parts: Iterable[object], between: str = "") -> str:
    """Join texts, as far as the whole stays within the limit."""
    texts = [str(part) for part in parts]
    if sum(map(len, texts)) + len(between) * len(texts) > LONGEST:
        raise TemplateError(f"it becomes longer than {LONGEST} characters")
    return between.join(texts)


def _round(value: float, digits: int = 0) -> float:
    """Round; not to a billion digits, which would take very long."""
    return round(value, min(max(digits, -_DIGITS), _DIGITS))


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without everything that we don't need."""

    intercepted_binops = frozenset({"+", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0)
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.filters |= {"join": _join, "round": _round, _JOIN: _join, _STEP: _count_steps}
        self.tests = {name: self.tests[name] for name in TESTS}

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> int | float:
        """Do arithmetic with numbers only: with texts these are ways to make very long ones."""
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TemplateError(f"{operator} is for numbers; texts are joined with ~")
        value: int | float = super().call_binop(context, operator, left, right)
        return value


_SANDBOX: Final = _Sandbox()


def _line(error: BaseException) -> str:
    """In which line of a template it went wrong: Jinja writes it into the traceback."""
    places = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == _FILE]
    return f"line {places[-1]}: " if places else ""


def _plain(message: str) -> str:
    """One line of a library's message, not too long."""
    return " ".join(message.split())[:_WORDS]
