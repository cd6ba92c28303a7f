"""`hardcap.start`: what a test of any framework uses."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import boto3
import pytest

import hardcap
from calls import eventually_dead, get, is_alive

#: An HTTP API's largest body through Lambda: 6,291,556 bytes less 31 of `{"statusCode": 200, "body": ""}`.
LARGEST = 6_291_525


@pytest.fixture(scope="module")
def app() -> Iterator[hardcap.Hardcap]:
    template = Path(__file__).parents[3] / "fixtures" / "packages" / "template.yaml"
    with hardcap.start(template, parameters={"Stage": "tried"}) as app:
        yield app


def test_an_api_responds_up_to_the_limit_and_fails_one_byte_beyond_it(app: hardcap.Hardcap) -> None:
    app.reset()
    status, body = get(f"{app.outputs['Url']}?size={LARGEST}")
    assert (status, len(body)) == (200, LARGEST)
    assert get(f"{app.outputs['Url']}?size={LARGEST + 1}") == (500, b'{"message":"Internal Server Error"}')
    assert get(f"{app.url}/sized") == (200, b"xxxxx")


def test_names_outputs_and_addresses_are_those_of_the_template(app: hardcap.Hardcap) -> None:
    assert app.outputs == {"Url": f"{app.url}/sized", "Table": app.tables["Orders"]}
    assert list(app.urls) == ["ServerlessHttpApi"]
    assert set(app.functions) == {"Sized"} and set(app.buckets) == {"Files"}
    assert (app.queues, app.topics, app.buses, app.parameters, app.secrets) == ({}, {}, {}, {}, {})
    assert app.environment["AWS_ENDPOINT_URL"] == app.aws_url
    assert app.environment["HARDCAP_OUTPUT_Table"] == app.tables["Orders"]


def test_logs_and_records_tell_what_happened_since_the_last_reset(app: hardcap.Hardcap) -> None:
    app.reset()
    assert (app.logs(), app.records()) == ([], [])
    get(f"{app.url}/sized?size=6300000")
    lines = [str(line) for line in app.logs("Sized")]
    assert any("tried: asked for 6300000 bytes" in line for line in lines), lines
    limits = [limit for limit in app.report()["rows"] if limit["refused"]]
    assert [limit["row"] for limit in limits] == ["lambda_sync_response"], app.report()
    app.reset()
    assert (app.logs(), app.records()) == ([], [])


def test_a_limit_that_was_changed_is_in_force_until_the_reset(app: hardcap.Hardcap) -> None:
    app.set_limit("lambda_sync_response", 1_000)
    assert get(f"{app.url}/sized?size=2000")[0] == 500
    app.reset()
    assert get(f"{app.url}/sized?size=2000")[0] == 200
    with pytest.raises(hardcap.HardcapError, match="lambda_sync_respons"):
        app.set_limit("lambda_sync_respons", 1)


def test_a_fault_is_injected_until_the_reset(app: hardcap.Hardcap) -> None:
    app.add_fault(fault="throttle", function="Sized")
    assert get(f"{app.url}/sized")[0] in (429, 500, 503)
    app.reset()
    assert get(f"{app.url}/sized")[0] == 200


def test_clients_reach_this_hardcap_whatever_the_settings_of_the_developer_are(
    app: hardcap.Hardcap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "expired")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    app.client("s3").put_object(Bucket=app.buckets["Files"], Key="a", Body=b"one")
    assert isinstance(app.session(), boto3.Session)
    stored = app.session().client("s3").get_object(Bucket=app.buckets["Files"], Key="a")
    assert stored["Body"].read() == b"one"
    app.resource("dynamodb").Table(app.tables["Orders"]).put_item(Item={"id": "1"})


def test_a_reset_empties_buckets_and_tables_and_can_keep_them(app: hardcap.Hardcap) -> None:
    s3, table = app.client("s3"), app.resource("dynamodb").Table(app.tables["Orders"])
    bucket = app.buckets["Files"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"one")
    s3.create_bucket(Bucket="another")
    s3.put_object(Bucket="another", Key="b", Body=b"two")
    table.put_item(Item={"id": "1"})

    app.reset(keep_data=True)
    assert (s3.list_objects_v2(Bucket=bucket)["KeyCount"], table.scan()["Count"]) == (1, 1)
    app.reset()
    assert (s3.list_objects_v2(Bucket=bucket)["KeyCount"], table.scan()["Count"]) == (0, 0)
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [bucket]
    table.put_item(Item={"id": "2"})
    assert table.scan()["Count"] == 1


def test_hardcap_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {F: {Type: AWS::Serverless::Function, Properties: {Timeout: 901}}}\n")
    with pytest.raises(hardcap.HardcapError) as error:
        hardcap.start(cwd=tmp_path)
    text = str(error.value)
    assert "hardcap did not start (exit code 1)" in text and "template.yaml:1" in text and "900" in text, text


def test_a_program_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, template: str) -> None:
    monkeypatch.setenv("HARDCAP_PROGRAM", "/nonexistent/hardcap")
    with pytest.raises(hardcap.HardcapError, match="HARDCAP_PROGRAM=/nonexistent/hardcap is not a program"):
        hardcap.start(template)


def test_stop_ends_the_process_and_its_functions_and_can_be_repeated(template: str) -> None:
    app = hardcap.start(template)
    assert get(f"{app.url}/sized")[0] == 200
    pid = app._process.pid
    app.stop()
    app.stop()
    assert not app.running and not is_alive(pid) and not app.log_file.exists()
    with pytest.raises(hardcap.HardcapError, match="hardcap has ended"):
        app.reset()


def test_hardcap_ends_with_a_process_that_is_killed(template: str) -> None:
    text = "import hardcap, sys, time; app = hardcap.start(sys.argv[1]); print(app._process.pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", text, template], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
    assert eventually_dead(pid)
