"""Where the value begins and ends that is assigned to a telling name in a text."""

from __future__ import annotations

import re
from typing import Final

from mendwire.model.scrub.marks import MARK

_OPENING: Final = re.compile(r"""[bBuUrRfF]{0,2}(\\{0,8})(["'`])""")
_WRAPPER: Final = re.compile(
    r"""(?:(?:Some|Ok|Just|Secret|SecretStr|SecretString|Optional|String)[(\[ ]\s?|&(?=["'`]))"""
)
_UNQUOTED: Final = re.compile(
    r"""(?:[^\s"'`<>&\\,;]|[,;](?![ \t]{0,3}[\w .-]{1,40}[=:])(?=[^\s"'`<>&\\])|["'`](?=\w)"""
    r"""|\\(?![nrtu"'\\]))+"""
)
_SCHEME: Final = re.compile(
    r"(?i)(?:bearer|basic|token|digest|negotiate|apikey|custom) {1,3}(?=\S)"
)
_BRACKET: Final = re.compile(r"""["'\[\](){}\n]""")
_CLOSING: Final = {"[": "]", "{": "}", "(": ")"}
_LINE: Final = re.compile(r"""(?:[^\r\n\\]|\\(?![rn]))*""")
_PLACEHOLDER: Final = re.compile(
    r"""(?:\?|\$[0-9]{1,3}|%s|%\([A-Za-z_]\w{0,63}\)s|[:@][A-Za-z_]{1,40}|\$[A-Z_][A-Z0-9_]{0,63}"""
    r"""|[#$%]?\{{1,2}[ ]?[A-Za-z_.][\w.]{0,63}[ ]?\}{1,2}|\$\([^()\n]{0,64}\)"""
    r"""|\*{2,}|[xX]{3,}|\.{3}|…"""
    r"""|<[A-Za-z_ -]{1,40}>|\[(?i:filtered|redacted|hidden|masked|removed|secure|omitted)\])"""
    r"""(?=[\s,;:)}\]"'`&<\\]|\Z)"""
)
_CALL: Final = re.compile(
    r"""(?:await[ ]|new[ ]|not[ ])?(?:[A-Za-z_][A-Za-z_]*(?:\.|->|::))+[A-Za-z_]+(?:[(\[]|\?\.)"""
)
_VARIABLE: Final = re.compile(
    r"""[&$*@]?(?:[A-Za-z_]\w{0,63}(?:\.|->|::|\?\.)){0,6}([A-Za-z_]\w{0,63})(?=[(\[]|[\s,;)}\]]|\Z)"""
)
_SPEAKING: Final = re.compile(r"[_.>:]|[a-z][A-Z]")
_HARMLESS: Final = frozenset(
    (  # noqa: SIM905 - as a list it fills the screen
        "none null true false undefined nil required missing invalid expired unknown empty "
        "optional denied incorrect wrong mismatch timeout unset set not str string int "
        "integer number bool boolean bytes any object text varchar password token secret "
        "hidden masked redacted filtered ok failed failure error yes no must is should cannot "
        "can't was bearer basic"
    ).split()
)
_PROSE: Final = re.compile(
    r"(?i)(?<![\w'-])(?:is|are|was|were|be|been|must|should|shall|can|cannot|could|may|will|would|"
    r"has|have|had|does|do|did|not|no|the|an?|of|for|from|to|at|in|on|with|by|after|before|and|or|"
    r"expected|failed|found|missing|invalid|required|expired|denied|refused|match|got|when|while|"
    r"than|too|due|unable|occurred|already)(?![\w'-])"
)
_WORD: Final = re.compile(r"[A-Za-z'-]+[,.:;!]?(?=[ ])")
_SHORT_NUMBER: Final = re.compile(r"[0-9]{1,3}(?=[ ][A-Za-z])")
_LONGEST_PROSE: Final = 300
WHOLE_LINE: Final = frozenset({"authorization", "cookie"})


def quoted(text: str, at: int) -> tuple[int, int] | None:
    """Start and end of what stands in the quotes that open at ``at``, or None."""
    wrapper = _WRAPPER.match(text, at)
    found = _OPENING.match(text, wrapper.end() if wrapper else at)
    if not found:
        return None
    return found.end(), closing(text, found.end(), found[2], len(found[1]))


def closing(text: str, start: int, quote: str, slashes: int) -> int:
    """Where the quote closes that was opened with ``slashes`` backslashes before it: JSON within
    JSON has 1, 3, 7 of them, and more stand before a quote that belongs to the value.

    What is not closed on its line ends with it.
    """
    at, period = start, 2 * (slashes + 1)
    while (at := text.find(quote, at)) >= 0:
        run = at
        while run > start and text[run - 1] == "\\":
            run -= 1
        if (at - run) % period == slashes or at - run < slashes:
            end_of_line = text.find("\n", start, run)
            return end_of_line if end_of_line >= 0 else max(start, at - min(slashes, at - run))
        at += 1
    end_of_line = text.find("\n", start)
    return end_of_line if end_of_line >= 0 else len(text)


def bracketed(text: str, at: int) -> int:
    """Where the bracket closes that opens at ``at``; at the end of its line if it does not."""
    expected: list[str] = []
    position = at
    while found := _BRACKET.search(text, position):
        char, position = found.group(), found.end()
        if char == "\n":
            return found.start()
        if char in "\"'":
            position = min(len(text), closing(text, position, char, 0) + 1)
        elif char in _CLOSING:
            expected.append(_CLOSING[char])
        elif expected and char == expected[-1]:
            expected.pop()
            if not expected:
                return position
    return len(text)


def unquoted(text: str, at: int) -> int:
    """Where a bare value ends that begins at ``at``."""
    scheme = _SCHEME.match(text, at)
    found = _UNQUOTED.match(text, scheme.end() if scheme else at)
    if found is None:
        return at
    return found.start() + len(found.group().rstrip(",;:)}]."))


def rest_of_line(text: str, at: int) -> int:
    found = _LINE.match(text, at)
    return found.end() if found else at


def is_harmless(value: str) -> bool:
    """Whether it cannot be a secret: nothing, a mark, a word that every log is full of."""
    bare = value.strip()
    return (
        not bare
        or bare.startswith(MARK)
        or bare.lower().rstrip(".!,") in _HARMLESS
        or ((found := _PLACEHOLDER.match(bare)) is not None and found.end() == len(bare))
    )


def is_placeholder_at(text: str, at: int) -> bool:
    return text.startswith(MARK, at) or _PLACEHOLDER.match(text, at) is not None


def is_code_at(text: str, at: int) -> bool:
    """Whether something is called or looked up there: ``request.headers[``."""
    return _CALL.match(text, at) is not None


def variable_at(text: str, at: int) -> str | None:
    """The last name of ``settings.api_key`` or ``get_password(``, or None.

    A single plain word is none: it may be the secret itself.
    """
    found = _VARIABLE.match(text, at)
    return found[1] if found and _SPEAKING.search(found.group()) else None


def is_prose_at(text: str, at: int) -> bool:
    """Whether a sentence goes on there: ``must be at least 8 characters``, ``404 Not Found``."""
    rest = text[at : at + 160].partition("\n")[0]
    if _SHORT_NUMBER.match(rest):
        return True
    return _WORD.match(rest) is not None and _PROSE.search(rest) is not None


def is_sentence(value: str) -> bool:
    return len(value) <= _LONGEST_PROSE and " " in value and _PROSE.search(value) is not None


def passphrase_end(text: str, at: int, end: int) -> int:
    """Several plain words and nothing else up to the end of the line are one secret."""
    line_end = rest_of_line(text, at)
    words = text[at:line_end].rstrip()
    is_one = len(words) <= _LONGEST_PROSE and all(
        word.isalpha() and word.islower() for word in words.split(" ")
    )
    return at + len(words) if is_one else end
