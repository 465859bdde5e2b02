"""Options of ``mendwire replay`` that do not go together end in one sentence."""

from __future__ import annotations

import pytest

from mendwire.cli import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["agent", "--model", "x"], "--model goes with --kind"),
        (["agent", "--kind", "command"], "--kind command and --command go together"),
        (["agent", "--kind", "rollback", "--command", "x"], "go together"),
        (["agent", "--command", "'x"], "not quoted as a shell would"),
        (["screen", "--since", "soon"], "'soon' is no time: write 30m, 12h or 7d."),
        (["signature", "--since", "0d"], "'0d' is no time"),
    ],
)
def test_it_says_what_does_not_fit(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *words]) == 2
    assert said in capsys.readouterr().err
