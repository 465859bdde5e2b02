"""docs/how-to/stacks/rust.md with the real cargo: what it pastes reports what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway_stage import GatewayStage
from tests.stack_pages import (
    RELEASE,
    arrived,
    build,
    need,
    need_version,
    repeated,
    run,
    stack_page,
    stack_stage,
    told,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = stack_page("rust")
MANIFEST = '[package]\nname = "shop"\nversion = "1.4.2"\nedition = "2021"\n\n'
THREADS = r"""mod mendwire;

fn main() {
    mendwire::install();
    let gone = std::thread::spawn(|| {
        let text: Option<u8> = None;
        text.expect("a \"b\" \\ \n \t \u{1} 世界 🦊 end")
    });
    assert!(gone.join().is_err());
    let problem = std::fs::File::open("/nowhere").unwrap_err();
    let code = problem.raw_os_error().unwrap_or(0).to_string();
    let kind = std::any::type_name_of_val(&problem);
    mendwire::report(kind, &problem.to_string(), "", &code);
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    need("cargo")
    need_version((1, 81), "rustc", "--version")
    async with stack_stage(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def built(folder: Path, main: str = "", *, release: str = "") -> Path:
    """The program of the page, or another one with its module; its folder."""
    (folder / "src").mkdir(parents=True)
    (profile,) = PAGE.of("toml")
    (folder / "Cargo.toml").write_text(MANIFEST + profile)
    PAGE.write(folder, "src/mendwire.rs")
    PAGE.write(folder, "src/main.rs")
    if main:
        (folder / "src/main.rs").write_text(main, encoding="utf-8")
    variables = {"RELEASE": release} if release else {}
    build(folder, "cargo", "build", "--release", "--offline", "--quiet", variables=variables)
    return folder


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The program of the page, built at two places."""
    need("cargo")
    need_version((1, 81), "rustc", "--version")
    folder = tmp_path_factory.mktemp("rust")
    return [built(folder / root) for root in ("one/releases/1", "two/current")]


async def test_a_panic_has_the_keys_of_the_page_wherever_it_was_built(
    stage: GatewayStage, shops: list[Path]
) -> None:
    before = repeated(stage)
    for folder in shops:
        for cwd in (folder, folder / "src", Path("/")):
            done = run(cwd, str(folder / "target/release/shop"), variables=told(stage))
            assert done.returncode == 101
            assert "index out of bounds: the len is 3 but the index is 5" in done.stdout
    (report,) = await arrived(stage)
    assert report.signature == PAGE.signatures[0]
    assert repeated(stage) == before + 5
    assert [frame.function for frame in report.own] == ["main", "total"]
    assert report.own[-1].line == 9
    assert report.report.release == RELEASE


async def test_threads_codes_and_any_text(stage: GatewayStage, tmp_path: Path) -> None:
    folder = built(tmp_path / "shop", THREADS, release="v1-2-gabc")
    run(folder, "target/release/shop", variables=told(stage))
    panic, handled = await arrived(stage, "v1-2-gabc")
    assert panic.report.error == 'a "b" \\ \n \t \x01 世界 🦊 end'
    assert panic.own[-1].line == 7
    assert handled.report.type == "std::io::error::Error"
    assert handled.report.code == "2"


async def test_a_gateway_that_is_away_harms_nothing(stage: GatewayStage, shops: list[Path]) -> None:
    for gateway in ("", "http://127.0.0.1:9", "no address"):
        variables = told(stage) | {"MENDWIRE_GATEWAY": gateway}
        done = run(shops[0], "target/release/shop", variables=variables)
        assert done.returncode == 101
        assert "index out of bounds" in done.stdout
