"""Which repository a report belongs to, and which file of it a frame means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mendwire.app.houses import house_named, house_serving, houses_of, rooms_of
from mendwire.errors import ConfigError
from mendwire.model.layout import Layout, home_of, homeless
from mendwire.model.report import ErrorReport, Frame
from mendwire.settings.config import Config, read_config

SHOP = Layout(
    name="shop",
    services=("shop", "shop-*"),
    paths=(("/app", "services/shop"), ("/app/vendor/ours", "libs/ours")),
    folder="services/shop",
)
BILLING = Layout(name="billing", services=("billing",), paths=(("/srv/billing/", ""),))
MAIL = Layout(name="mail", services=("mail", "shop-mail"), paths=(("/app/mail", "mail"),))
ALL = (SHOP, BILLING, MAIL)


def report(service: str = "", *files: str, **more: Any) -> ErrorReport:
    frames = tuple(Frame(file=file, function="f", **more) for file in files)
    return ErrorReport(error="KeyError: 1", service=service, frames=frames)


@pytest.mark.parametrize(
    ("service", "files", "home"),
    [
        ("shop", (), "shop"),
        ("shop-web", (), "shop"),
        ("shop-mail", (), "mail"),  # written out before a pattern
        ("billing", ("/app/x.py",), "billing"),  # the name before the paths
        ("", ("/app/mail/send.py",), "mail"),  # of two folders the longer one
        ("", ("/app/shop.py",), "shop"),
        ("stranger", ("/srv/billing/x.py",), "billing"),
        ("", ("/app/shop.py", "/srv/billing/x.py"), "billing"),  # the crash first
        ("", ("/app/shop.py", "/usr/lib/python3/json.py"), "shop"),
        ("stranger", ("/application/x.py",), ""),  # a folder, not a beginning
        ("", (), ""),
    ],
)
def test_the_service_decides_and_then_the_paths(
    service: str, files: tuple[str, ...], home: str
) -> None:
    found = home_of(ALL, report(service, *files))
    assert (found.name if found else "") == home


def test_two_services_of_one_name_are_told_apart_by_their_frames() -> None:
    twins = (
        Layout(name="old", services=("api",), paths=(("/old", ""),)),
        Layout(name="new", services=("api",), paths=(("/new", ""),)),
    )
    found = [home_of(twins, report("api", file)) for file in ("/new/x.py", "/other/x.py")]
    assert [one.name for one in found if one] == ["new", "old"]


def test_frames_of_libraries_decide_nothing() -> None:
    assert home_of(ALL, report("", "/app/vendor/x.py", in_app=False)) is None


def test_a_report_without_a_home_says_what_to_add() -> None:
    said = homeless(report("st\x1b[31mranger", "/opt/x.py"))
    assert "\x1b" not in said
    assert "its frames lie in /opt/x.py" in said
    assert "to services of one of the [[repositories]] in mendwire.toml" in said
    assert "add a path of its frames to paths" in homeless(report(""))


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("/app/pricing.py", "services/shop/pricing.py"),
        ("/app/vendor/ours/a.py", "libs/ours/a.py"),
        ("/app/missing.py", ""),  # a path that is known means that file, or none
        ("pricing.py", "services/shop/pricing.py"),  # its own folder before the rest
        ("/other/services/billing/tax.py", "services/billing/tax.py"),
        ("C:\\services\\billing\\tax.py", "services/billing/tax.py"),
    ],
)
def test_a_path_on_a_server_is_a_path_in_the_repository(file: str, found: str) -> None:
    tracked = (
        "services/shop/pricing.py",
        "services/billing/pricing.py",
        "services/billing/tax.py",
        "libs/ours/a.py",
        "a.py",
    )
    assert SHOP.find(file, tracked) == found


TOML = """
[project]
reruns = 7
test = ["make", "test"]
[worker]
concurrency = 3
[forge]
repository = "acme/all"
[[repositories]]
name = "shop"
repository = "../shop"
services = ["shop", "shop-*"]
paths = {"/app" = "services/shop"}
folder = "services/shop/"
test = ["make", "shop"]
concurrency = 1
[[repositories]]
name = "billing"
services = ["billing"]
forge = "acme/billing"
concurrency = 9
"""


def written(folder: Path, text: str) -> Config:
    (folder / "mendwire.toml").write_text(text)
    return read_config(folder / "mendwire.toml", folder)


def test_what_a_repository_leaves_out_is_as_under_project(tmp_path: Path) -> None:
    config = written(tmp_path, TOML)
    shop, billing = houses_of(config)
    assert shop.config.repository == (tmp_path / "../shop").resolve()
    assert (shop.config.project.test, shop.config.project.reruns) == (("make", "shop"), 7)
    assert (shop.config.forge.repository, shop.layout.folder) == ("acme/all", "services/shop")
    assert (billing.config.repository, billing.config.project.test) == (
        tmp_path.resolve(),
        ("make", "test"),
    )
    assert billing.config.forge.repository == "acme/billing"
    assert list(rooms_of(config)) == ["shop"]
    assert house_serving(config, "shop-web").name == "shop"
    for wrong, said in (("", "--service"), ("mail", "add it to services")):
        with pytest.raises(ConfigError, match=said):
            house_serving(config, wrong)
    with pytest.raises(ConfigError, match="There is no repository 'mail'"):
        house_named(config, "mail")


def test_one_repository_is_as_it_was(tmp_path: Path) -> None:
    config = written(tmp_path, "[project]\nreruns = 1\n")
    (only,) = houses_of(config)
    assert (only.name, only.config) == ("", config)
    assert house_serving(config, "anything") == only
    assert rooms_of(config) == {}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('name = "A b"', "pattern"),
        ('name = "a"\nfolder = "../x"', "no folder in the repository"),
        ('name = "a"\npaths = {"/app" = "/x"}', "no folder in the repository"),
        ('name = "a"\npaths = {"/" = "x"}', "no folder on a server"),
        ('name = "a"\n[[repositories]]\nname = "a"', "there twice"),
        ('name = "a"\n[specialists]\nremote = ["review"]', "works with one repository"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, lines: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        written(tmp_path, f"[[repositories]]\n{lines}\n")
