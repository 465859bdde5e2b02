"""What files of other languages say, read by their calls' names; no grammar, no guess at code."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from training.screen.harvesting.fill import filled, named
from training.screen.harvesting.python_source import Saying

LANGUAGES: Final = {
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "javascript",
    ".java": "java",
    ".kt": "java",
    ".scala": "java",
    ".go": "go",
    ".rs": "rust",
    ".rb": "ruby",
    ".php": "php",
    ".cs": "csharp",
}
_THROWN: Final = {
    "javascript": r"throw new [\w.]+|throw [\w.]*Error|new [A-Z]\w*Error|reject|invariant|assert",
    "java": r"throw new [\w.]+|new [A-Z]\w*Exception|checkArgument|checkState|requireNonNull",
    "go": r"errors\.New|fmt\.Errorf|panic|errors\.Wrapf?|status\.Errorf?|xerrors\.\w+|Fatalf?",
    "rust": r"panic!|bail!|anyhow!|expect|unreachable!|todo!|assert!|Error::new|Error::custom|"
    r"format_err!|err!|format!|#\[error",
    "ruby": r"raise [\w:]+[ ,(]|raise|ArgumentError\.new|fail",
    "php": r"throw new [\w\\]+|trigger_error|InvalidArgumentException",
    "csharp": r"throw new [\w.]+|new [A-Z]\w*Exception",
}
_LOGGED: Final = (
    r"console\.(?:error|warn|log|info)|(?i:log|logger|_logger|slog|klog|zap|tracing|LOG)"
    r"(?:\.|::|->)(?:debug|info|warn|warning|error|fatal|trace|notice)[a-zA-Z]*!?|"
    r"(?:warn|error|info|debug)!|warn(?:ing|Once|_once|Deprecated)?|deprecat\w*|puts|eprintln!|"
    r"fmt\.Fprintf?(?:ln)?|System\.err\.println|error_log"
)
_DOUBLE: Final = r'"(?:[^"\\\n]|\\.){0,600}"|`(?:[^`\\]|\\.){0,600}`'
_SINGLE: Final = r"|'(?:[^'\\\n]|\\.){0,600}'"
_REST: Final = r"|[();{,\n]|(?:\+|\.(?=\s*\$))\s*(?P<joined>[\w.$>\[\]-]{1,60})"
_TOKEN: Final = re.compile(_DOUBLE + _SINGLE + _REST)
_TOKEN_OF_C: Final = re.compile(_DOUBLE + _REST)
_ONE_CHARACTER: Final = frozenset({"rust", "go", "java", "csharp"})
_BY_LINE: Final = frozenset({"ruby", "go"})
_WINDOW: Final = 600
_COMMENT_LINE: Final = re.compile(r"\s*(?://[/!]?|#|\*)\s?([^\n]*)")
_COMMENT: Final = re.compile(r"[A-Z][^=;{}<>]*\s[^=;{}]*[a-z.!:]")
_MIN_COMMENT: Final = 40
_ESCAPES: Final = {"\\n": "\n", "\\t": " ", '\\"': '"', "\\'": "'", "\\`": "`", "\\\\": "\\"}


def sayings(source: str, suffix: str) -> Iterator[Saying]:
    """Thrown, logged and commented texts of one file."""
    language = LANGUAGES[suffix]
    for kind, names in (("message", _THROWN[language]), ("log", _LOGGED)):
        for call in re.finditer(rf"(?<![\w.])(?:{names})\s*[( ]", source):
            text = _argument(source[call.end() : call.end() + _WINDOW], language)
            if text:
                yield "warning" if "eprecat" in text else kind, filled(text)
    yield from (("comment", text) for text in _comments(source))


def _argument(window: str, language: str) -> str:
    """String literals up to the call's end, with a value for what stands between them."""
    pieces: list[str] = []
    depth = 0
    for token in (_TOKEN_OF_C if language in _ONE_CHARACTER else _TOKEN).finditer(window):
        said = token.group(0)
        if said[0] in "\"'`":
            pieces.append(_unescaped(said[1:-1]))
        elif said in "()":
            depth += 1 if said == "(" else -1
        elif token["joined"]:
            if pieces:
                pieces.append(named(token["joined"], zlib.crc32(window.encode("utf-8", "replace"))))
        elif said in ";{" or (said == "\n" and language in _BY_LINE):
            break
        if depth < 0 or (said == "," and depth == 0 and pieces):
            break
    return "".join(pieces)


def _unescaped(literal: str) -> str:
    literal = re.sub(r"\\u\{?([0-9a-fA-F]{4})\}?", lambda m: chr(int(m[1], 16)), literal)
    return re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0][1:]), literal)


def _comments(source: str) -> Iterator[str]:
    block: list[str] = []
    for line in source.splitlines():
        match = _COMMENT_LINE.fullmatch(line) if len(line) < 400 else None  # noqa: PLR2004 - prose is wrapped
        if match and match[1].strip():
            block.append(match[1].strip().strip("*/ "))
            continue
        text = " ".join(block)
        if len(text) >= _MIN_COMMENT and _COMMENT.fullmatch(text):
            yield text
        block = []
