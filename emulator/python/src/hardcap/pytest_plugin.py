"""The pytest plugin: the fixtures ``hardcap``, ``hardcap_options`` and ``hardcap_environment``."""

from __future__ import annotations

import os
from typing import Any, Generator, Iterator, TypedDict

import pytest

from ._app import Hardcap, HardcapError, start

_SCOPES = ("session", "package", "module", "class", "function")
_RESETS = ("all", "records", "none")
#: The report of a failed test shows at most this many bytes of hardcap's log.
_SHOWN_MAX = 16_384


class Options(TypedDict, total=False):
    """The value of the fixture ``hardcap_options``: the arguments of :func:`hardcap.start`."""

    template: str | None
    limits: str | None
    set: dict[str, int | str]
    parameters: dict[str, str]
    environment: dict[str, str]
    data: str | None
    arguments: list[str]
    cwd: str
    timeout: float


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hardcap", "AWS Lambda and API Gateway with their limits")
    group.addoption("--hardcap-template", metavar="FILE", help="the template that the fixture `hardcap` starts")
    group.addoption("--hardcap-limits", metavar="DATE", help="the day whose limits are in force: current, classic or YYYY-MM-DD")
    group.addoption("--hardcap-set", metavar="ROW=VALUE", action="append", help="another number for a limit; may be repeated")
    group.addoption("--hardcap-scope", choices=_SCOPES, help="the scope of one hardcap [default: session]")
    parser.addini("hardcap_template", "the template that the fixture `hardcap` starts, relative to this file")
    parser.addini("hardcap_limits", "the day whose limits are in force: current, classic or YYYY-MM-DD")
    parser.addini("hardcap_set", "other numbers for limits, ROW=VALUE a line", type="linelist")
    parser.addini("hardcap_parameters", "values for parameters of the template, NAME=VALUE a line", type="linelist")
    parser.addini("hardcap_environment", "variables of the process `hardcap`, NAME=VALUE a line", type="linelist")
    parser.addini("hardcap_arguments", "further arguments of `hardcap up`", type="args")
    parser.addini("hardcap_scope", f"the scope of one hardcap: {', '.join(_SCOPES)}", default="session")
    parser.addini("hardcap_reset", "the state that is reset before each test: all, records (data stays), none", default="all")


def _pairs(config: pytest.Config, name: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in config.getini(name):
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise pytest.UsageError(f"{name}: `{line}` is not NAME=VALUE")
        pairs[key.strip()] = value.strip()
    return pairs


def _choice(config: pytest.Config, name: str, choices: tuple[str, ...]) -> str:
    value: str = config.getini(name)
    if value not in choices:
        raise pytest.UsageError(f"{name}: `{value}` is not one of {', '.join(choices)}")
    return value


def _scope(fixture_name: str, config: pytest.Config) -> Any:
    return config.getoption("--hardcap-scope") or _choice(config, "hardcap_scope", _SCOPES)


def _configured(config: pytest.Config) -> Options:
    """The options of the command line and of pytest's configuration file."""
    options = Options(
        limits=config.getoption("--hardcap-limits") or config.getini("hardcap_limits") or None,
        set={**_pairs(config, "hardcap_set")},
        parameters=_pairs(config, "hardcap_parameters"),
        environment=_pairs(config, "hardcap_environment"),
        arguments=config.getini("hardcap_arguments"),
        # Not the folder in which pytest was called: a template belongs to the project.
        cwd=str(config.rootpath),
    )
    for pair in config.getoption("--hardcap-set") or []:
        row, equals, value = pair.partition("=")
        if not equals:
            raise pytest.UsageError(f"--hardcap-set: `{pair}` is not ROW=VALUE")
        options["set"][row] = value
    named = config.getoption("--hardcap-template")
    if named:
        options["template"] = str(config.invocation_params.dir / named)
    elif config.getini("hardcap_template"):
        folder = config.inipath.parent if config.inipath else config.rootpath
        options["template"] = str(folder / config.getini("hardcap_template"))
    return options


@pytest.fixture(scope="session")
def hardcap_options() -> Options:
    """Further options of the fixture `hardcap`, beside those of pytest. Override it in conftest.py."""
    return Options()


@pytest.fixture(scope=_scope)
def hardcap(hardcap_options: Options, pytestconfig: pytest.Config) -> Iterator[Hardcap]:
    """A running hardcap: urls, outputs, names, clients, logs. It is reset before each test and stopped at the end."""
    options = {**_configured(pytestconfig), **hardcap_options}
    try:
        app = start(**options)  # type: ignore[arg-type]
    except HardcapError as error:
        pytest.fail(str(error), pytrace=False)
    with app:
        yield app


@pytest.fixture(autouse=True)
def _hardcap_reset(request: pytest.FixtureRequest) -> None:
    """Resets hardcap before each test that uses it."""
    if "hardcap" not in request.fixturenames:
        return
    config = request.config
    reset = _choice(config, "hardcap_reset", _RESETS)
    app: Hardcap = request.getfixturevalue("hardcap")
    request.node.stash[_APP] = app
    request.node.stash[_LOG_START] = app.log_file.stat().st_size
    if reset != "none":
        try:
            app.reset(keep_data=reset == "records")
        except HardcapError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.fixture
def hardcap_environment(hardcap: Hardcap, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sets the variables that `hardcap exec` sets for its command (`AWS_ENDPOINT_URL`, `HARDCAP_OUTPUT_<NAME>` and others), for this test.

    Credentials, profiles and endpoints of your own are removed, so that code under test cannot reach AWS.
    """
    for name, value in hardcap.environment.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    return dict(os.environ)


_APP = pytest.StashKey[Hardcap]()
_LOG_START = pytest.StashKey[int]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Adds the log of hardcap during a failed test to its report."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed or call.when != "call" or _APP not in item.stash:
        return
    try:
        with open(item.stash[_APP].log_file, "rb") as log:
            log.seek(item.stash[_LOG_START])
            text = log.read(_SHOWN_MAX).decode("utf-8", "replace")
    except OSError:
        return
    if text:
        report.sections.append(("hardcap's log during this test", text))
