"""docs/how-to/stacks/java.md with a real JDK: what it pastes reports what it says."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway_stage import GatewayStage
from tests.stack_pages import (
    RELEASE,
    arrived,
    build,
    fetch,
    need,
    need_version,
    repeated,
    run,
    stack_page,
    stack_stage,
    told,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = stack_page("java")
POOL = r"""package shop;

import java.sql.SQLException;
import java.util.concurrent.Executors;

public class Pool {
    static void save() {
        throw new IllegalStateException("a \"b\" \\ \n \t \u0001 世界 \uD83E\uDD8A end",
            new SQLException("twice", "23505"));
    }

    public static void main(String[] arguments) throws Exception {
        Thread.setDefaultUncaughtExceptionHandler((thread, e) -> System.out.println("before"));
        Mendwire.install();
        var pool = Executors.newFixedThreadPool(1);
        pool.execute(Pool::save);
        pool.shutdown();
        try {
            throw new IllegalArgumentException("handled 17");
        } catch (IllegalArgumentException problem) {
            Mendwire.report(problem);
        }
        Mendwire.report("line 17", "line {}");
    }
}
"""

LIBRARIES = (
    "io.nats:jnats:2.25.0",
    "ch.qos.logback:logback-classic:1.5.34",
    "io.sentry:sentry:8.53.0",
)
KOTLIN = "org.jetbrains.kotlin:kotlin-compiler-embeddable:2.2.20"
WITH_LIBRARIES = r"""package shop;

import ch.qos.logback.classic.Logger;
import io.nats.client.Nats;
import io.sentry.Sentry;
import org.slf4j.LoggerFactory;

public class Libraries {
    static RuntimeException refused(int order) {
        return new IllegalStateException("refused " + order);
    }

    public static void main(String[] arguments) throws Exception {
        var log = (Logger) LoggerFactory.getLogger("shop");
        var appender = new MendwireAppender();
        appender.start();
        log.addAppender(appender);
        log.warn("no report");
        log.error("no price for order {}", 4711);
        log.error("no luck", refused(1));
        try (var nats = Nats.connect(System.getenv("NATS_URL"))) {
            var problem = new IllegalCallerException("by nats");
            for (int n = 0; n < 2; n++) Publisher.publish(nats, problem);
        }
        // SENTRY
        throw new UnsupportedOperationException("by sentry", refused(2));
    }
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    need("java", "jar")
    need_version((17, 0), "javac", "-version")
    async with stack_stage(tmp_path_factory.mktemp("gateway")) as made:
        yield made


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the classes of the page and of the second program are."""
    folder = tmp_path_factory.mktemp("java")
    PAGE.write(folder, "Mendwire.java")
    PAGE.write(folder, "Main.java")
    (folder / "Pool.java").write_text(POOL, encoding="utf-8")
    words = ("-encoding", "UTF-8", "-Xlint:all,-serial", "-Werror", "-d", "out")
    build(folder, "javac", *words, "Mendwire.java", "Main.java", "Pool.java")
    return folder / "out"


def packed(classes: Path, folder: Path, release: str) -> Path:
    """A jar whose manifest says the release."""
    folder.mkdir(parents=True)
    (folder / "manifest").write_text(f"Implementation-Version: {release}\n")
    build(folder, "jar", "cfm", "shop.jar", "manifest", "-C", str(classes), ".")
    return folder


async def test_an_uncaught_exception_has_the_keys_of_the_page(
    stage: GatewayStage, classes: Path, tmp_path: Path
) -> None:
    before = repeated(stage)
    for root, more in (("one/releases/1", []), ("two/current", ["17"])):
        folder = packed(classes, tmp_path / root, RELEASE)
        done = run(folder, "java", "-cp", "shop.jar", "shop.Main", *more, variables=told(stage))
        assert done.returncode == 1
        assert done.stdout.startswith('Exception in thread "main" shop.Main$NoPrice: no price for')
    (report,) = await arrived(stage)
    assert report.signature == PAGE.signatures[0]
    assert repeated(stage) == before + 1
    assert report.report.type == "shop.Main$NoPrice"
    assert report.record.types == ("shop.Main$NoPrice", "java.lang.NumberFormatException")
    assert [frame.function for frame in report.own] == ["shop.Main.main", "shop.Main.total"]


async def test_a_thread_of_a_pool_and_a_handled_exception_report_too(
    stage: GatewayStage, classes: Path, tmp_path: Path
) -> None:
    folder = packed(classes, tmp_path / "jar", "pool@1")
    done = run(folder, "java", "-cp", "shop.jar", "shop.Pool", variables=told(stage))
    assert done.stdout == "before\n"
    by_type = {one.report.type: one for one in await arrived(stage, "pool@1")}
    pooled = by_type["java.lang.IllegalStateException"]
    handled = by_type["java.lang.IllegalArgumentException"]
    assert pooled.report.code == "23505"
    assert 'a "b" \\ \n \t \x01 世界 🦊 end' in pooled.report.error
    assert pooled.own[-1].function == "shop.Pool.save"
    assert handled.record.template == "handled 17"
    assert by_type[""].record.template == "line {}"


async def test_a_gateway_that_is_away_harms_nothing(
    stage: GatewayStage, classes: Path, tmp_path: Path
) -> None:
    folder = packed(classes, tmp_path / "jar", "away@1")
    for away in ({}, {"MENDWIRE_GATEWAY": "http://127.0.0.1:9", "MENDWIRE_KEY": "x"}):
        done = run(folder, "java", "-cp", "shop.jar", "shop.Main", variables=away)
        assert done.returncode == 1
        assert "shop.Main$NoPrice" in done.stdout


def fetched(folder: Path, *artifacts: str) -> Path:
    """A folder of jars of these and of what they need."""
    need("mvn")
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, name, version in (artifact.split(":") for artifact in artifacts)
    )
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>shop</groupId><artifactId>shop</artifactId><version>1</version>"
        f"<dependencies>{wanted}</dependencies></project>"
    )
    words = ("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars")
    if run(folder, *words, "-o", variables=os.environ).returncode:  # some are not here yet
        fetch(folder, " ".join(artifacts), *words)
    return folder / "jars"


async def test_with_libraries_logback_nats_and_sentry_report(
    stage: GatewayStage, classes: Path, tmp_path: Path
) -> None:
    libraries = fetched(tmp_path, *LIBRARIES)
    for name in ("MendwireAppender.java", "Publisher.java"):
        PAGE.write(tmp_path, name)
    (tmp_path / "Libraries.java").write_text(
        WITH_LIBRARIES.replace("// SENTRY", PAGE.file("Sentry.java"))
    )
    path = f"{classes}:{libraries}/*"
    words = ("javac", "-cp", path, "-d", str(classes))
    build(tmp_path, *words, "MendwireAppender.java", "Publisher.java", "Libraries.java")
    packed(classes, tmp_path / "jar", "libraries@1")
    done = run(
        tmp_path,
        *("java", "-cp", f"jar/shop.jar:{libraries}/*", "shop.Libraries"),
        variables=told(stage) | {"NATS_URL": stage.server.url},
    )
    assert done.returncode == 1
    assert "java.lang.UnsupportedOperationException: by sentry" in done.stdout
    reports = await arrived(stage, "libraries@1")
    by_type = {one.report.type: one for one in reports}
    assert len(reports) == 4, done.stdout
    assert by_type[""].record.template == "no price for order {}"
    assert by_type["java.lang.IllegalStateException"].own[-1].function == "shop.Libraries.refused"
    assert by_type["java.lang.IllegalCallerException"].report.error.endswith("by nats")
    sentry = next(one for one in reports if "by sentry" in one.report.error)
    assert sentry.own[-1].function == "main"


async def test_kotlin_has_the_keys_of_the_page(
    stage: GatewayStage, classes: Path, tmp_path: Path
) -> None:
    libraries = fetched(tmp_path, KOTLIN)
    PAGE.write(tmp_path, "Main.kt")
    (runtime,) = libraries.glob("kotlin-stdlib-*.jar")
    compiler = ("-cp", f"{libraries}/*", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler")
    words = ("-no-stdlib", "-no-reflect", "-cp", f"{classes}:{runtime}", "-d", str(classes))
    build(tmp_path, "java", "-XX:TieredStopAtLevel=1", *compiler, *words, "Main.kt")
    packed(classes, tmp_path / "jar", RELEASE)
    path = f"jar/shop.jar:{runtime}"
    done = run(tmp_path, "java", "-cp", path, "shop.MainKt", variables=told(stage))
    assert done.returncode == 1, done.stdout
    (report,) = [one for one in await arrived(stage) if one.report.type == "shop.NoPrice"]
    assert report.signature == PAGE.signatures[1]
    assert [frame.function for frame in report.own] == ["shop.MainKt.main", "shop.MainKt.total"]
