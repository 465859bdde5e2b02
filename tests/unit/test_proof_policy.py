"""What a fix may not touch, and what it may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mendwire.investigate.patterns import matching
from mendwire.investigate.policy import BaseFiles, check_patch
from mendwire.investigate.testfiles import is_test, patterns_of
from mendwire.model.project import Policy

BASE = BaseFiles(
    modes={
        "shop/cart.py": "100644",
        "tests/test_cart.py": "100644",
        "link": "120000",
        "Makefile": "100644",
        "checks/verify_cart.py": "100644",
    },
    texts={"pytest.ini": "[pytest]\npython_files = verify_*.py\ntestpaths = checks shop\n"},
)


def new(path: str, *lines: str, mode: str = "100644") -> str:
    body = "".join(f"+{line}\n" for line in lines or ("x",))
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\nindex 0000000..1111111\n"
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{max(len(lines), 1)} @@\n{body}"
    )


def changed(path: str, old: str, *lines: str) -> str:
    body = "".join(f"+{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\nindex 1111111..2222222 100644\n"
        f"--- a/{path}\n+++ b/{path}\n@@ -1 +1,{len(lines)} @@\n-{old}\n{body}"
    )


def test_an_ordinary_fix_is_allowed() -> None:
    patch = changed("shop/cart.py", "total = a", "total = a or 0") + new("shop/more.py", "X = 1")
    assert check_patch(patch, BASE, Policy()) == ()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".git/config", "git's own folder"),
        ("a/.GIT/hooks/x", "git's own folder"),
        ("a/.git /x", "git's own folder"),
        ("a/GIT~1/x", "git's own folder"),
        ("a/.g\u200cit/x", "git's own folder"),
        ("/etc/passwd", "does not stay inside"),
        ("a/../../x", "does not stay inside"),
        ("a//x", "does not stay inside"),
        ("a\\\\x", "does not stay inside"),
        ("a\u202ex.py", "control or invisible"),
        ("link/x.py", "through the symbolic link"),
        (".github/workflows/x.yml", "may not be changed"),
        (".gitattributes", "may not be changed"),
        ("sub/.gitmodules", "may not be changed"),
        (".claude/agents/x.md", "may not be changed"),
        (".Claude/settings.json", "may not be changed"),
        ("claude.md", "may not be changed"),
        ("docs/AGENTS.md", "may not be changed"),
        (".mcp.json", "may not be changed"),
        ("mendwire.toml", "may not be changed"),
        ("sub/poetry.lock", "dependencies"),
        ("requirements-dev.txt", "dependencies"),
        ("conftest.py", "how the tests run"),
        ("tests/sub/conftest.py", "how the tests run"),
        ("src/usercustomize.py", "how the tests run"),
        ("jest.config.ts", "how the tests run"),
        ("json.py", "in place of the module json"),
        ("src/pytest/__init__.py", "in place of the module pytest"),
        ("tests/unittest.py", "in place of the module unittest"),
        ("shop/x.so", "compiled code"),
        ("Shop/cart.py", "letter case"),
    ],
)
def test_rule_b9_paths_that_are_refused(path: str, why: str) -> None:
    quoted = "\\" in path
    patch = new(path)
    if quoted:
        patch = patch.replace(f"a/{path} b/{path}", f'"a/{path}" "b/{path}"')
        patch = patch.replace(f"+++ b/{path}", f'+++ "b/{path}"')
    assert any(why in reason for reason in check_patch(patch, BASE, Policy())), patch


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("os._exit(0)", "ends the process"),
        ("sys.exit(0)", "ends the process with success"),
        ("sys.exit()", "ends the process with success"),
        ("raise SystemExit", "ends the process with success"),
        ("import _pytest.python", "reaches for the test runner"),
        ("if 'PYTEST_CURRENT_TEST' in os.environ:", "reaches for the test runner"),
        ("frame = sys._getframe(1)", "hooks into the interpreter"),
        ("process.exit(0)", "ends the process with success"),
    ],
)
def test_lines_that_are_refused(line: str, why: str) -> None:
    reasons = check_patch(changed("shop/cart.py", "x", line), BASE, Policy())
    assert any(why in reason for reason in reasons)
    assert check_patch(changed("shop/cart.py", line, f"{line} # moved"), BASE, Policy()) == ()


@pytest.mark.parametrize("line", ["sys.exit(2)", "raise SystemExit('no file')", "except KeyError:"])
def test_lines_that_are_no_reason(line: str) -> None:
    assert check_patch(changed("shop/cart.py", "x", line), BASE, Policy()) == ()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("@pytest.mark.skip", "skips"),
        ("    self.skipTest('x')", "skips"),
        ("it.skip('x', () => {", "skips"),
        ("test.only('x', () => {", "only some"),
        ("\tt.Skip()", "skips"),
        ("@pytest.mark.xfail(strict=False)", "expects a test to fail"),
        ("    assert True", "asserts nothing"),
        ("    assert 1, 'x'", "asserts nothing"),
        ("    expect(true).toBe(true)", "asserts nothing"),
        ("def pytest_runtest_makereport(item):", "plugin"),
        ("pytest_plugins = ['x']", "plugin"),
    ],
)
def test_weakening_lines_in_tests(line: str, why: str) -> None:
    reasons = check_patch(new("tests/test_new.py", line), BASE, Policy())
    assert any(why in reason for reason in reasons)


@pytest.mark.parametrize(
    "line",
    ["    assert 1 == total()", "    assert True is total()", "    assert skip_empty(x) == []"],
)
def test_honest_lines_in_tests(line: str) -> None:
    assert check_patch(new("tests/test_new.py", line), BASE, Policy()) == ()


def test_existing_tests_may_only_grow() -> None:
    reasons = check_patch(changed("tests/test_cart.py", "x", "y"), BASE, Policy())
    assert reasons == (
        "Lines of the existing test file tests/test_cart.py are changed or removed.",
    )
    none = replace(Policy(), allow_test_changes="none")
    assert "does not allow" in check_patch(new("tests/test_new.py"), BASE, none)[0]


def test_a_projects_own_conventions_are_read() -> None:
    patterns = patterns_of(BASE.texts)
    assert is_test("checks/verify_cart.py", patterns)
    assert is_test("checks/data.json", patterns)
    assert not is_test("shop/cart.py", patterns)
    toml = {"pyproject.toml": '[tool.pytest.ini_options]\npython_files = ["check_*.py"]\n'}
    assert is_test("a/check_x.py", patterns_of(toml))


@pytest.mark.parametrize(
    ("mode", "why"),
    [("120000", "symbolic link"), ("160000", "submodule"), ("100755", "file mode 100755")],
)
def test_rule_b9_kinds_that_are_refused(mode: str, why: str) -> None:
    assert any(why in reason for reason in check_patch(new("x", mode=mode), BASE, Policy()))


def test_what_policy_opens_is_open() -> None:
    policy = replace(Policy(), allow_new_dependencies=True, allow_mode_changes=True)
    assert check_patch(new("requirements.txt") + new("run.sh", mode="100755"), BASE, policy) == ()
    narrow = replace(Policy(), allow_paths=("shop/**",), deny_paths=("shop/secret/**",))
    assert check_patch(new("shop/x.py"), BASE, narrow) == ()
    assert "outside the paths" in check_patch(new("other/x.py"), BASE, narrow)[0]
    assert "denied by your policy" in check_patch(new("shop/secret/x.py"), BASE, narrow)[0]


def test_prose_may_speak_of_the_test_runner() -> None:
    line = "Run pytest; it ends with sys.exit(0)."
    assert check_patch(new("docs/testing.md", line), BASE, Policy()) == ()
    assert check_patch(new("shop/testing.py", line), BASE, Policy())


def test_an_unreadable_patch_is_a_breach() -> None:
    assert "cannot be read" in check_patch("rm -rf /\n", BASE, Policy())[0]


@pytest.mark.parametrize(
    ("path", "pattern", "covered"),
    [
        ("a/b.lock", "*.lock", True),
        ("a/b/c", "a/*", False),
        ("a/b/c", "a/**", True),
        ("a", "a/**", True),
        ("x/a/c", "a/**", True),
        ("x/a/c", "/a/**", False),
        ("a/b/c.py", "a/**/c.py", True),
        ("a/c.py", "a/**/c.py", True),
        ("A/C.py", "a/c.PY", True),
        ("anything", "**", True),
    ],
)
def test_patterns(path: str, pattern: str, covered: bool) -> None:
    assert (matching(path, (pattern,)) is not None) is covered
