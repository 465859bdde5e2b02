"""The strict reader of patches: what git writes is read to the byte, all else is refused."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mendwire.investigate.patch import UnreadablePatch, read_patch, without

NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=6
).filter(lambda name: name not in {".", ".."} and "git" not in name.casefold())
PATHS = st.lists(NAMES, min_size=1, max_size=2).map("/".join)
CONTENTS = st.one_of(
    st.text(st.sampled_from("ab -+@\\\n\r\t"), max_size=40).map(str.encode),
    st.binary(max_size=60),
    st.sampled_from([b"", b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n", b"diff --git a/x b/x\n"]),
)
FILES = st.dictionaries(PATHS, CONTENTS, max_size=4)


def git(folder: Path, *words: str) -> bytes:
    settings_ = ("-c", "core.autocrlf=false", "-c", "core.safecrlf=false")
    return subprocess.run(
        ["git", *settings_, *words], cwd=folder, check=True, capture_output=True
    ).stdout


def tree_of(folder: Path, files: dict[str, bytes]) -> str:
    for path in folder.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, content in files.items():
        with suppress(OSError):  # a name too long, or a file where a folder is
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    git(folder, "add", "-A")
    return git(folder, "write-tree").decode().strip()


@settings(max_examples=30, deadline=None)
@given(before=FILES, after=FILES, kept=st.booleans(), renames=st.booleans())
def test_what_git_writes_is_read_to_the_byte(
    before: dict[str, bytes], after: dict[str, bytes], kept: bool, renames: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git(folder, "init", "-q")
        old = tree_of(folder, before)
        new = tree_of(folder, {**before, **after} if kept else after)
        words = ("diff-tree", "-r", "--binary", "--full-index", "-M" if renames else "--no-renames")
        raw = git(folder, *words, "-p", old, new)
        names = git(folder, "diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new)
    patch = raw.decode(errors="surrogateescape")
    files = read_patch(patch)
    assert "".join(file.text for file in files) == patch
    paths = {path for file in files for path in file.paths}
    assert paths == set(names.decode(errors="surrogateescape").split("\0")) - {""}


@given(st.text())
def test_any_text_is_read_whole_or_refused(text: str) -> None:
    with suppress(UnreadablePatch):
        assert "".join(file.text for file in read_patch(text)) == text


GOOD = """\
diff --git a/shop/cart.py b/shop/cart.py
index 1111111..2222222 100644
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -1,2 +1,3 @@ def total():
 one
-two
+deux
+trois
diff --git "a/t\\303\\251.txt" "b/t\\303\\251.txt"
new file mode 100644
index 0000000..3333333
--- /dev/null
+++ "b/t\\303\\251.txt"
@@ -0,0 +1 @@
+é
\\ No newline at end of file
diff --git a/old name.py b/new name.py
similarity index 100%
rename from old name.py
rename to new name.py
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
diff --git a/empty b/empty
deleted file mode 100644
index e69de29..0000000
"""


def test_sections_are_told_apart() -> None:
    cart, text, renamed, run, empty = read_patch(GOOD)
    assert (cart.old, cart.new, cart.added, cart.removed) == (
        "shop/cart.py",
        "shop/cart.py",
        ("deux", "trois"),
        ("two",),
    )
    assert (text.old, text.new, text.new_mode) == (None, "té.txt", "100644")
    assert renamed.paths == ("old name.py", "new name.py")
    assert (run.old_mode, run.new_mode) == ("100644", "100755")
    assert (empty.old, empty.new) == ("empty", None)


def test_sections_can_be_left_out() -> None:
    rest = without(read_patch(GOOD), frozenset({"new name.py", "run.sh"}))
    assert [file.paths[0] for file in read_patch(rest)] == ["shop/cart.py", "té.txt", "empty"]


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_patch_never_crashes_the_reader(data: st.DataObject) -> None:
    lines = GOOD.splitlines(keepends=True)
    spot = data.draw(st.integers(0, len(lines) - 1))
    lines[spot : spot + 1] = data.draw(st.lists(st.sampled_from(lines), max_size=2))
    text = "".join(lines)
    with suppress(UnreadablePatch):
        assert "".join(file.text for file in read_patch(text)) == text


@pytest.mark.parametrize(
    "damage",
    [
        ("diff --git a/shop/cart.py b/shop/cart.py", "diff --git a/shop/cart.py b/.git/config"),
        ("--- a/shop/cart.py", "--- a/other.py"),
        ("+++ b/shop/cart.py", "+++ b/../../etc/passwd"),
        ("@@ -1,2 +1,3 @@", "@@ -1,2 +1,2 @@"),
        ("@@ -1,2 +1,3 @@", "@@ -1,9 +1,9 @@"),
        ("rename to new name.py", "rename to .git/hooks/pre-commit"),
        ("new mode 100755", "new mode rwx"),
        ("similarity index 100%", "surprise 100%"),
        ("+deux", "deux"),
        (GOOD[:10], "From: someone\n" + GOOD[:10]),
        ("deleted file mode 100644", "deleted file mode 100644\nnew file mode 100644"),
    ],
)
def test_what_does_not_agree_is_refused(damage: tuple[str, str]) -> None:
    with pytest.raises(UnreadablePatch):
        read_patch(GOOD.replace(*damage, 1))
