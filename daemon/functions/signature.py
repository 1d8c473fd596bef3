"""A function as the model sees it: JSON Schema from its type hints, descriptions from its docstring.

msgspec knows both ways: what a hint is as a schema, and how an argument becomes what the hint says. References within a
schema are put in place of themselves, since not every model follows them. Imports msgspec, jsonschema, errors and this
room; calls no function.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, Any, Final, get_type_hints

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from daemon.errors import FunctionBroken
from daemon.functions.call import ToolCall
from daemon.functions.docstring import Described, read

_LONGEST: Final = 200
_PLAIN: Final = (str, int, float, bool, type(None), Enum)
_REFERENCE: Final = "#/$defs/{name}"
_UNRESOLVABLE: Final = (NameError, AttributeError, TypeError, SyntaxError, ValueError)


@dataclass(frozen=True, slots=True)
class Function:
    """A function that is a tool."""

    source: str
    """Where it is, as the configuration writes it."""
    call: Callable[..., Any]
    arguments: type[msgspec.Struct]
    """What its arguments become; the fields are its parameters."""
    parameters: dict[str, Any]
    """JSON Schema of an object."""
    description: str
    """What its docstring says it is for; empty if it says nothing."""
    context: str | None
    """Its parameter that is given the `ToolCall`."""
    is_async: bool
    """Whether it runs on the loop; if not, in a thread."""


def describe(source: str, function: Callable[..., Any]) -> Function:
    """Make out what a function takes. Errors: `FunctionBroken`, with the parameter and the fix."""
    try:
        signature = inspect.signature(function)
        hints = get_type_hints(function, include_extras=True)
    except _UNRESOLVABLE as error:
        raise FunctionBroken(f"its type hints can't be resolved: {_words(error)}") from None
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise FunctionBroken("it is a generator; a tool gives one result")
    told = read(inspect.getdoc(function) or "")
    _check_told(told, signature)
    context: str | None = None
    fields: list[tuple[str, Any, Any]] = []
    for name, parameter in signature.parameters.items():
        hint = _hint(name, parameter, hints)
        if hint is ToolCall and context is None:
            context = name
        else:
            fields.append(_field(name, hint, parameter.default, told.arguments.get(name, "")))
    arguments, parameters = _schema(fields)
    return Function(
        source, function, arguments, parameters, told.text, context, is_async=inspect.iscoroutinefunction(function)
    )


def _check_told(told: Described, signature: inspect.Signature) -> None:
    for name in told.arguments:
        if name not in signature.parameters:
            close = get_close_matches(name, signature.parameters, n=1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            raise FunctionBroken(f'its docstring describes "{name}", which is no parameter of it{hint}')


def _hint(name: str, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> object:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        raise FunctionBroken(f'its parameter "{name}" can\'t be given by name, as arguments of a tool are')
    if name not in hints:
        raise FunctionBroken(f'its parameter "{name}" has no type hint')
    return hints[name]


def _field(name: str, hint: object, default: object, description: str) -> tuple[str, Any, Any]:
    kind: Any = Annotated[(hint, msgspec.Meta(description=description))] if description else hint
    try:
        msgspec.json.schema_components([kind])
    except (TypeError, ValueError, NameError, AttributeError) as error:
        raise FunctionBroken(f'the type hint of its parameter "{name}" has no JSON Schema: {_words(error)}') from None
    if default is inspect.Parameter.empty:
        return name, kind, msgspec.NODEFAULT
    # What can be changed must not be shared from one use to the next; the model need not know it.
    plain = isinstance(default, _PLAIN)
    return name, kind, default if plain else msgspec.field(default_factory=lambda: default)


def _schema(fields: list[tuple[str, Any, Any]]) -> tuple[type[msgspec.Struct], dict[str, Any]]:
    try:
        arguments = msgspec.defstruct("Arguments", fields, kw_only=True, frozen=True, forbid_unknown_fields=True)
        (root,), parts = msgspec.json.schema_components([arguments], ref_template=_REFERENCE)
        schema: Any = _inlined(root, parts)
        Draft202012Validator.check_schema(schema)
    except (TypeError, ValueError, NameError, AttributeError) as error:
        raise FunctionBroken(f"its parameters have no JSON Schema: {_words(error)}") from None
    except SchemaError as error:
        raise FunctionBroken(f"its parameters have no JSON Schema: {error.message[:_LONGEST]}") from None
    schema.pop("title", None)
    return arguments, schema


def _inlined(schema: object, parts: Mapping[str, Any], above: tuple[str, ...] = ()) -> object:
    match schema:
        case {"$ref": str(reference), **rest}:
            name = reference.rpartition("/")[2]
            if name in above:
                raise ValueError(f"{name} holds itself")
            part = _inlined(parts[name], parts, (*above, name))
            return {**part, **rest} if isinstance(part, dict) else part
        case dict():
            # It names the parts, which are not there any more; the alternatives tell themselves apart by a constant.
            told_apart = "anyOf" in schema and "mapping" in (schema.get("discriminator") or {})
            kept = {key: inner for key, inner in schema.items() if not (told_apart and key == "discriminator")}
            return {key: _inlined(inner, parts, above) for key, inner in kept.items()}
        case list():
            return [_inlined(inner, parts, above) for inner in schema]
        case _:
            return schema


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:_LONGEST] or type(error).__name__
