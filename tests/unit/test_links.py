"""Which links leave a tree, held against what the file system itself resolves."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendwire.execution.links import outside_links


@pytest.mark.parametrize(
    ("targets", "outside"),
    [
        ({"a": "b"}, set()),
        ({"a": "/etc"}, {"a"}),
        ({"a": ".."}, {"a"}),
        ({"a/b": ".."}, set()),
        ({"a/b": "../.."}, {"a/b"}),
        ({"a": "b/..", "b": "c/d"}, set()),
        ({"a": "b/../..", "b": "c"}, {"a"}),
        ({"a": "b/../..", "b": "c/d"}, set()),
        ({"a": "b", "b": "a"}, {"a", "b"}),
        ({"a": "b", "b": "/x"}, {"a", "b"}),
        ({"a": ""}, set()),
    ],
)
def test_table(targets: dict[str, str], outside: set[str]) -> None:
    assert outside_links(targets) == outside


_targets = st.lists(st.sampled_from(["..", ".", "a", "b", "c", "d"]), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "d/c", "d/e"]), _targets.map("/".join)))
def test_no_link_that_is_left_leads_out(targets: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "outer", "root").resolve()
        (root / "d").mkdir(parents=True)
        inside = {path: where for path, where in targets.items() if (root / path).parent.is_dir()}
        for path, where in inside.items():
            (root / path).symlink_to(where)
        kept = inside.keys() - outside_links(inside)
        for path in inside.keys() - kept:
            (root / path).unlink()
        for path in kept:
            assert Path(os.path.realpath(root / path)).is_relative_to(root)
