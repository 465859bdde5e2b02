"""The parts of capture that need no server: bounds, copies, counts, the spool, trimming."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mendwire.capture.frames import calls_of, frames_of
from mendwire.capture.guard import Guard
from mendwire.capture.moment import moment
from mendwire.capture.occurrence import Taken, rough_key, taken
from mendwire.capture.outbox import MAX_QUEUED, Outbox, Target
from mendwire.capture.outgoing import outgoing, outgoing_calls
from mendwire.capture.plain import Copier, NotPlain, shown
from mendwire.capture.release import release_of
from mendwire.capture.segment import SUFFIX, Spooled
from mendwire.capture.spool import Spool, default_folder, make_private
from mendwire.capture.tally import Tally
from mendwire.errors import ConfigError
from mendwire.model.fitting import fitted
from mendwire.model.names import Names
from mendwire.settings.environment import read_environment

NAMES = Names(namespace="ai_tutor")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=30,
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Sub(dict[str, int]):
    pass


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -(2**63), 1.5, "text", [1, ["a"]], {"a": {"b": [None]}}, [], {}],
)
def test_plain_data_is_copied(value: Any) -> None:
    copied = Copier().copy(value)
    assert copied == value
    assert json.loads(json.dumps(copied)) == value


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: 2},
        {1, 2},
        b"x",
        float("nan"),
        float("inf"),
        2**63,
        object(),
        Sub(a=1),
        "\ud800",
        "x" * 2001,
        [[[[[[[[1]]]]]]]],
        [0] * 201,
        ["x" * 1000] * 9,
    ],
)
def test_what_is_not_plain_or_too_much_is_none(value: Any) -> None:
    with pytest.raises(NotPlain):
        Copier().copy(value)


def test_itself_inside_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NotPlain):
        Copier().copy(loop)
    json.dumps(shown(loop))


@given(json_values | st.sets(st.integers()) | st.binary())
def test_anything_can_be_shown_in_a_context(value: Any) -> None:
    json.dumps(shown(value)).encode()


def arguments_of(work: Any) -> Any:
    try:
        work()
    except ZeroDivisionError as problem:
        frames = frames_of(calls_of(problem.__traceback__), str(Path(__file__).parent))
        last = frames[-1]
        assert isinstance(last, dict)
        return last.get("arguments")
    raise AssertionError


def plain(a: int, /, b: str = "x", *, c: object = None) -> float:
    return a / 0


def rest(a: int, *more: int, **named: int) -> float:
    return a / 0


def rebound(a: int) -> float:
    a = 7
    return a / 0


def deleted(a: int) -> float:
    del a
    return 1 / 0


class Cart:
    def total(self, n: int) -> float:
        return n / 0


def test_arguments_are_taken_where_all_are_plain() -> None:
    assert arguments_of(lambda: plain(1, b="y")) == {"a": 1, "b": "y", "c": None}
    assert arguments_of(lambda: plain(1, c=object())) is None
    assert arguments_of(lambda: rest(1)) == {"a": 1}
    assert arguments_of(lambda: rest(1, 2)) is None
    assert arguments_of(lambda: rest(1, k=2)) is None
    assert arguments_of(lambda: rebound(1)) == {"a": 7}
    assert arguments_of(lambda: deleted(1)) is None
    assert arguments_of(lambda: Cart().total(1)) is None


def test_the_same_failure_has_one_rough_key_and_another_has_another() -> None:
    def failing(text: str) -> Any:
        try:
            raise ValueError(text)  # noqa: TRY301 - it is to be raised here
        except ValueError as problem:
            return rough_key(problem)

    assert failing("a") == failing("a")
    assert failing("a") != failing("b")


def bound(tally: Tally, key: str, signature: str) -> bool:
    seen = tally.admit(key)
    return seen is not None and tally.bind(seen, signature, "issue")


def test_the_first_goes_out_and_the_rest_are_counted() -> None:
    clock = Clock()
    tally = Tally(60, clock)
    first, *rest = [tally.admit("k") for _ in range(4)]
    assert first
    assert rest == [None, None, None]
    assert tally.take() == ()
    assert tally.bind(first, "sig", "issue")
    assert [(c.signature, c.issue, c.repeats) for c in tally.take()] == [("sig", "issue", 3)]
    assert tally.take() == ()
    clock.now += 61
    assert bound(tally, "k", "sig")


def test_two_rough_keys_of_one_signature_are_one_kind() -> None:
    tally = Tally(60, Clock())
    assert bound(tally, "a", "sig")
    assert not bound(tally, "b", "sig")
    assert not tally.admit("b")
    assert sum(count.repeats for count in tally.take()) == 2


def test_counts_from_many_threads_add_up() -> None:
    tally = Tally(60)
    bound(tally, "k", "sig")
    counts: list[int] = []

    def work() -> None:
        for _ in range(2000):
            tally.admit("k")
        counts.append(sum(count.repeats for count in tally.take()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) + sum(count.repeats for count in tally.take()) == 8000
    assert tally.captured == 8001


def test_many_kinds_are_bounded_and_no_count_is_lost_by_that() -> None:
    tally = Tally(60)
    told = 0
    for number in range(10_000):
        seen = tally.admit(number)
        assert seen
        tally.admit(number)
        tally.bind(seen, f"s{number}", "i")
        told += sum(count.repeats for count in tally.take_past())
    assert len(tally._seen) <= 2000
    assert len(tally._kinds) <= 2000
    told += sum(count.repeats for count in tally.take())
    assert (told, tally.untold) == (10_000, 0)


def test_repeats_of_a_report_that_still_waits_are_kept_when_its_key_makes_room() -> None:
    tally = Tally(60)
    first = tally.admit("first")
    assert first
    assert tally.admit("first") is None
    for number in range(3000):
        tally.admit(number)
    assert tally.bind(first, "sig", "issue")
    assert [count.repeats for count in tally.take() if count.signature == "sig"] == [1]


def report(text: str) -> Spooled:
    return Spooled(kind="report", environment="staging", payload=text.encode())


def found_in(spool: Spool) -> list[Spooled | None]:
    return [found.item for segment, _ in spool.waiting() for found in segment.unsettled()]


def payloads(spool: Spool) -> list[bytes]:
    return [item.payload for item in found_in(spool) if item]


def files_of(spool: Spool) -> list[Path]:
    return sorted(spool.folder.glob(f"*{SUFFIX}"))


def test_the_spool_keeps_order_and_is_private(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a" / "spool")
    assert spool.is_empty()
    words = ("one", "two\nlines", "three")
    assert [spool.add([report(word)]) for word in words[:2]] == [1, 1]
    assert payloads(spool) == [b"one", b"two\nlines"]
    assert spool.add([report(words[2])]) == 1  # into a new file: the first one may be sent now
    assert payloads(spool) == [word.encode() for word in words]
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files_of(spool))


def test_the_spool_is_bounded_and_keeps_the_oldest(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", max_bytes=1000)
    assert [spool.add([report("x" * 300)]) for _ in range(4)] == [1, 1, 0, 0]
    assert spool.add([report("y" * 300)] * 3) == 0
    assert spool.add([replace(report("what was dropped"), kind="drops")]) == 1
    assert payloads(spool) == [b"x" * 300, b"x" * 300, b"what was dropped"]


@pytest.mark.parametrize("kept", range(0, 260, 13))
def test_a_report_that_was_being_written_is_whole_or_absent(tmp_path: Path, kept: int) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add([report("one")])
    (file,) = files_of(spool)
    whole = file.stat().st_size
    spool.add([report("two")])
    spool.let_go()
    with file.open("r+b") as opened:
        opened.truncate(min(file.stat().st_size - 1, whole + kept))
    assert payloads(Spool(spool.folder)) == [b"one"]


def test_a_damaged_record_is_passed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for word in ("one", "two", "three"):
        spool.add([report(word)])
    spool.let_go()
    (file,) = files_of(spool)
    file.write_bytes(file.read_bytes().replace(b"two", b"2wo"))
    (spool.folder / f"0-foreign-1{SUFFIX}").write_bytes(b"not one of ours")
    items = found_in(Spool(spool.folder))
    assert [item and item.payload for item in items] == [None, b"one", None, b"three"]


def test_what_may_have_been_sent_is_known_after_a_crash_and_what_is_settled_is_gone(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add([report(word) for word in ("one", "two", "three")])
    ((segment, is_own),) = spool.waiting()
    one, two, _ = segment.unsettled()
    segment.note_sent(two.end)
    segment.note_settled(one.end)
    assert is_own
    spool.let_go()
    items = found_in(Spool(spool.folder))
    assert [(i.payload, i.is_tried) for i in items if i] == [(b"two", True), (b"three", False)]


def test_what_a_living_process_holds_is_left_to_it(tmp_path: Path) -> None:
    one, other = Spool(tmp_path / "spool"), Spool(tmp_path / "spool")
    one.add([report("one")])
    other.add([report("other")])
    assert payloads(other) == [b"other"]
    one.let_go()
    assert payloads(other) == [b"one", b"other"]
    for segment, _ in other.waiting():
        other.remove(segment)
    assert other.is_empty()


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError):
        make_private(tmp_path / "link")
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    with pytest.raises(ConfigError):
        make_private(tmp_path / "real")


def test_without_a_home_the_spool_is_beside_temporary_files(tmp_path: Path) -> None:
    assert default_folder(tmp_path / "state", "shop") == tmp_path / "state/mendwire/spool/shop"
    file = tmp_path / "file"
    file.write_text("")
    found = default_folder(file / "state", "shop")
    assert found.parts[-3:] == (f"mendwire-{os.getuid()}", "spool", "shop")


@given(st.dictionaries(st.sampled_from(["error", "stack", "context", "frames", "x"]), json_values))
def test_any_report_fits(body: dict[str, Any]) -> None:
    body["error"] = "E: x"
    payload = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    trimmed = fitted(payload, 2000)
    assert len(trimmed) <= 2000 or len(payload) <= 2000
    assert json.loads(trimmed)["error"] == "E: x"


def test_the_largest_is_trimmed_first_and_arguments_before_frames() -> None:
    frames = [{"file": "a.py", "line": n, "arguments": {"x": "y" * 50}} for n in range(60)]
    body = {"error": "E: x", "type": "E", "stack": "s" * 900, "frames": frames, "release": "r"}
    found = json.loads(fitted(json.dumps(body).encode(), 4000))
    assert found["stack"] == body["stack"]
    assert len(found["frames"]) == 60
    assert all("arguments" not in frame for frame in found["frames"])
    assert found["trimmed"] is True
    assert (found["type"], found["release"]) == ("E", "r")


def test_a_trimmed_report_is_keyed_as_it_leaves() -> None:
    body = json.dumps({"error": "E: x", "stack": "at f (a.js:1:1)\n" + "x\n" * 5000}).encode()
    once = outgoing(body, NAMES, "staging", 4000)
    assert once.is_trimmed
    assert outgoing(once.payload, NAMES, "staging", 4000).msg_id == once.msg_id


class Attribute(Exception):
    def __init__(self, code: int) -> None:
        super().__init__("same")
        self.code = code


class Slot(Exception):
    __slots__ = ("status",)

    def __init__(self, code: int) -> None:
        super().__init__("same")
        self.status = code


class Property(Exception):
    def __init__(self, code: int) -> None:
        super().__init__("same")
        self.found = code

    @property
    def sqlstate(self) -> str:
        return str(self.found)


class Asked(Property):
    def __getattr__(self, name: str) -> object:
        if name == "pgcode":
            return self.found
        raise AttributeError(name)


@pytest.mark.parametrize("kind", [Attribute, Slot, Property, Asked, OSError])
def test_a_code_tells_apart_however_an_exception_carries_it(kind: Callable[..., Exception]) -> None:
    one, same, other = (
        rough_key(kind(code, "same") if kind is OSError else kind(code)) for code in (4, 4, 5)
    )
    assert one == same
    assert one != other


def test_a_code_that_is_given_later_tells_apart() -> None:
    keys = []
    for code in (None, 4, 5):
        problem = ValueError("same")
        if code is not None:
            problem.code = code  # type: ignore[attr-defined]  # as hosts do
        keys.append(rough_key(problem))
    assert len(set(keys)) == 3


texts = st.text() | st.sampled_from(["password=hunter22", "ValueError: x", "f.py"])


@given(
    texts.filter(str.strip) | st.just("a\udc80b"),
    st.lists(st.dictionaries(texts, texts | st.integers()), max_size=4),
)
def test_a_decoded_report_is_keyed_as_its_bytes(
    error: str, arguments: list[dict[str, str | int]]
) -> None:
    """Also where a name of a file is no text, and a value a secret."""
    frames: list[Any] = [
        {"file": error, "line": 3, "function": "f", "in_app": True, "arguments": given}
        for given in arguments
    ]
    read = json.loads(json.dumps({"error": error, "frames": frames}))
    made = outgoing_calls(read, NAMES, "staging", 10**6)
    again = outgoing(made.payload, NAMES, "staging", 10**6)
    assert (made.payload, made.msg_id, made.issue) == (again.payload, again.msg_id, again.issue)
    assert made.report == again.report
    for before, frame in zip(arguments, json.loads(made.payload)["frames"], strict=True):
        is_secret = "password=hunter22" in (*before, *before.values())
        assert frame["arguments"] in ((None, None) if is_secret else (None, before))


@given(st.floats(min_value=0, max_value=4e9))
def test_a_moment_is_written_as_datetime_writes_it(at: float) -> None:
    exact = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    assert moment(at)[:19] == exact[:19] or abs(round(at) - at) < 1e-5
    read = datetime.fromisoformat(moment(at)).timestamp()
    assert abs(read - at) < 0.0011


def outbox_at(folder: Path, max_bytes: int = 10**6) -> Outbox:
    target = Target(
        surroundings=read_environment({}, folder),
        names=NAMES,
        environment="staging",
        spool=Spool(folder / "spool", max_bytes=max_bytes),
    )
    return Outbox(target, Tally(60), Guard())


def occurrence(text: str) -> tuple[BaseException, Taken]:
    try:
        raise ValueError(text)  # noqa: TRY301 - it is to be raised here
    except ValueError as problem:
        return problem, taken(problem, {}, {"level": "error"}, Guard())


def put(outbox: Outbox, text: str) -> bool:
    problem, found = occurrence(text)
    key = rough_key(problem)
    seen = outbox.tally.admit(key)
    return seen is not None and outbox.put(key, seen, found)


def accounted(outbox: Outbox) -> bool:
    ledger = outbox.ledger
    told = ledger.stored + ledger.counted + ledger.spooled + ledger.dropped + outbox.waiting
    return outbox.tally.captured + ledger.adopted == told


def test_the_queue_is_bounded_and_says_what_it_dropped(tmp_path: Path) -> None:
    outbox = outbox_at(tmp_path)
    queued = [put(outbox, _word(number)) for number in range(MAX_QUEUED + 5)]
    assert queued.count(True) == MAX_QUEUED
    assert outbox.ledger.reasons() == {"queue full": 5}
    assert accounted(outbox)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(0, 12_000),
    st.lists(
        st.integers(0, 12) | st.sampled_from(["store", "digest", "counts", "take", "sent", "end"]),
        max_size=40,
    ),
)
def test_every_occurrence_is_accounted_for(max_bytes: int, steps: list[int | str]) -> None:
    with TemporaryDirectory() as folder:
        outbox = outbox_at(Path(folder), max_bytes)
        for step in steps:
            if isinstance(step, int):
                put(outbox, _word(step))
            elif step == "digest":
                outbox.digest()
            elif step == "take":
                outbox.ready.extend(outbox.take_counts())
            elif step == "sent":
                _send_all(outbox)
            else:
                outbox.store(counts=step != "store", is_last=step == "end")
            assert accounted(outbox), step
        outbox.store(counts=True, is_last=True)
        assert outbox.waiting == 0
        assert accounted(outbox)
        found = [item for item in found_in(outbox.target.spool) if item]
        assert sum(item.occurrences for item in found) == outbox.ledger.spooled
        outbox.target.spool.let_go()


def _send_all(outbox: Outbox) -> None:
    """What the courier does, without a server: every answer is that it is stored."""
    while outbox.ready:
        item = outbox.ready.popleft()
        outbox.ledger.in_hand -= item.occurrences
        if item.kind == "count":
            outbox.ledger.counted += item.occurrences
        elif item.kind == "report":
            outbox.ledger.stored += 1


def _word(number: int) -> str:
    """Letters only: digits are masked by the signature."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def test_where_nothing_can_be_written_memory_keeps_what_it_can(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    outbox = outbox_at(tmp_path)
    for number in range(100):
        put(outbox, _word(number))
    outbox.store(counts=True)
    assert (outbox.waiting, outbox.ledger.dropped) == (100, 0)
    assert accounted(outbox)
    outbox.store(counts=True, is_last=True)
    assert (outbox.waiting, outbox.ledger.dropped) == (0, 100)
    assert all(
        "spool not writable" in reason or "exit" in reason for reason in outbox.ledger.reasons()
    )


def test_at_the_end_of_the_time_what_is_not_scrubbed_is_counted_as_dropped(tmp_path: Path) -> None:
    outbox = outbox_at(tmp_path)
    for number in range(50):
        put(outbox, _word(number))
    outbox.store(counts=True, until=0.0, is_last=True)
    assert outbox.ledger.reasons() == {"no time at exit": 50}
    (told,) = [item for item in found_in(outbox.target.spool) if item]
    assert json.loads(told.payload)["dropped"] == {"no time at exit": 50}
    assert not put(outbox, "late")
    assert accounted(outbox)


def test_the_guard_swallows_counts_and_is_not_entered_twice() -> None:
    guard = Guard()

    def broken() -> bool:
        raise OSError("secret text")

    assert guard.run(broken, otherwise=False) is False
    assert (guard.swallowed, guard.last) == (1, "OSError")
    assert guard.once(lambda: not guard.once(lambda: True))


def test_the_release_is_found_where_platforms_put_it() -> None:
    assert release_of({}) == "unknown"
    assert release_of({"GITHUB_SHA": "abc"}) == "abc"
    assert release_of({"GITHUB_SHA": "abc", "MENDWIRE_RELEASE": " 1.2 "}) == "1.2"


def test_the_face_is_the_same_before_and_after_the_package_is_imported() -> None:
    import mendwire

    sys.modules.pop("mendwire.capture", None)
    vars(mendwire).pop("capture", None)
    assert mendwire.capture() is False
    import mendwire.capture

    assert mendwire.capture() is False
    assert mendwire.flush is mendwire.capture.flush  # type: ignore[attr-defined]  # it is a package too


def test_a_policy_that_cannot_be_used_starts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    import mendwire

    assert not mendwire.init(scrub={"emails": "maybe"}, automatic=False)
    assert "scrub.emails is 'maybe'; write one of keep, mask, hash." in caplog.text
