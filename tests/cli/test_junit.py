from pathlib import Path
from xml.etree import ElementTree as ET

from daemon.cli.junit import Case, write_junit


def case(suite: str, name: str, *failures: str) -> Case:
    return Case(suite=suite, name=name, seconds=1.5, failures=failures, details="at \x1b[2J 5 s <b>")


def test_a_report(tmp_path: Path) -> None:
    cases = [case("a.toml", "one"), case("a.toml", "two & three", "wrong \x00", "worse"), case("b.toml", "four")]
    write_junit(tmp_path / "report.xml", "rehearsals", cases)
    root = ET.parse(tmp_path / "report.xml").getroot()
    assert root.attrib == {"name": "rehearsals", "tests": "3", "failures": "1", "errors": "0", "time": "4.500"}
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("a.toml", "2", "1"),
        ("b.toml", "1", "0"),
    ]
    one, two = root[0]
    assert [*one] == []
    assert two.attrib == {"classname": "a.toml", "name": "two & three", "time": "1.500"}
    (failure,) = two
    assert failure.get("message") == "wrong \ufffd"
    assert failure.text == "wrong \ufffd\nworse\n\nat \ufffd[2J 5 s <b>"
