"""From the configured agent to the one a conversation understands. Imports config and core; plain functions."""

from collections.abc import Mapping

from daemon import config
from daemon.calls.searching import passed_on
from daemon.config.checks import BUILT_IN_TOOLS
from daemon.config.tools import description_of, parameters_of
from daemon.core.agent import Agent, FixedGreeting, GeneratedGreeting, Greeting, KeypadRules, ToolRules
from daemon.core.collection import COLLECT
from daemon.core.cost import Ceiling, Prices
from daemon.core.frames import (
    Audio,
    AudioInput,
    AudioOutput,
    FunctionTool,
    Reasoning,
    Resumption,
    SessionSettings,
    Transcription,
    TurnDetection,
)
from daemon.core.goodbye import HANG_UP
from daemon.core.menu import EndCall, TransferTo, read_action
from daemon.core.searches import PlatformTool
from daemon.core.transfers import TRANSFER, transfer_tool


def brief(
    name: str,
    agent: config.Agent,
    tools: Mapping[str, config.Tool] | None = None,
    destinations: Mapping[str, config.Destination] | None = None,
    costs: config.Costs | None = None,
) -> Agent:
    """Make the record a call keeps from its first moment to its last.

    `tools` and `destinations` are those of the whole configuration.
    """
    used = {tool: (tools or {})[tool] for tool in agent.tools if tool not in BUILT_IN_TOOLS}
    own = {tool: told for tool, told in used.items() if isinstance(told, config.HttpTool | config.PythonTool)}
    places = {each: destinations[each].description for each in agent.transfers} if destinations else {}
    return Agent(
        name=name,
        session=_session(agent, used, places),
        tools={
            tool: ToolRules(idempotent=told.idempotent, filler=told.filler, filler_after=told.filler_after)
            for tool, told in own.items()
        },
        greeting=_greeting(agent),
        keypad=KeypadRules(
            idle_timeout=agent.keypad.idle_timeout,
            terminator=agent.keypad.terminator,
            max_digits=agent.keypad.max_digits,
            sensitive=agent.keypad.sensitive,
            menu={keys: read_action(action) for keys, action in agent.keypad.menu.items()},
            try_again=agent.keypad.try_again,
        ),
        transfers=tuple(places) if TRANSFER in agent.tools else (),
        transfer_words=agent.transfer_words,
        collects=COLLECT.name in agent.tools,
        reply_timeout=agent.reply_timeout,
        apology=agent.apology,
        on_trouble=_on_trouble(agent.on_trouble),
        max_duration=agent.max_duration,
        silence_timeout=agent.silence_timeout,
        check_in=agent.check_in,
        goodbye=agent.goodbye,
        goodbye_timeout=agent.goodbye_timeout,
        goodbye_margin=agent.goodbye_margin,
        prices=prices(costs or config.Costs()),
        ceiling=_ceiling(costs or config.Costs()),
    )


def prices(costs: config.Costs) -> Prices:
    """What calls are charged."""
    tokens = costs.per_million_input_tokens, costs.per_million_output_tokens
    return Prices(minute=costs.per_minute, million_input_tokens=tokens[0], million_output_tokens=tokens[1])


def _ceiling(costs: config.Costs) -> Ceiling:
    action = read_action(costs.on_max_per_call)
    done = action if isinstance(action, TransferTo) else EndCall()
    return Ceiling(most=costs.max_per_call, action=done, words=costs.words)


def _greeting(agent: config.Agent) -> Greeting | None:
    if agent.greeting:
        return FixedGreeting(agent.greeting, interruptible=agent.greeting_interruptible)
    return GeneratedGreeting(agent.greeting_prompt) if agent.greeting_prompt else None


def _on_trouble(text: str) -> TransferTo | EndCall | None:
    action = read_action(text) if text else None
    return action if isinstance(action, TransferTo | EndCall) else None


def _session(agent: config.Agent, tools: Mapping[str, config.Tool], places: Mapping[str, str]) -> SessionSettings:
    turns = agent.turn_detection
    built_in = {tool.name: tool for tool in (HANG_UP, transfer_tool(places), COLLECT)}
    return SessionSettings(
        model=agent.model or None,
        instructions=agent.instructions,
        voice=agent.voice,
        turn_detection=TurnDetection(
            type="server_vad",
            threshold=turns.threshold,
            silence_duration_ms=_milliseconds(turns.silence_duration),
            prefix_padding_ms=_milliseconds(turns.prefix_padding),
            idle_timeout_ms=_milliseconds(turns.idle_timeout),
        ),
        reasoning=Reasoning(effort=agent.reasoning) if agent.reasoning else None,
        resumption=Resumption(enabled=True) if agent.resumption else None,
        audio=_audio(agent),
        replace=agent.replace or None,
        tools=tuple(built_in.get(tool) or _tool(tool, tools[tool]) for tool in agent.tools),
    )


def _tool(name: str, tool: config.Tool) -> FunctionTool | PlatformTool:
    if not isinstance(tool, config.HttpTool | config.PythonTool):
        return passed_on(name, tool)
    return FunctionTool(name=name, description=description_of(tool), parameters=parameters_of(tool))


def _audio(agent: config.Agent) -> Audio | None:
    transcription = Transcription(
        model="grok-transcribe" if agent.live_transcript else None,
        language_hint=agent.language or None,
        keyterms=agent.keyterms,
    )
    heard = AudioInput(transcription=transcription) if transcription != Transcription() else None
    spoken = AudioOutput(speed=agent.speed) if agent.speed != 1.0 else None
    return Audio(input=heard, output=spoken) if heard or spoken else None


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
