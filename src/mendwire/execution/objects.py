"""What a repository of ours holds, read by our own git: files, history, differences."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mendwire.execution.borrowing import SCRATCH
from mendwire.execution.history import Blamed, Commit, read_blame, read_log
from mendwire.execution.known import Known
from mendwire.execution.links import outside_links
from mendwire.execution.plumbing import Git, text_of
from mendwire.execution.process import Completed
from mendwire.execution.unreadable import attributes_for, undecodable_paths

LINK: Final = "120000"
SUBMODULE: Final = "160000"


@dataclass(frozen=True, kw_only=True, slots=True)
class Objects:
    """Reading by names of commits and trees. Answers that cannot change are kept."""

    git_dir: Path
    known: Known = field(default_factory=Known, compare=False, repr=False)

    @property
    def git(self) -> Git:
        """Commands on our own objects, without a working tree."""
        return Git(cwd=self.git_dir, git_dir=self.git_dir)

    async def tree_of(self, commit: str) -> str:
        """The tree's name."""
        words = ("rev-parse", "--verify", f"{commit}^{{tree}}")
        return await self.known.get("tree", (commit,), lambda: self.git.line(*words))

    async def entries(self, commit: str) -> Mapping[str, str]:
        """Every path of a commit or tree, with its octal mode, e.g. ``100755`` or LINK."""
        return await self.known.get("entries", (commit,), lambda: self._entries(commit))

    async def list_files(self, commit: str) -> tuple[str, ...]:
        """Paths of the regular files of a commit or tree."""
        entries = await self.entries(commit)
        return tuple(path for path, mode in entries.items() if mode not in {LINK, SUBMODULE})

    async def read_file(self, commit: str, path: str) -> bytes | None:
        """A file's bytes as committed, or None when the commit has no such file."""
        mode = (await self.entries(commit)).get(path)
        return None if mode in {None, LINK, SUBMODULE} else await self._blob(commit, path)

    async def outside_links(self, commit: str) -> frozenset[str]:
        """Symbolic links of a commit or tree that lead out of it; no tree of ours has them."""
        links = [path for path, mode in (await self.entries(commit)).items() if mode == LINK]
        targets = {path: text_of((await self._blob(commit, path)).rstrip(b"\0")) for path in links}
        return outside_links(targets)

    async def log(
        self, commit: str, paths: Sequence[str] = (), *, limit: int = 30
    ) -> tuple[Commit, ...]:
        """At most ``limit`` commits that led to ``commit``, newest first, touching ``paths``."""
        words = ("log", "-z", f"--max-count={limit}", f"--format={Commit.FORMAT}", commit)
        done = await self.git(*words, "--", *paths)
        return read_log(text_of(done.stdout))

    async def commit_info(self, commit: str) -> Commit:
        """One commit; raises GitError when there is none of that name."""
        found = await self.known.get("info", (commit,), lambda: self.log(commit, limit=1))
        return found[0]

    async def contains(self, tip: str, commit: str) -> bool:
        """Whether ``commit`` is ``tip`` or comes before it; False where either is not here."""
        words = ("merge-base", "--is-ancestor", commit, tip)
        done = await self.git(*words, answers=range(256))
        return done.exit_code == 0

    async def messages(self, tip: str, *, since: str, limit: int = 100) -> dict[str, str]:
        """Whole messages of the commits that ``tip`` adds to ``since``, newest first, by name."""
        words = ("log", "-z", f"--max-count={limit}", "--format=%H%n%B", tip, f"^{since}", "--")
        output = text_of((await self.git(*words)).stdout)
        blocks = (block.partition("\n") for block in output.split("\0") if block)
        return {sha: message for sha, _, message in blocks}

    async def matches(
        self, commit: str, lines: Sequence[str], *, limit: int = 20
    ) -> tuple[tuple[str, int, str], ...]:
        """Places (path, line, text) of a commit whose line contains one of ``lines``."""
        wanted = [word for line in lines for word in ("-e", line)]
        words = ("grep", "-n", "-z", "-I", "-F", "--no-textconv", "--no-color", "--threads=1")
        done = await self.git(*words, *wanted, commit, "--", answers=(0, 1))
        rows = [row.split("\0", 2) for row in text_of(done.stdout).splitlines()[:limit]]
        return tuple((row[0].partition(":")[2], int(row[1]), row[2]) for row in rows)

    async def blame(
        self, commit: str, path: str, first: int = 1, last: int | None = None
    ) -> tuple[Blamed, ...]:
        """Which commit each line from ``first`` to ``last`` (1-based) comes from."""
        where = f"-L{first},{'' if last is None else last}"
        done = await self.git("blame", "--porcelain", where, commit, "--", path)
        return read_blame(text_of(done.stdout))

    async def diff(self, base: str, tree: str) -> str:
        """The unified diff from one commit or tree to another, with ``--binary``.

        Files that are not UTF-8 are shown as binary, so that the diff is always text.
        """
        raw = (await self._diff(base, tree)).stdout
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            names = await self.changed(base, tree)
        with tempfile.TemporaryDirectory(prefix="mendwire-attributes-") as folder:
            file = Path(folder, "attributes")
            file.write_bytes(attributes_for(undecodable_paths(raw, names)))
            return (await self._diff(base, tree, f"core.attributesFile={file}")).text

    async def changed(self, base: str, tree: str) -> tuple[str, ...]:
        """Paths that differ between two commits or trees."""
        return await self.known.get("changed", (base, tree), lambda: self._changed(base, tree))

    @asynccontextmanager
    async def scratch_index(self) -> AsyncIterator[Path]:
        """A path for an index file of one command sequence; gone afterwards."""
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix=SCRATCH, dir=self.git_dir)
        try:
            yield Path(folder, "index")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _entries(self, commit: str) -> dict[str, str]:
        done = await self.git("ls-tree", "-r", "-z", "--full-tree", commit)
        rows = (row.partition("\t") for row in text_of(done.stdout).split("\0") if row)
        return {path: head.split(" ", 1)[0] for head, _, path in rows}

    async def _changed(self, base: str, tree: str) -> tuple[str, ...]:
        words = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", base, tree)
        return tuple(filter(None, text_of((await self.git(*words)).stdout).split("\0")))

    async def _blob(self, commit: str, path: str) -> bytes:
        return (await self.git("cat-file", "blob", f"{commit}:{path}")).stdout

    async def _diff(self, base: str, tree: str, *settings: str) -> Completed:
        words = ("diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-color")
        how = ("--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
        return await self.git(*words, *how, base, tree, settings=settings)
