"""Every page of docs/how-to/stacks: its commands print what it says, its worked example too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stack_pages import Block, blocks_of, page_names, printed, stack_page


@pytest.mark.parametrize("name", page_names())
def test_the_commands_of_the_page_print_what_it_says(name: str, tmp_path: Path) -> None:
    page = stack_page(name)
    page.write(tmp_path)
    assert page.signatures, "no worked example with its keys"
    for shown in page.shown:
        assert printed(shown, tmp_path) == shown.output, shown.command


def test_blocks_are_found_fenced_and_indented() -> None:
    text = """
Text

<!-- file: a.go -->

```go
    indented in a fence

last
```

<!-- file: not a block -->
Text <!-- file: b.sh -->

    one

      two

Text
    no block
"""
    assert blocks_of(text) == [
        Block(text="    indented in a fence\n\nlast\n", language="go", name="a.go"),
        Block(text="one\n\n  two\n", language="", name=""),
    ]
