"""The caller's leg of a chat: words, keys and patience, as the platform and the conversation see them."""

from trio.testing import MockClock

from daemon.config import Agent
from daemon.core import journal
from daemon.core.receipts import Receipt
from tests.chat.typing import Chatted, chatted
from tests.configured import configuration

CONFIG = configuration(agent=Agent(instructions="Help.", greeting="Welcome."))


def typed(outcome: Chatted) -> list[str]:
    """What the model was given of the caller."""
    session = outcome.call.session
    assert session is not None
    items = [frame["item"] for frame in session.heard if frame["type"] == "conversation.item.create"]
    return [item["content"][0]["text"] for item in items if item["type"] == "message"]


async def test_words(autojump_clock: MockClock) -> None:
    outcome = await chatted(CONFIG, (5.0, "hello"), (5.0, "good evening"), (5.0, "/quit"))
    assert outcome.said() == [
        ("agent", "Welcome."),
        ("caller", "hello"),
        ("agent", "You said: hello"),
        ("caller", "good evening"),
        ("agent", "You said: good evening"),
    ]
    assert outcome.receipt == Receipt(outcome="caller_left", reasons=("you hung up",), joined=True, seconds=15.0)


async def test_keys_are_told_to_the_model_as_the_platform_does(autojump_clock: MockClock) -> None:
    outcome = await chatted(CONFIG, (5.0, "/key 42#"), (5.0, "/key 7"), (1.0, "/key 8"), (5.0, "/key 9"), (1.0, "no"))
    # After the hash key, after idle time, and when words follow.
    assert typed(outcome) == ["42", "78", "9", "no"]
    entries = [entry for entry in outcome.of(journal.DigitsCollected) if isinstance(entry, journal.DigitsCollected)]
    assert [(entry.digits, entry.trigger) for entry in entries] == [
        ("42", "terminator"),
        ("78", "idle"),
        ("9", "speech"),
    ]


async def test_a_lone_hash_key_is_nothing_for_the_model(autojump_clock: MockClock) -> None:
    assert typed(await chatted(CONFIG, (5.0, "/key #"), (5.0, "/quit"))) == []


async def test_words_that_come_too_early_wait_for_the_turn_that_is_made(autojump_clock: MockClock) -> None:
    outcome = await chatted(CONFIG, (0.005, "one"), (0.005, "two"), (9.0, "/quit"))
    assert [words for speaker, words in outcome.said() if speaker == "agent"] == [
        "Welcome.",
        "You said: one",
        "You said: two",
    ]
    session = outcome.call.session
    assert session is not None
    assert not any(words.endswith("-") for words in session.spoken)


async def test_a_file_is_read_no_faster_than_it_is_answered(autojump_clock: MockClock) -> None:
    lines = [(0.0, line) for line in ("hello", 'use nothing {"a": 1}', "/key 4#", "thanks")]
    outcome = await chatted(CONFIG, *lines, patient=True)
    assert outcome.said() == [
        ("agent", "Welcome."),
        ("caller", "hello"),
        ("agent", "You said: hello"),
        ("caller", 'use nothing {"a": 1}'),
        ("agent", """The tool gave {"error":"There is no tool named 'nothing'."}"""),
        ("agent", "You said: 4"),
        ("caller", "thanks"),
        ("agent", "You said: thanks"),
    ]
    assert outcome.receipt is not None
    assert outcome.receipt.why == "you hung up"


async def test_somebody_who_types_slowly_is_not_hung_up_on(autojump_clock: MockClock) -> None:
    config = configuration(agent=Agent(instructions="Help.", greeting="Welcome.", silence_timeout=10.0))
    outcome = await chatted(config, (600.0, "hello"), (5.0, "/quit"))
    assert outcome.of(journal.CheckedIn) == []
    assert outcome.receipt is not None
    assert outcome.receipt.outcome == "caller_left"


async def test_text_is_not_waited_for_to_be_heard(autojump_clock: MockClock) -> None:
    outcome = await chatted(CONFIG, (5.0, "bye"), (60.0, "/quit"))
    assert outcome.receipt is not None
    assert outcome.receipt.why == "hang_up by the model: the caller said goodbye"
    assert outcome.receipt.seconds < 6.0


async def test_keys_in_a_file_answer_a_question_for_digits(autojump_clock: MockClock) -> None:
    agent = Agent(instructions="Help.", greeting="Welcome.", tools=("hang_up", "collect_digits"))
    asks = 'use collect_digits {"purpose": "order"}'
    outcome = await chatted(configuration(agent=agent), (0.0, asks), (0.0, "/key 42#"), (60.0, "/quit"), patient=True)
    entries = [entry for entry in outcome.of(journal.DigitsCollected) if isinstance(entry, journal.DigitsCollected)]
    assert [(entry.digits, entry.trigger) for entry in entries] == [("42", "terminator")]
    assert ("agent", 'The tool gave {"digits":"42"}') in outcome.said()
