"""Docstrings, read as people write them."""

import pytest

from daemon.functions.docstring import Described, read


@pytest.mark.parametrize(
    ("docstring", "text", "arguments"),
    [
        ("", "", {}),
        ("Looks up an order.", "Looks up an order.", {}),
        ("Looks up\n    an order.\n\n    Gives its\n    status.", "Looks up an order.\nGives its status.", {}),
        (
            """Looks up an order.

            Args:
                order: The number,
                    digits only.
                day (str, optional): As YYYY-MM-DD: never a weekday.

                *rest: More.

            Returns:
                status: What it is.
            """,
            "Looks up an order.",
            {"order": "The number, digits only.", "day": "As YYYY-MM-DD: never a weekday.", "rest": "More."},
        ),
        ("Args:\n    order: The number.", "", {"order": "The number."}),
        ("Books.\n\nRaises:\n    ToolFailed: It is full.\n", "Books.", {}),
        ("Books.\n\nNote that\nArgs:\n", "Books.\nNote that", {}),
        ("Books.\n\n:param order: The number.", "Books.\n:param order: The number.", {}),
    ],
)
def test_what_a_docstring_says(docstring: str, text: str, arguments: dict[str, str]) -> None:
    assert read(docstring) == Described(text, arguments)
