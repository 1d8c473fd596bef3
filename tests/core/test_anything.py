"""Whatever happens, in whatever order: tools, transfers, digits, menus and goodbyes in talks that nobody would have."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.core import events as ev
from daemon.core.agent import Agent, KeypadRules, ToolRules
from daemon.core.commands import RunTool, SendFrame
from daemon.core.frames import FunctionCallOutput, ItemCreate, Message, ResponseCreate, SessionSettings
from daemon.core.goodbye import HANG_UP
from daemon.core.menu import Action, EndCall, SayWords, TransferTo, UseTool
from daemon.core.transfers import transfer_tool
from tests.core.contract import thoroughly
from tests.core.playbook import RESUME, START, WAKE, Gave, Happening, Playbook
from tests.core.scenes import SPEECH_STARTED, SPEECH_STOPPED, done, heard, key, like, says, stopped, tool, turn

CLERK = like(
    Agent(name="clerk", session=SessionSettings(tools=(HANG_UP,))),
    tools={"book": ToolRules(), "look_up": ToolRules(idempotent=True)},
)
PATIENT = like(CLERK, tools={"book": ToolRules(filler="One moment.", filler_after=2.0), "look_up": ToolRules()})
MENU: dict[str, Action] = {
    "0": TransferTo("desk"),
    "1": SayWords("One."),
    "2": UseTool("book"),
    "9": EndCall(),
    "12": SayWords("Twelve."),
}
DESK = like(
    PATIENT,
    session=SessionSettings(tools=(HANG_UP, transfer_tool({"desk": "", "night": ""}))),
    transfers=("desk", "night"),
    transfer_words="I connect you.",
    collects=True,
    keypad=KeypadRules(menu=MENU, try_again="Again, please.", max_digits=4),
    reply_timeout=8.0,
    apology="I am sorry.",
    on_trouble=TransferTo("night"),
    silence_timeout=30.0,
    check_in="Hello?",
    goodbye="Goodbye.",
)
CURT = like(DESK, transfer_words="", goodbye="", on_trouble=EndCall(), keypad=KeypadRules(menu=MENU))

PAUSES = st.sampled_from([0.0, 0.3, 2.5, 3.5, 12.0])
TOOLS = ("book", "look_up", "sing", "hang_up", "transfer", "collect_digits")
KEYS = ("0", "1", "2", "4", "9", "#")
KINDS = (
    *("turn", "words", "done", "cancelled", "failed", "speaks", "stops", "gave", "gave", "anew", "heard", "error"),
    *TOOLS,
    *KEYS,
)
ARGUMENTS = {
    "transfer": '{"destination": "desk"}',
    "collect_digits": '{"purpose": "x", "min_digits": 2, "max_digits": 3, "retries": 1}',
}


class Anything(Playbook):
    """Plays what it is told, and keeps the tools."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self.running: dict[str, str] = {}
        """Names of the tools that run, by use."""
        self.runs: list[str] = []
        self.wishes: set[str] = set()
        """Uses that must have an output, of whatever kind."""
        self.outputs: list[str] = []
        self.unsaid = False
        self.play(0.0, START)

    @property
    def ringing(self) -> bool:
        return "transfer" in self.running.values()

    def play(self, now: float, happening: Happening) -> None:
        if self.conversation.ended and happening == RESUME:
            return
        before, collecting = len(self.commands), self.conversation.handset.collecting
        if isinstance(happening, Gave):
            del self.running[happening.use_id]
        super().play(now, happening)
        self.unsaid = self.unsaid and not isinstance(happening, ev.ResponseCreated)
        for command in self.commands[before:]:
            match command:
                case RunTool(use):
                    assert not (use.name == "transfer" and self.ringing), "two transfers at once"
                    self.running[use.id] = use.name
                    self.runs.append(use.id)
                case SendFrame(ItemCreate(item=FunctionCallOutput(call_id=use_id))):
                    self._told(use_id)
                case SendFrame(ItemCreate(item=Message(id=str() as use_id))):
                    self._told(use_id)
                case SendFrame(ResponseCreate()):
                    assert not self.ringing, "the agent is asked to speak while it rings"
                    self.unsaid = False
                case _:
                    chosen = type(getattr(command, "entry", None)).__name__ == "MenuChosen"
                    assert not (chosen and collecting and self.conversation.handset.collecting)

    def _told(self, use_id: str) -> None:
        self.outputs.append(use_id)
        self.unsaid = self.unsaid or not use_id.startswith("hang_up")

    def happen(self, kind: str, number: int) -> Happening | None:
        """What is meant by a kind."""
        response = f"r{number}"
        plain: dict[str, Happening] = {
            "turn": turn(response),
            "words": says("Well then."),
            "done": done(1.0),
            "cancelled": done(status="cancelled"),
            "failed": done(status="failed"),
            "speaks": SPEECH_STARTED,
            "stops": SPEECH_STOPPED,
            "anew": RESUME,
            "heard": stopped(None),
            "error": heard("error", error={"type": "internal_error"}),
        }
        if kind == "gave":
            uses = [*self.running]
            return Gave(uses[number % len(uses)]) if uses else None
        if kind in KEYS:
            return key(kind)
        if kind in plain:
            return plain[kind]
        if kind in self.conversation.agent.tools or kind in ("transfer", "collect_digits"):
            self.wishes.add(f"{kind}-{number}")
        return tool(kind, f"{kind}-{number}", ARGUMENTS.get(kind, "{}"))


@thoroughly
@given(
    st.lists(st.tuples(PAUSES, st.sampled_from(KINDS)), max_size=25),
    st.sampled_from([CLERK, PATIENT, DESK, DESK, DESK, CURT]),
)
def test_each_use_runs_once_and_is_told_once_and_nothing_is_left_unsaid(
    script: list[tuple[float, str]], agent: Agent
) -> None:
    call, now = Anything(agent), 1.0
    # In the end everybody is done: the model with its turn, the caller with speaking, tools with their work.
    rests = [(0.1, "stops"), *[(20.0, "gave")] * 3, (0.1, "done")]
    for number, (pause, kind) in enumerate([*script, *rests * 4]):
        now += pause
        while call.conversation.deadline < now:
            call.play(call.conversation.deadline, WAKE)
        happening = call.happen(kind, number)
        if happening is not None and not call.conversation.ended:
            call.play(now, happening)
    while call.conversation.deadline < now + 300:
        now = max(now, call.conversation.deadline)
        call.play(now, WAKE)
        for use_id in [*call.running]:
            call.play(now, Gave(use_id))
    assert len(set(call.runs)) == len(call.runs)
    assert len(set(call.outputs)) == len(call.outputs)
    if not call.conversation.ended:
        assert {*call.runs} | call.wishes <= {*call.outputs}
        assert not call.unsaid
