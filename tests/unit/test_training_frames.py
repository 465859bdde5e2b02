"""Frames for composed stacks: read from source by its language, lawful, and in the carriers."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from mendwire.model.report import parse_report
from training.screen import stacks
from training.screen.carriers import CARRIERS, REPORT
from training.screen.frames import LANGUAGES, some_frames, source_frames
from training.screen.harvest import BENIGN, PINS
from training.screen.harvesting.code import lines_of
from training.screen.harvesting.packages import ALLOWED, pinned
from training.screen.harvesting.rows import UNFIT

FRAMES = [
    frame for language in sorted(set(LANGUAGES.values())) for frame in source_frames(language)
]

PYTHON = '''
import shop

STOCK = shop.load("stock")

class Order:
    """An order of the shop, with its lines."""

    def total(self, code):
        # the caller holds the lock
        discount = self.prices[code.upper()]
        return sum(
            line.price for line in self.lines
        ) - discount
'''
JAVASCRIPT = """
class Cart {
  async total(items) {
    // never called twice (see above)
    const prices = items.map((item) => this.prices[item.id].amount);
    if (prices.length) {
      return prices.reduce(add, 0);
    }
  }
}
"""
GO = """
func (s *Store) Find(id string) (*Order, error) {
\trow := s.db.QueryRow(query, id)
\treturn scan(row)
}
"""
RUST = """
pub async fn find(id: &str) -> Result<Order> {
    let row = sqlx::query(QUERY).bind(id).fetch_one(&pool).await?;
    todo!("scan")
}
"""
RUBY = """
def find!(id)
  Order.where(id: id).first!.touch(:seen_at)
end
"""
PHP = """
    public static function find(string $id): Order
    {
        return self::$store->orders[$id] ?? throw new NotFound($id);
    }
"""


def _named(source: str, suffix: str) -> list[tuple[str, str]]:
    return [(name, lines[2].strip()) for name, lines in lines_of(source, suffix)]


def test_python_is_read_by_its_grammar() -> None:
    assert _named(PYTHON, ".py") == [
        ("<module>", 'STOCK = shop.load("stock")'),
        ("Order.total", "discount = self.prices[code.upper()]"),
        ("Order.total", "return sum("),
    ]
    assert _named("def broken(:", ".py") == []


@pytest.mark.parametrize(
    ("source", "suffix", "expected"),
    [
        (
            JAVASCRIPT,
            ".ts",
            [
                ("total", "const prices = items.map((item) => this.prices[item.id].amount);"),
                ("total", "return prices.reduce(add, 0);"),
            ],
        ),
        (
            GO,
            ".go",
            [("Find", "row := s.db.QueryRow(query, id)"), ("Find", "return scan(row)")],
        ),
        (
            RUST,
            ".rs",
            [
                ("find", "let row = sqlx::query(QUERY).bind(id).fetch_one(&pool).await?;"),
                ("find", 'todo!("scan")'),
            ],
        ),
        (RUBY, ".rb", [("find!", "Order.where(id: id).first!.touch(:seen_at)")]),
        (
            PHP,
            ".php",
            [("find", "return self::$store->orders[$id] ?? throw new NotFound($id);")],
        ),
    ],
)
def test_others_are_read_by_their_heads_and_calls(
    source: str, suffix: str, expected: list[tuple[str, str]]
) -> None:
    assert _named(source, suffix) == expected


def test_the_lines_around_lose_their_common_margin() -> None:
    (lines,) = [lines for name, lines in lines_of(PYTHON, ".py") if "prices" in lines[2]]
    assert lines == (
        "def total(self, code):",
        "    # the caller holds the lock",
        "    discount = self.prices[code.upper()]",
        "    return sum(",
        "        line.price for line in self.lines",
    )


def test_frames_are_many_lawful_and_in_the_notice() -> None:
    counts = Counter(frame.language for frame in FRAMES)
    assert counts["python"] > 2_000
    assert counts["javascript"] > 1_000
    assert min(counts[language] for language in set(LANGUAGES.values())) > 150
    pins = {(package.name, package.version, package.licence) for package in pinned(PINS)}
    notice = (BENIGN / "NOTICE").read_text(encoding="utf-8")
    for frame in FRAMES:
        assert len(frame.lines) == 5, frame
        assert frame.code, frame
        assert not any(pattern.search("\n".join(frame.lines)) for pattern in UNFIT), frame
        assert frame.licence in ALLOWED
        assert (frame.source, frame.version, frame.licence) in pins
        assert f"{frame.licence:13} {frame.source} {frame.version}:" in notice


def test_they_are_drawn_by_the_random_source_alone() -> None:
    drawn = [some_frames("python", random.Random(3), 6) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert 1 <= len(drawn[0]) <= 6
    assert (
        len({frame for seed in range(300) for frame in some_frames("go", random.Random(seed), 4)})
        > 100
    )


def test_reports_and_events_bear_frames_with_code() -> None:
    event = next(carrier for carrier in CARRIERS if carrier.name == "event")
    bodies = [REPORT.wrap("quokka", random.Random(seed)) for seed in range(40)]
    reports = [parse_report(body.encode()) for body in bodies]
    assert any(frame.code for report in reports for frame in report.frames)
    assert any("pre_context" in event.wrap("quokka", random.Random(seed)) for seed in range(40))
    assert any("  File " in stacks.python_frames(random.Random(seed)) for seed in range(3))
