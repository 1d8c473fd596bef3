"""The dialect: what a template of ours may hold, judged from its syntax tree before it is ever run.

A small part of Jinja: text, `{{ values }}`, `if`, `for` over short lists, `set`, a few filters. Nothing is called and
nothing is looked into but the facts, so there is no way from a value to Python's insides; the sandbox behind it is the
second lock. Every name is known to be there on every path, so a template that is right once is right in every call.
Pure; imports jinja2 and the standard library.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final, NoReturn

from jinja2 import TemplateSyntaxError, nodes

Held = Mapping[str, frozenset[str] | None]
"""Variables, and what each holds; None for a plain value."""

FILTERS: Final = frozenset(
    {"capitalize", "default", "float", "int", "join", "length", "lower", "round", "title", "trim", "truncate", "upper"}
)
TESTS: Final = frozenset({"boolean", "even", "false", "in", "none", "number", "odd", "string", "true"})

_LOOP: Final = frozenset({"first", "index", "index0", "last", "length", "revindex"})
_BARE: Final = frozenset({"time"})
"""Variables that hold something and can be printed all the same."""
_PLAIN: Final = (
    *(nodes.Add, nodes.And, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Div, nodes.FloorDiv),
    *(nodes.List, nodes.Mod, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or, nodes.Output, nodes.Pos, nodes.Slice),
    *(nodes.Sub, nodes.TemplateData, nodes.Tuple, nodes.Keyword),
)
_WORDS: Final[dict[type[nodes.Node], str]] = {
    nodes.Mul: "multiplying",
    nodes.Pow: "raising to a power",
    nodes.Call: "calling something",
    nodes.Getattr: "looking into a value",
    nodes.Getitem: "looking into a value",
    nodes.AssignBlock: "a set block",
    nodes.FilterBlock: "a filter block",
}


class Reader:
    """Goes through one template, from top to bottom, and keeps account of what is set."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def read(self, tree: nodes.Template) -> None:
        """Read it all. Errors: `TemplateSyntaxError`, with the line."""
        self._block(tree.body, frozenset())

    def _block(self, body: list[nodes.Node], known: frozenset[str]) -> frozenset[str]:
        """Read what stands one after the other; gives what is set after it."""
        for node in body:
            known = self._node(node, known)
        return known

    def _node(self, node: nodes.Node, known: frozenset[str]) -> frozenset[str]:
        match node:
            case nodes.If():
                return self._branches(node, known)
            case nodes.For():
                self._loop(node, known)
                return known
            case nodes.Assign():
                self._node(node.node, known)
                return known | self._targets(node.target)
            case nodes.Name():
                self._name(node, known)
            case nodes.Getattr():
                self._look_into(node, node.node, node.attr, known)
            case nodes.Getitem(arg=nodes.Slice()):
                self._all(node, known)
            case nodes.Getitem(arg=nodes.Const(value=str() as name)):
                self._look_into(node, node.node, name, known)
            case nodes.CondExpr(expr2=None):
                _refuse(node, "an if within a value needs an else")
            case nodes.Filter() | nodes.Test():
                self._helper(node, known)
            case _:
                if not isinstance(node, _PLAIN):
                    words = next((words for kind, words in _WORDS.items() if isinstance(node, kind)), "")
                    _refuse(node, f"{words or type(node).__name__.lower()} is not possible in a template here")
                self._all(node, known)
        return known

    def _all(self, node: nodes.Node, known: frozenset[str]) -> None:
        for child in node.iter_child_nodes():
            self._node(child, known)

    def _branches(self, node: nodes.If, known: frozenset[str]) -> frozenset[str]:
        self._node(node.test, known)
        after = [self._block(node.body, known)]
        tested = known
        for other in node.elif_:
            self._node(other.test, tested)
            after.append(self._block(other.body, tested))
        after.append(self._block(node.else_, known))
        return frozenset.intersection(*after)

    def _loop(self, node: nodes.For, known: frozenset[str]) -> None:
        if node.recursive:
            _refuse(node, "a recursive loop is not possible in a template here")
        self._node(node.iter, known)
        inner = known | self._targets(node.target)
        if node.test is not None:
            self._node(node.test, inner)
        self._block(node.body, inner | {"loop"})
        self._block(node.else_, known)

    def _targets(self, target: nodes.Node) -> frozenset[str]:
        parts = target.items if isinstance(target, nodes.Tuple) else [target]
        found = [part.name for part in parts if isinstance(part, nodes.Name)]
        if len(found) < len(parts):
            _refuse(target, "only a plain name can be set")
        for name in found:
            if name in self._held or name == "loop":
                _refuse(target, f'"{name}" has its meaning already; choose another name')
        return frozenset(found)

    def _name(self, node: nodes.Name, known: frozenset[str]) -> None:
        holds = self._holds(node.name, known)
        if node.name in known and node.name != "loop":
            return
        if node.name not in self._held and node.name not in known:
            # `lookup` is worth a better answer than a list of other names.
            if node.name == "lookup":
                _refuse(node, "there is no lookup; give its url and fields in a table [agents.NAME.lookup]")
            _refuse(node, f'there is no "{node.name}"{_hint(node.name, {*self._held, *known})}')
        if holds is not None and node.name not in _BARE:
            _refuse(node, f"name what you want of {node.name}, such as {node.name}.{min(holds, default='name')}")

    def _holds(self, name: str, known: frozenset[str]) -> frozenset[str] | None:
        if name == "loop" and name in known:
            return _LOOP
        return self._held.get(name)

    def _look_into(self, node: nodes.Node, owner: nodes.Node, name: str, known: frozenset[str]) -> None:
        if not isinstance(owner, nodes.Name):
            _refuse(node, f"{_WORDS[nodes.Getattr]} is not possible in a template here")
        holds = self._holds(owner.name, known)
        if holds is None:
            self._name(owner, known)
            _refuse(node, f'"{owner.name}" is a plain value, there is no "{name}" in it')
        if name not in holds:
            _refuse(node, f'there is no "{name}" in {owner.name}{_hint(name, holds)}')

    def _helper(self, node: nodes.Filter | nodes.Test, known: frozenset[str]) -> None:
        noun, there_is = ("filter", FILTERS) if isinstance(node, nodes.Filter) else ("test", TESTS)
        if node.name not in there_is:
            _refuse(node, f'there is no {noun} "{node.name}"{_hint(node.name, there_is)}')
        if node.dyn_args is not None or node.dyn_kwargs is not None or node.node is None:
            _refuse(node, f"a {noun} takes plain arguments only")
        self._all(node, known)


def _hint(word: str, there_is: frozenset[str] | set[str]) -> str:
    if close := get_close_matches(word, there_is, n=1):
        return f'; did you mean "{close[0]}"?'
    return f"; there is: {', '.join(sorted(there_is))}" if there_is else ""


def _refuse(node: nodes.Node, why: str) -> NoReturn:
    raise TemplateSyntaxError(why, node.lineno)
