"""Agents, and what the platform says to them: each word goes through the wire's JSON and the decoder."""

import json
from typing import Any

import msgspec

from daemon.core import events as ev
from daemon.core.agent import Agent
from daemon.core.frames import FunctionCallOutput, ItemCreate, SessionSettings, SessionUpdate
from daemon.core.goodbye import HANG_UP
from daemon.core.journal import Said, SessionConfigured
from tests.core.playbook import START, Playbook

PLAIN = Agent(name="plain", session=SessionSettings(instructions="Be brief."))
POLITE = Agent(name="polite", session=SessionSettings(instructions="Be brief.", tools=(HANG_UP,)))


def like(agent: Agent, **changes: Any) -> Agent:
    return msgspec.structs.replace(agent, **changes)


def answered(agent: Agent) -> Playbook:
    """A call that nobody has spoken on yet, at second 0."""
    call = Playbook(agent)
    call.at(0.0, START, SessionUpdate(session=agent.session))
    call.at(0.0, heard("session.updated"), SessionConfigured(model=None, voice=None))
    return call


def heard(kind: str, **fields: object) -> ev.Event:
    return ev.decode(json.dumps({"type": kind, **fields}))


# The caller

SPEECH_STARTED = heard("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=5260)
SPEECH_STOPPED = heard("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=7480)


def key(digit: str | None) -> ev.Event:
    return heard("input_audio_buffer.dtmf_event_received", event=digit, received_at=1_800_000_000)


def words_so_far(text: str | None, item: str | None = "u1") -> ev.Event:
    return heard("conversation.item.input_audio_transcription.updated", item_id=item, transcript=text)


def all_words(text: str, item: str = "u1", **more: str) -> ev.Event:
    kind = "conversation.item.input_audio_transcription.completed"
    return heard(kind, item_id=item, transcript=text, **more)


def caller(text: str, item: str = "u1", *, final: bool = False) -> Said:
    return Said(item_id=item, speaker="caller", text=text, final=final)


# The agent


def turn(response: str | None) -> ev.Event:
    return heard("response.created", response={"id": response, "status": "in_progress"})


def stopped(response: str | None) -> ev.Event:
    return heard("output_audio_buffer.stopped", response_id=response)


TURN, STOPPED = turn("r1"), stopped("r1")


def says(words: str | None, item: str | None = "a1") -> ev.Event:
    return heard("response.output_audio_transcript.delta", item_id=item, delta=words)


def has_said(text: str | None, item: str = "a1") -> ev.Event:
    return heard("response.output_audio_transcript.done", item_id=item, transcript=text)


def agent(text: str, item: str = "a1", *, final: bool = False) -> Said:
    return Said(item_id=item, speaker="agent", text=text, final=final)


def done(seconds: float | None = None, status: str | None = "completed", response: str | None = None) -> ev.Event:
    usage = {"output_audio_seconds": seconds}
    return heard("response.done", response={"id": response, "status": status}, usage=usage)


def refusal(name: str | None, call_id: str = "c1") -> ItemCreate:
    return output(json.dumps({"error": f"There is no tool named {name!r}."}, separators=(",", ":")), call_id)


def tool(name: str | None, call_id: str | None = "c1", arguments: str = "{}") -> ev.Event:
    return heard("response.function_call_arguments.done", call_id=call_id, name=name, arguments=arguments)


def output(text: str, call_id: str = "c1") -> ItemCreate:
    return ItemCreate(item=FunctionCallOutput(call_id=call_id, output=text))
