"""The transcript: whole texts that replace one another, fragments that add up."""

from daemon.core.transcript import Transcript, Turn


def test_whole_texts_replace_one_another() -> None:
    said = Transcript()
    assert said.replace("u1", "caller", "do you", final=False) == Turn("u1", "caller", "do you")
    assert said.replace("u1", "caller", "do you", final=False) is None
    assert said.replace("u1", "caller", "Do you?", final=True) == Turn("u1", "caller", "Do you?", final=True)
    assert said.replace("u1", "caller", "Do you?", final=True) is None
    assert said.replace("u1", "caller", "Do you?", final=False) is None
    assert said.replace("u1", "caller", "Do you!", final=False) == Turn("u1", "caller", "Do you!", final=True)


def test_fragments_add_up_until_the_turn_is_final() -> None:
    said = Transcript()
    assert said.append("a1", "agent", "Good ") == Turn("a1", "agent", "Good ")
    assert said.append("a1", "agent", "") is None
    assert said.append("a1", "agent", "day.") == Turn("a1", "agent", "Good day.")
    assert said.finish("a1", "agent", None) == Turn("a1", "agent", "Good day.", final=True)
    assert said.append("a1", "agent", " More.") is None
    assert said.finish("a1", "agent", "") is None
    assert said.finish("a1", "agent", "Good") == Turn("a1", "agent", "Good", final=True)


def test_a_turn_that_was_cut_keeps_what_was_heard() -> None:
    said = Transcript()
    said.append("a1", "agent", "Good day, how")
    heard = Turn("a1", "agent", "Good day", final=True, cut=True)
    assert said.cut("a1", "agent", "Good day") == heard
    assert said.append("a1", "agent", " can I help?") is None
    assert said.finish("a1", "agent", "Good day, how can I help?") is None
    assert said.finish("a1", "agent", None) is None
    assert said.cut("a1", "agent", "Good") is None
    assert said.turns == (heard,)


def test_a_cut_that_changes_no_word_still_holds() -> None:
    said = Transcript()
    said.finish("a1", "agent", "Good day")
    assert said.cut("a1", "agent", "Good day") is None
    assert said.finish("a1", "agent", "Good day, sir.") is None


def test_turns_stand_in_the_order_in_which_they_began() -> None:
    said = Transcript()
    said.append("a1", "agent", "Hello.")
    said.replace("u1", "caller", "", final=True)
    said.replace("u2", "caller", "Good day.", final=True)
    said.append("a2", "agent", "How ")
    said.finish("a1", "agent", "Hello!")
    assert [turn.text for turn in said.turns] == ["Hello!", "Good day.", "How "]


def test_without_an_item_id_nobody_speaks_with_the_others_voice() -> None:
    said = Transcript()
    said.replace("", "caller", "Good day.", final=False)
    said.append("", "agent", "Hello.")
    assert said.turns == (Turn("", "caller", "Good day."), Turn("", "agent", "Hello."))
