"""The fixtures, in runs of pytest of their own."""

import functools
import os
import signal
import subprocess
import sys

import pytest

from calls import eventually_dead, is_alive

HERE = os.path.dirname(__file__)
HEADER = f"""
import sys
sys.path.insert(0, {HERE!r})
from calls import get
"""


def run(pytester: pytest.Pytester, template: str, text: str, *arguments: str, ini: str = "") -> pytest.RunResult:
    pytester.makeini(f"[pytest]\nhardcap_template = {template}\n{ini}")
    pytester.makepyfile(HEADER + text)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


TWO_TESTS = """
seen = []
def test_one(hardcap):
    seen.append(hardcap.aws_url)
    hardcap.client("s3").put_object(Bucket=hardcap.buckets["Files"], Key="a", Body=b"one")
    hardcap.set_limit("lambda_sync_response", 100)
    assert get(hardcap.url + "/sized?size=200")[0] == 500
def test_two(hardcap):
    seen.append(hardcap.aws_url)
    assert hardcap.client("s3").list_objects_v2(Bucket=hardcap.buckets["Files"])["KeyCount"] == COUNT
    assert hardcap.records() == [] and hardcap.logs() == []
    assert get(hardcap.url + "/sized?size=200")[0] == 200
def test_three():
    assert len(set(seen)) == RUNS
"""


@pytest.mark.parametrize(
    ("scope", "reset", "runs", "count"),
    [("session", "all", 1, 0), ("session", "records", 1, 1), ("function", "all", 2, 0), ("module", "all", 1, 0)],
)
def test_each_test_finds_the_state_of_the_start(
    pytester: pytest.Pytester, template: str, scope: str, reset: str, runs: int, count: int
) -> None:
    text = TWO_TESTS.replace("COUNT", str(count)).replace("RUNS", str(runs))
    result = run(pytester, template, text, f"--hardcap-scope={scope}", ini=f"hardcap_reset = {reset}\n")
    result.assert_outcomes(passed=3)


def test_limits_numbers_and_parameters_come_from_the_configuration_and_the_command_line(
    pytester: pytest.Pytester, template: str
) -> None:
    text = """
def test_options(hardcap):
    assert hardcap.limits == "2018-01-01"
    assert get(hardcap.url + "/sized?size=1100")[0] == 500
    assert any("inner: asked" in str(line) for line in hardcap.logs())
"""
    ini = "hardcap_limits = current\nhardcap_set =\n  lambda_sync_response=1000000\nhardcap_parameters =\n  Stage=inner\n"
    result = run(
        pytester, template, text, "--hardcap-limits=2018-01-01", "--hardcap-set=lambda_sync_response=1_000", ini=ini
    )
    result.assert_outcomes(passed=1)


def test_options_of_a_fixture_come_first(pytester: pytest.Pytester, template: str) -> None:
    pytester.makeconftest(
        "import pytest\n@pytest.fixture(scope='session')\ndef hardcap_options():\n    return {'set': {'lambda_sync_response': 1000}}\n"
    )
    text = "def test_set(hardcap):\n    assert get(hardcap.url + '/sized?size=1100')[0] == 500\n"
    run(pytester, template, text).assert_outcomes(passed=1)


def test_the_environment_is_that_of_exec_for_one_test(
    pytester: pytest.Pytester, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    text = """
import functools
import os
import boto3
def test_inside(hardcap, hardcap_environment):
    assert "AWS_PROFILE" not in os.environ
    assert os.environ["HARDCAP_OUTPUT_Url"] == hardcap.outputs["Url"]
    assert boto3.client("s3").list_buckets()["Buckets"][0]["Name"] == hardcap.buckets["Files"]
def test_outside():
    assert os.environ["AWS_PROFILE"] == "production" and "HARDCAP_CONTROL" not in os.environ
"""
    run(pytester, template, text).assert_outcomes(passed=2)


def test_a_failed_test_shows_what_hardcap_logged_during_it(pytester: pytest.Pytester, template: str) -> None:
    text = """
def test_before(hardcap):
    get(hardcap.url + "/sized?size=11")
def test_fails(hardcap):
    assert get(hardcap.url + "/sized?size=6300000")[0] == 200
"""
    result = run(pytester, template, text)
    result.assert_outcomes(passed=1, failed=1)
    output = result.stdout.str()
    assert "hardcap's log during this test" in output and "asked for 6300000 bytes" in output
    assert "lambda_sync_response" in output and "asked for 11 bytes" not in output


def test_a_template_that_does_not_start_fails_each_test_with_the_reason(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("wrong.yaml").write_text("Resources:\n  F:\n    Type: AWS::Serverless::Functio\n    Properties: {Timeout: 901\n")
    result = run(pytester, "wrong.yaml", "def test_it(hardcap):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*hardcap did not start (exit code 1)*", "command: *hardcap up *", "*wrong.yaml:*"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_hardcap_ends_with_pytest_after_every_signal(pytester: pytest.Pytester, template: str, number: signal.Signals) -> None:
    pytester.makeini(f"[pytest]\nhardcap_template = {template}\n")
    pytester.makepyfile(
        HEADER + "import time\ndef test_it(hardcap):\n    get(hardcap.url + '/sized')\n"
        "    print(f'{hardcap._process.pid} started', flush=True)\n    time.sleep(600)\n"
    )
    command = [sys.executable, "-m", "pytest", "-s", "-q", "-p", "no:cacheprovider"]
    # A shell without job control starts background jobs with SIGINT ignored, and children inherit that.
    restore = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=restore) as run:
        assert run.stdout is not None
        line = next(line for line in run.stdout if line.endswith(" started\n"))
        pid = int(line.split()[0])
        assert is_alive(pid)
        run.send_signal(number)
    assert eventually_dead(pid)


def test_a_wrong_setting_is_named(pytester: pytest.Pytester, template: str) -> None:
    result = run(pytester, template, "def test_it(hardcap):\n    pass\n", ini="hardcap_reset = everything\n")
    assert "hardcap_reset: `everything` is not one of all, records, none" in result.stdout.str() + result.stderr.str()


def test_nothing_starts_for_tests_that_do_not_use_the_fixture(pytester: pytest.Pytester) -> None:
    run(pytester, "missing.yaml", "def test_it():\n    pass\n").assert_outcomes(passed=1)
