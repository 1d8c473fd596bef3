"""A configuration file that somebody has mauled: it loads, or everything that is wrong with it is said, a line each."""

import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import load
from daemon.errors import ConfigError
from tests.hostile.effort import examples
from tests.hostile.targets import configuration, settings
from tests.hostile.wires import places

ROOT = Path(__file__).parents[2]
FILES = sorted([ROOT / "config.toml", *ROOT.glob("examples/*/config.toml")])
TEXTS = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in FILES}

VALUES: list[Any] = [
    *(0, -1, 1, 2**63 - 1, -(2**63), 2**200, 0.0, -0.0, 1e308, float("nan"), float("inf"), True, False),
    *(
        "",
        " ",
        "x" * 100_000,
        "\x00",
        "\x1b[2J",
        "\u202ereversed",
        "a\nb",
        "\u0661\u0662s",
        "1e9s",
        "9" * 400 + "s",
        "-1s",
    ),
    *(
        "${env:XAI_API_KEY}",
        "${env:}",
        "${file:/nonexistent}",
        "${",
        "{{ caller.name }}",
        "{% for x in y %}",
        "{{",
        "+1800555",
    ),
    *(
        "../../../..",
        "/",
        ".",
        "fd://-1",
        "unix:",
        "[::1]:99999",
        "http://",
        "https://[::1",
        "https://user:word@host/",
        "wss://x",
    ),
    *([], {}, [[]], [{}], {"": {}}, ["x", 1, None], {"a": {"b": {"c": []}}}, {"x" * 5000: 1}, {"\x7f\u202e": "\x9b"}),
    *(["+18005550199"] * 50, "support", "[", "]", "1979-05-27", "a.b", "__class__", "sip:a@b?x=y", "tel:+1", "tel:911"),
]


def put(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    if value is None:
        del document[path[-1]]
    else:
        document[path[-1]] = value


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(inner) for key, inner in value.items()}
    return [without_none(inner) for inner in value if inner is not None] if isinstance(value, list) else value


@pytest.mark.parametrize("name", TEXTS)
@examples(40)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_keys_with_other_values(name: str, seed: int, changes: int) -> None:
    random, document = Random(seed), tomllib.loads(TEXTS[name])
    for _ in range(changes):
        path = random.choice([path for path in places(document) if path])
        kind = random.randrange(5)
        if kind == 0:
            put(document, path, None)
        elif kind == 1:
            put(
                document,
                (*path[:-1], random.choice(["", "agent", "\x1b", "é" * 40])) if isinstance(path[-1], str) else path,
                {},
            )
        elif kind == 2:
            other = random.choice(list(places(document)))
            found: Any = document
            for key in other:
                found = found[key]
            put(document, path, tomllib.loads(tomlkit.dumps({"v": found}))["v"])
        else:
            put(document, path, random.choice(VALUES))
    configuration(tomlkit.dumps(without_none(document)).encode())


@pytest.mark.parametrize("name", TEXTS)
@examples(40)
@given(st.integers(0, 2**32))
def test_bytes_changed(name: str, seed: int) -> None:
    random, data = Random(seed), bytearray(TEXTS[name].encode())
    for _ in range(random.randint(1, 12)):
        at = random.randrange(len(data))
        match random.randrange(4):
            case 0:
                data[at] = random.randrange(256)
            case 1:
                del data[at : at + random.randint(1, 60)]
            case 2:
                data[at:at] = data[random.randrange(len(data)) :][: random.randint(1, 200)]
            case _:
                data[at:at] = random.choice(
                    [b'"', b"[", b"{", b"\n", b"=", b"[[x]]\n", b"'''", b"\\", b"\xff", b"#", b".", b"e9", b"_"]
                )
    configuration(bytes(data))


@examples(40)
@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=4))
def test_settings_of_the_command_line(seeds: list[int]) -> None:
    document, lines = tomllib.loads(TEXTS["config.toml"]), []
    for seed in seeds:
        random = Random(seed)
        path = random.choice([path for path in places(document) if path])
        key = ".".join(f'"{part}"' if random.random() < 0.3 else str(part) for part in path)
        value = random.choice(VALUES)
        lines.append(f"{key}{random.choice(['=', ' = ', '==', ''])}{value if random.random() < 0.5 else repr(value)}")
    settings("\n".join(lines).encode("utf-8", "replace"))


def complaints(text: str, folder: Path) -> list[str]:
    (folder / "config.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(folder / "config.toml", env={}, secrets_of=())
    return [str(problem) for problem in refused.value.problems]


def test_brackets_without_end_ended_the_daemon(tmp_path: Path) -> None:
    (line,) = complaints("a = " + "[" * 100_000, tmp_path)
    assert line == "config.toml: not valid TOML: arrays or tables stand too deep in one another"


def test_a_number_of_five_thousand_digits_ended_the_daemon(tmp_path: Path) -> None:
    (line,) = complaints("a = " + "9" * 5000, tmp_path)
    assert line.startswith("config.toml: not valid TOML: ")


@pytest.mark.parametrize("key", ["method", "type"])
def test_a_method_that_is_a_table_ended_the_daemon(key: str, tmp_path: Path) -> None:
    written = {"type": '"http"', "url": '"https://x.example/"', "parameters": '{a = "string"}', key: "{}"}
    text = "[tools.a]\n" + "".join(f"{name} = {value}\n" for name, value in written.items())
    assert any(line.startswith(f"config.toml: [tools.a] {key}: ") for line in complaints(text, tmp_path))
