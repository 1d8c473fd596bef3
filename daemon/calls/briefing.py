"""From the configured agent to the one a conversation understands. Imports config and core; plain functions."""

from collections.abc import Mapping

from daemon import config
from daemon.calls.searching import passed_on
from daemon.config.tools import description_of, parameters_of
from daemon.core.agent import Agent, FixedGreeting, GeneratedGreeting, Greeting, KeypadRules, ToolRules
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
from daemon.core.searches import PlatformTool

_BUILT_IN: dict[str, FunctionTool] = {HANG_UP.name: HANG_UP}


def brief(name: str, agent: config.Agent, tools: Mapping[str, config.Tool] | None = None) -> Agent:
    """Make the record a call keeps from its first moment to its last; `tools` are those of the whole configuration."""
    used = {tool: (tools or {})[tool] for tool in agent.tools if tool not in _BUILT_IN}
    own = {tool: told for tool, told in used.items() if isinstance(told, config.HttpTool | config.PythonTool)}
    return Agent(
        name=name,
        session=_session(agent, used),
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
        ),
        max_duration=agent.max_duration,
        silence_timeout=agent.silence_timeout,
        check_in=agent.check_in,
        goodbye=agent.goodbye,
        goodbye_timeout=agent.goodbye_timeout,
        goodbye_margin=agent.goodbye_margin,
    )


def _greeting(agent: config.Agent) -> Greeting | None:
    if agent.greeting:
        return FixedGreeting(agent.greeting, interruptible=agent.greeting_interruptible)
    return GeneratedGreeting(agent.greeting_prompt) if agent.greeting_prompt else None


def _session(agent: config.Agent, tools: Mapping[str, config.Tool]) -> SessionSettings:
    turns = agent.turn_detection
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
        tools=tuple(_BUILT_IN.get(tool) or _tool(tool, tools[tool]) for tool in agent.tools),
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
