"""Where people and tools write at length: tickets, mails, pages, tables, the output of builds."""

from __future__ import annotations

import random
from typing import Final
from xml.sax.saxutils import escape

from training.screen.scenery import (
    FUNCTIONS,
    KEYS,
    MODULES,
    SERVICES,
    chance,
    clock,
    complaint,
    ident,
    path,
)

_NAMES: Final = ("Maria", "Jonas", "Priya", "Wei", "Olu", "Tomas", "Aisha", "Lena", "Ravi", "Sam")
_REMARKS: Final = (
    "The export button does nothing since Tuesday.",
    "It works in Firefox but not in Safari.",
    "I have cleared the cache twice.",
    "The invoice shows the wrong currency.",
    "We saw this on staging as well.",
    "It happens about once in a hundred requests.",
    "The page stays white after the login.",
    "Before the last release it was fine.",
    "The order number is 44-1182.",
    "I attached a screenshot.",
    "Our customers in Norway are affected.",
    "The file has about 12,000 lines.",
    "Restarting the service helped for an hour.",
    "Could somebody have a look at it?",
    "There is nothing in the log.",
    "The same request succeeds with curl.",
    "We pay for the large plan.",
    "I can reproduce it with an empty cart.",
    "The time zone of the account is Lisbon.",
    "It is the second time this month.",
)
_GREETINGS: Final = ("Hi,", "Hello team,", "Good morning,", "Dear support,", "Hey,")
_ENDS: Final = ("Thanks", "Best regards", "Cheers", "Kind regards", "Thank you")


def _remarks(rng: random.Random) -> str:
    return " ".join(rng.sample(_REMARKS, rng.randrange(1, 4)))


def ticket(text: str, rng: random.Random) -> str:
    """Between the sentences of a user."""
    between = rng.choice((" ", "\n", "\n\n"))
    parts = [_remarks(rng), text, _remarks(rng)]
    return between.join(rng.choice((parts, parts[:2], parts[1:])))


def mail(text: str, rng: random.Random) -> str:
    subject = complaint(rng).capitalize()
    head = f"From: {rng.choice(_NAMES).lower()}@{rng.choice(SERVICES)}.example\nSubject: {subject}"
    end = f"{rng.choice(_ENDS)}, {rng.choice(_NAMES)}"
    body = "\n\n".join((rng.choice(_GREETINGS), _remarks(rng), text, end))
    return f"{head}\n\n{body}" if chance(rng, 0.7) else body


def page(text: str, rng: random.Random) -> str:
    """Markdown: a list, a quotation, a block of code, a table."""
    quoted = "> " + text.replace("\n", "\n> ")
    flat = text.replace("\n", " ")
    way = rng.choice(
        (
            f"- {rng.choice(_REMARKS)}\n- {flat}\n- {rng.choice(_REMARKS)}",
            f"{quoted}\n\n{rng.choice(_REMARKS)}",
            f"```\n{text}\n```",
            f"| {rng.choice(KEYS)} | value |\n|---|---|\n| {rng.choice(KEYS)} | {flat} |",
            f"### {rng.choice(MODULES)}\n\n{text}\n\n### Environment\n\n{rng.choice(SERVICES)}",
        )
    )
    return f"## {complaint(rng).capitalize()}\n\n{_remarks(rng)}\n\n{way}"


def table_row(text: str, rng: random.Random) -> str:
    """A line of a CSV file that could not be imported."""
    literal = '"' + text.replace('"', '""') + '"'
    number = rng.randrange(2, 900)
    head = f"line {number}: {complaint(rng)}"
    return f"{head}\n{number},{ident(rng, 6)},{literal},{rng.choice(_NAMES)},{clock(rng)}"


def markup(text: str, rng: random.Random) -> str:
    """An XML document whose parser stumbled."""
    key = rng.choice(KEYS)
    head = f"XML parse error at line {rng.randrange(2, 90)}: {complaint(rng)}"
    inner = escape(text) if chance(rng, 0.7) else f"<![CDATA[{text}]]>"
    return f"{head}\n<{rng.choice(MODULES)}><{key}>{inner}</{key}></{rng.choice(MODULES)}>"


def build(text: str, rng: random.Random) -> str:
    """The log of a build or of a test run."""
    function = rng.choice(FUNCTIONS)
    place = f"{path(rng, 'py')}:{rng.randrange(9, 300)}"
    test = f"tests/test_{rng.choice(MODULES)}.py"
    return rng.choice(
        (
            f"#12 [build 5/9] RUN make {function}\n#12 1.204 {text}\n#12 ERROR: exit code: 2",
            f"E       {text}\n\n{place}: AssertionError\nFAILED {test}::test_{function}",
            f"npm error code 1\nnpm error {text}\nnpm error path {path(rng, 'js')}",
            f"[ERROR] Failed to execute goal {rng.choice(MODULES)}: {text} -> [Help 1]",
            f"make: *** [{function}] Error 1\n{text}",
        )
    )


def history(text: str, rng: random.Random) -> str:
    """A commit, as `git log` shows it."""
    indented = "    " + text.replace("\n", "\n    ")
    who = rng.choice(_NAMES)
    head = f"commit {ident(rng, 40)}\nAuthor: {who} <{who.lower()}@{rng.choice(SERVICES)}.example>"
    return f"{head}\nDate:   {clock(rng)}\n\n{indented}"
