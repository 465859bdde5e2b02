"""The spaCy pipeline: words, a gate of phrases, and rules that run only where the gate opened.

``spacy.blank("en")`` on purpose: no trained model takes part, so that the verdict is the same
whatever is installed. The document carries its pieces in ``doc.user_data[PIECES]``.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mendwire.errors import ScreenBroken, ScreenUnavailable
from mendwire.model.printable import printable
from mendwire.model.screening import CLASSIFIER
from mendwire.screen.chains import Hit, Places, by_chain, excerpt_of, tokens_of
from mendwire.screen.repeats import without_long_repeats
from mendwire.screen.rules import Chain, Rules

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from mendwire.screen.classifier import Classifier, Model, Scored

PIECES: Final = "mendwire_pieces"
FOUND: Final = "mendwire_found"
SCORED: Final = "mendwire_scored"
_MAX_SPANS: Final = 50
_AROUND: Final = 40
_REMEMBERED: Final = 8_192
_LONGEST_KEPT: Final = 600

# Scripts that write no spaces are compared letter by letter.
_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]"
    r"|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f_]{1,64}(?:['’][^\W_]{1,8})?|[^\w\s]|_+"
)


class Pipeline:
    """One loaded pipeline. Calls are serialised: spaCy's memory zone belongs to one thread."""

    def __init__(self, nlp: Language, matcher: RuleMatcher, classifier: Classifier) -> None:
        self._nlp = nlp
        self._matcher = matcher
        self.classifier = classifier
        self._lock = threading.Lock()

    def hits(self, pieces: Sequence[str], deadline: float) -> list[Hit]:
        """What is found in folded texts; ScreenBroken past ``deadline`` (monotonic)."""
        found, judged = self.ruled(pieces, deadline)
        return found if judged else [*found, *self.scored([pieces])[0]]

    def ruled(self, pieces: Sequence[str], deadline: float) -> tuple[list[Hit], bool]:
        """What the rules find, and whether the classifier has judged these texts as well.

        It has where a document was made. ScreenBroken past ``deadline`` (monotonic).
        """
        glances = self._matcher.glances(pieces)
        by_regex = [
            Hit(rule=rule, piece=number, joined=False, excerpt=excerpt)
            for number, glance in enumerate(glances)
            for rule, excerpt in glance.by_regex
        ]
        check(deadline)
        if not self._matcher.may_match(glances):
            return by_regex, False
        words: list[str] = []
        starts: list[int] = []
        for piece in pieces:
            starts.append(len(words))
            words += without_long_repeats(_WORD.findall(piece))
            check(deadline)
        if not self._matcher.may_match(glances, f" {' '.join(words)} "):
            return by_regex, False
        # The zone frees this text's words: the vocabulary must not grow with what strangers send.
        with self._lock, self._nlp.memory_zone():
            return [*by_regex, *self._run(words, starts, pieces)], True

    def scored(self, texts: Sequence[Sequence[str]]) -> list[list[Hit]]:
        """What the classifier finds in the pieces of several texts, each by itself."""
        found: list[list[Hit]] = [[] for _ in texts]
        owners = [
            (owner, number) for owner, text in enumerate(texts) for number in range(len(text))
        ]
        for one in self.classifier.found([piece for text in texts for piece in text]):
            owner, number = owners[one.piece]
            found[owner].append(_scored(one, number))
        return found

    def _run(self, words: list[str], starts: list[int], pieces: Sequence[str]) -> list[Hit]:
        from spacy.tokens import Doc  # noqa: PLC0415 - the extra is loaded already here

        doc = Doc(self._nlp.vocab, words=words)
        doc.user_data[PIECES] = (starts, pieces)
        done = self._nlp(doc).user_data
        return [*done[FOUND], *(_scored(one, one.piece) for one in done[SCORED])]


def _scored(one: Scored, piece: int) -> Hit:
    return Hit(rule=CLASSIFIER, piece=piece, joined=False, excerpt=one.excerpt, odds=one.odds)


def check(deadline: float) -> None:
    """Raises ScreenBroken past ``deadline`` (monotonic)."""
    if time.monotonic() > deadline:
        raise ScreenBroken("The report outlasted the screen's time; it goes to quarantine.")


def load_pipeline(rules: Rules, model: Model | None = None) -> Pipeline:
    """Build the pipeline, about two seconds with spaCy's import; raises ScreenUnavailable.

    ``model`` are other weights than the shipped ones.
    """
    try:
        import spacy  # noqa: PLC0415 - heavy, and an extra
        from spacy.language import Language  # noqa: PLC0415 - the same
    except ImportError as problem:
        raise ScreenUnavailable(
            f"The screen needs spaCy ({problem}): pip install 'mendwire[screen]'."
        ) from None
    if not Language.has_factory("mendwire_rules"):
        Language.factory("mendwire_rules", func=_component)
        Language.factory("mendwire_classifier", func=_classifier)
    nlp = spacy.blank("en")
    try:
        matcher: Any = nlp.add_pipe("mendwire_rules")
        matcher.build(rules)
    except Exception as problem:
        raise ScreenUnavailable(f"spaCy refuses the screen's rules: {problem}") from problem
    classifier: Any = nlp.add_pipe("mendwire_classifier")
    if model is not None:
        classifier.model = model
    return Pipeline(nlp, matcher, classifier)


def _component(nlp: Language, name: str) -> RuleMatcher:  # noqa: ARG001 - spaCy calls factories by these names
    return RuleMatcher(nlp)


def _classifier(nlp: Language, name: str) -> Classifier:  # noqa: ARG001 - the same
    from mendwire.screen.classifier import Classifier, load_model  # noqa: PLC0415 - needs numpy, which comes with spaCy

    return Classifier(load_model())


class RuleMatcher:
    """spaCy's PhraseMatcher as the gate, then chains over its hits and Matcher patterns.

    Chains are walked over the phrases found, not over the tokens: linear in what was found, where
    a Matcher with gaps forks at every token an attacker repeats.
    """

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp

    def build(self, rules: Rules) -> None:
        """Compile the rules; raises ValueError where spaCy refuses one."""
        from spacy.matcher import Matcher, PhraseMatcher  # noqa: PLC0415 - an extra
        from spacy.tokens import Doc  # noqa: PLC0415 - the same

        vocab = self._nlp.vocab
        self._gate = PhraseMatcher(vocab, attr="ORTH")
        for name, phrases in rules.lists.items():
            self._gate.add(name, [Doc(vocab, words=_WORD.findall(phrase)) for phrase in phrases])
        self._names = {vocab.strings[name]: name for name in rules.lists}
        self._chains = rules.chains
        self._tokens = Matcher(vocab, validate=True)
        for number, (rule, patterns) in enumerate(rules.tokens):
            self._tokens.add(f"{number} {rule}", list(patterns))
        self._regexes: dict[tuple[str, ...], list[tuple[str, re.Pattern[str]]]] = defaultdict(list)
        for rule, needs, pattern in rules.regexes:
            self._regexes[needs].append((rule, pattern))
        self._build_first_words(rules)
        if not rules.tokens:
            # Nothing asks for shapes and the like, and computing them is half the time.
            vocab.lex_attr_getters = {}  # type: ignore[attr-defined]  # absent from the stubs

    def _build_first_words(self, rules: Rules) -> None:
        self._bits = bits = {name: 1 << number for number, name in enumerate(rules.lists)}
        self._alone: dict[str, int] = {}
        self._first: dict[str, list[tuple[frozenset[str], str, int]]] = {}
        for name, phrases in rules.lists.items():
            for phrase in phrases:
                word, *others = words = _WORD.findall(phrase)
                if others:
                    row = frozenset(others), f" {' '.join(words)} ", bits[name]
                    self._first.setdefault(word, []).append(row)
                else:
                    self._alone[word] = self._alone.get(word, 0) | bits[name]
        in_several = [others for known in self._first.values() for others, _, _ in known]
        self._several = frozenset(self._first).union(*in_several)
        self._needed = [_needed(chain, bits) for chain in rules.chains]
        self._seen: dict[str, _Glance] = {}

    def glances(self, pieces: Sequence[str]) -> list[_Glance]:
        """What each piece has that a rule may need."""
        return [self._seen.get(piece) or self._glance(piece) for piece in pieces]

    def may_match(self, glances: Sequence[_Glance], said: str = "") -> bool:
        """Whether it is worth making a document: most genuine errors end here.

        ``said`` are all tokens with blanks around them; without it phrases count by their words.
        """
        if len(self._tokens):
            return bool(glances)
        there = 0
        several: set[str] = set()
        for glance in glances:
            there |= glance.there
            several |= glance.several
        for word in several & self._first.keys():
            for others, phrase, bit in self._first[word]:
                if not there & bit and others <= several and (not said or phrase in said):
                    there |= bit
        if not there:
            return False
        for certain, steps in self._needed:
            if there & certain == certain and all(map(there.__and__, steps)):
                return True
        return False

    def _glance(self, piece: str) -> _Glance:
        present = set(_WORD.findall(piece))
        there = 0
        for word in present & self._alone.keys():
            there |= self._alone[word]
        glance = _Glance(
            there=there,
            several=present & self._several,
            by_regex=tuple(self._by_regex(piece)),
        )
        if len(piece) <= _LONGEST_KEPT:
            if len(self._seen) >= _REMEMBERED:
                self._seen = {}
            self._seen[piece] = glance
        return glance

    def __call__(self, doc: Doc) -> Doc:
        """Write the hits to ``doc.user_data[FOUND]``."""
        starts, _ = doc.user_data[PIECES]
        found = self._by_tokens(doc, starts)
        by_number: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, start, end in self._gate(doc):
            by_number[number].append((start, end))
        places = Places({self._names[number]: found for number, found in by_number.items()})
        there = sum(self._bits[name] for name in places.named)
        tokens = tokens_of(starts, len(doc))
        for chain, (certain, steps) in zip(self._chains, self._needed, strict=True):
            if there & certain == certain and all(map(there.__and__, steps)):
                found += by_chain(chain, places, tokens, doc)
        doc.user_data[FOUND] = found
        return doc

    def _by_regex(self, piece: str) -> Iterator[tuple[str, str]]:
        """Rules and excerpts."""
        for needs, patterns in self._regexes.items():
            if needs and not any(map(piece.__contains__, needs)):
                continue
            for rule, pattern in patterns:
                if match := pattern.search(piece):
                    begin = max(0, match.start() - 20)
                    yield rule, printable(piece[begin : match.end() + 40])

    def _by_tokens(self, doc: Doc, starts: list[int]) -> list[Hit]:
        if not len(self._tokens):
            return []
        found = []
        for index, start in enumerate(starts):
            end = starts[index + 1] if index + 1 < len(starts) else len(doc)
            for at in range(start, end, _AROUND):
                span = doc[at : min(end, at + 2 * _AROUND)]
                for name, begin, stop in self._tokens(span)[:_MAX_SPANS]:
                    rule = self._nlp.vocab.strings[name].partition(" ")[2]
                    excerpt = excerpt_of(doc, at + begin, at + stop, (start, end))
                    found.append(Hit(rule=rule, piece=index, joined=False, excerpt=excerpt))
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Glance:
    """What one piece has that a rule may need; remembered, since reports repeat their pieces."""

    there: int
    """The lists that one of its words is in, as bits."""
    several: frozenset[str] | set[str]
    """Its words that phrases of several are made of."""
    by_regex: tuple[tuple[str, str], ...]
    """What regular expressions found: rules and excerpts."""


def _needed(chain: Chain, bits: Mapping[str, int]) -> tuple[int, list[int]]:
    """The lists that must all be there, as one number, and of the other steps any of each."""
    steps = [sum(bits[name] for name in set(step.lists)) for step in chain.steps]
    certain = 0
    for step in steps:
        certain |= step if step.bit_count() == 1 else 0
    return certain, [step for step in steps if step.bit_count() > 1]
