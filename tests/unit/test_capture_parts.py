"""The parts of capture that need no server: bounds, copies, counts, the spool, trimming."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.capture.frames import frames_of
from mendwire.capture.guard import Guard
from mendwire.capture.occurrence import rough_key
from mendwire.capture.outbox import MAX_QUEUED, Outbox, Target
from mendwire.capture.outgoing import outgoing
from mendwire.capture.plain import Copier, NotPlain, shown
from mendwire.capture.release import release_of
from mendwire.capture.spool import Spool, Spooled, default_folder, make_private
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
        frames = frames_of(problem.__traceback__, str(Path(__file__).parent))
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
            return rough_key(problem, Guard())

    assert failing("a") == failing("a")
    assert failing("a") != failing("b")


def test_the_first_goes_out_and_the_rest_are_counted() -> None:
    clock = Clock()
    tally = Tally(60, clock)
    assert [tally.admit("k") for _ in range(4)] == [True, False, False, False]
    assert tally.take() == ()
    assert tally.bind("k", "sig", "issue")
    assert [(c.signature, c.issue, c.repeats) for c in tally.take()] == [("sig", "issue", 3)]
    assert tally.take() == ()
    clock.now += 61
    assert tally.admit("k")
    assert tally.bind("k", "sig", "issue")


def test_two_rough_keys_of_one_signature_are_one_kind() -> None:
    tally = Tally(60, Clock())
    for key in ("a", "b"):
        assert tally.admit(key)
    assert tally.bind("a", "sig", "issue")
    assert not tally.bind("b", "sig", "issue")
    assert not tally.admit("b")
    assert sum(count.repeats for count in tally.take()) == 2


def test_counts_from_many_threads_add_up() -> None:
    tally = Tally(60)
    tally.admit("k")
    tally.bind("k", "sig", "issue")
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


def test_a_window_of_many_kinds_is_bounded() -> None:
    tally = Tally(60)
    for number in range(10_000):
        tally.admit(number)
        tally.bind(number, f"s{number}", "i")
    tally.take()
    assert len(tally._rough) <= 2000
    assert len(tally._kinds) <= 2000


def report(text: str) -> Spooled:
    return Spooled(kind="report", environment="staging", payload=text.encode())


def test_the_spool_keeps_order_and_is_private(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a" / "spool")
    assert spool.is_empty()
    for word in ("one", "two\nlines", "three"):
        assert spool.add(report(word))
    found = [spool.read(file) for file in spool.waiting()]
    assert [item.payload for item in found if item] == [b"one", b"two\nlines", b"three"]
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in spool.waiting())


def test_the_spool_is_bounded(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", max_files=3)
    assert [spool.add(report("x")) for _ in range(5)] == [True, True, True, False, False]
    small = Spool(tmp_path / "small", max_bytes=10)
    assert [small.add(report("xxxxxx")) for _ in range(2)] == [True, False]


def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(report("one"))
    (spool.folder / "0-damaged.spooled").write_bytes(b"\xff not json")
    assert [item is None for item in map(spool.read, spool.waiting())] == [True, False]
    assert len(spool.waiting()) == 1


def test_one_process_sends_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(report("one"))
    with spool.sending() as first, Spool(spool.folder).sending() as second:
        assert (first, second) == (True, False)


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


def test_the_queue_is_bounded_and_says_what_it_dropped(tmp_path: Path) -> None:
    target = Target(
        surroundings=read_environment({}, tmp_path),
        names=NAMES,
        environment=None,
        spool=Spool(tmp_path / "spool"),
    )
    outbox = Outbox(target, Tally(60), Guard())
    queued = [outbox.put(number, {"error": f"E: {number}"}) for number in range(MAX_QUEUED + 5)]
    assert queued.count(True) == MAX_QUEUED
    assert outbox.dropped == 5


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
