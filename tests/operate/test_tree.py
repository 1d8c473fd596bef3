"""What tasks wait for, in words; and that the words are of functions that exist."""

import ast
from pathlib import Path

import pytest
import trio

import daemon
from daemon.operate.tree import WAITS, tree_of, waits_for

ROOT = Path(daemon.__file__).parent


def functions(path: Path) -> set[str]:
    """The qualified names of all functions of a module."""
    found: set[str] = set()

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(f"{prefix}{child.name}")
                visit(child, f"{prefix}{child.name}.<locals>.")
            elif isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")
            else:
                visit(child, prefix)

    visit(ast.parse(path.read_text()), "")
    return found


def test_every_function_that_has_words_exists() -> None:
    known: set[str] = set()
    for path in ROOT.rglob("*.py"):
        module = str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
        known |= {f"{module}.{function}" for function in functions(path)}
    assert set(WAITS) <= known, set(WAITS) - known


async def test_somebody_elses_tasks(nursery: trio.Nursery) -> None:
    async def sleeper() -> None:
        await trio.sleep_forever()

    nursery.start_soon(sleeper, name="sleeper")
    nursery.start_soon(trio.sleep_forever, name="other")
    parent = nursery.parent_task
    before = {task.name: task.waits_for for task in tree_of(parent, {}).tasks}
    assert before["sleeper"].startswith("(sleeper")
    await trio.testing.wait_all_tasks_blocked()
    after = {task.name: task.waits_for for task in tree_of(parent, {}).tasks}
    # No function of ours is in them, so Trio's own names have to do.
    assert after["sleeper"].startswith("(sleeper: ")
    assert after["other"].startswith("(sleep_forever: ")
    assert waits_for(trio.lowlevel.current_task()) == "nothing: it runs"
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", ["call x", "writer y"])
async def test_a_task_that_is_no_known_call(nursery: trio.Nursery, name: str) -> None:
    nursery.start_soon(trio.sleep_forever, name=name)
    await trio.testing.wait_all_tasks_blocked()
    (view,) = [task for task in tree_of(nursery.parent_task, {}).tasks if task.name == name]
    assert (view.call, view.debt, view.deadlines) == (None, None, ())
    nursery.cancel_scope.cancel()
