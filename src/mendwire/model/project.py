"""What the judge is told of a project: its commands and what a fix may change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class Runner(StrEnum):
    """How a test command reports; decides whether tests can be told apart by id."""

    PYTEST = "pytest"
    UNITTEST = "unittest"
    NPM = "npm"
    GO = "go"
    MAKE = "make"
    COMMAND = "command"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectCommands:
    """Argument vectors; ``{python}``, ``{repo}``, ``{tree}`` and ``{aux}`` are replaced in them."""

    test: tuple[str, ...] | None = None
    """The whole suite; None when there is none, and then no fix can be proven."""
    setup: tuple[str, ...] | None = None
    """Run once in each fresh tree before anything else."""
    reproduce: tuple[str, ...] | None = None
    """The operator's own way to make the error happen."""
    runner: Runner = Runner.COMMAND
    python: str = ""
    """The interpreter that ``{python}`` means; empty for the one that runs Mendwire."""
    why: str = ""
    """One line: where the test command comes from."""
    timeout_s: float = 600.0
    """Seconds for one run of one command."""
    reruns: int = 2
    """Further runs, after the first, that must agree with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a fix may change. ``*`` is within a folder, ``**`` across, a bare name anywhere."""

    max_files: int = 10
    max_lines: int = 400
    """Added and removed lines together."""
    allow_paths: tuple[str, ...] = ("**",)
    deny_paths: tuple[str, ...] = ()
    """Beside ``ALWAYS_DENIED``, which no setting opens."""
    allow_new_dependencies: bool = False
    allow_binary: bool = False
    allow_symlinks: bool = False
    allow_mode_changes: bool = False
    allow_test_changes: Literal["additive", "none"] = "additive"
    """Existing tests may be added to, or tests may not be touched at all."""


ALWAYS_DENIED: Final = (
    ".git*",
    ".github/**",
    ".gitlab/**",
    ".gitlab-ci*",
    ".circleci/**",
    ".buildkite/**",
    ".ci/**",
    ".woodpecker*",
    ".travis.yml",
    ".drone.yml",
    "azure-pipelines*.yml",
    "bitbucket-pipelines.yml",
    "Jenkinsfile",
    ".pre-commit-*",
    ".husky/**",
    ".githooks/**",
    "lefthook.y*ml",
    ".claude/**",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "AGENTS.md",
    "GEMINI.md",
    ".cursor/**",
    ".cursorrules",
    ".mcp.json",
    ".vscode/**",
    ".idea/**",
    ".devcontainer/**",
    ".env",
    ".env.*",
    ".envrc",
    ".npmrc",
    ".yarnrc*",
    ".mendwire/**",
    "mendwire.toml",
)
"""What steers agents, continuous integration, editors or Mendwire itself (rules B8, B9)."""

MANIFESTS: Final = (
    "requirements*.txt",
    "requirements*.in",
    "requirements/**",
    "constraints*.txt",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "Pipfile",
    "Pipfile.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "pylock*.toml",
    "environment.y*ml",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "bun.lock*",
    "go.mod",
    "go.sum",
    "go.work*",
    "Cargo.toml",
    "Cargo.lock",
    "Gemfile*",
    "composer.json",
    "composer.lock",
    "pom.xml",
    "build.gradle*",
    "vendor/**",
    "node_modules/**",
)
"""Where dependencies are named, locked or kept."""

JUDGE_FILES: Final = (
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "noxfile.py",
    "setup.cfg",
    "pyproject.toml",
    ".coveragerc",
    "sitecustomize.py",
    "usercustomize.py",
    "*.pth",
    "*.egg-info/**",
    "*.dist-info/**",
    "package.json",
    "jest.config.*",
    "vitest.config.*",
    "vite.config.*",
    "karma.conf.*",
    ".mocharc*",
    ".babelrc*",
    "babel.config.*",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "go.mod",
    "go.work*",
)
"""What decides which tests run and how: these come from the base commit alone (rules B8)."""
