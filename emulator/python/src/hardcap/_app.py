"""A running hardcap, and its start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Mapping, Sequence

from ._program import program

if TYPE_CHECKING:
    import boto3

#: The interval of looking for the ready file, in seconds.
_POLL = 0.01
#: The maximum time for stopping, in seconds, before hardcap is killed. hardcap has the same bound.
_STOPS_WITHIN = 20.0
#: The maximum part of the log in an error, in bytes.
_SHOWN_MAX = 16_384


class HardcapError(Exception):
    """hardcap did not start, has ended, or refused a request of its control API. The message contains the end of its log."""


@dataclass(frozen=True)
class LogLine:
    """A line that a function or the platform has logged."""

    #: When it was written, in milliseconds since 1970.
    at: int
    #: The function's name.
    function: str
    #: The log stream, one for each execution environment.
    stream: str
    #: The id of the request, if the execution environment was started for one or has received one.
    request_id: str | None
    #: The line without its end.
    text: str

    def __str__(self) -> str:
        return f"[{self.function}] {self.text}"


def start(
    template: str | os.PathLike[str] | None = None,
    *,
    limits: str | None = None,
    set: Mapping[str, int | str] | None = None,  # noqa: A002 -- the option's name
    parameters: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    data: str | os.PathLike[str] | None = None,
    arguments: Sequence[str] = (),
    cwd: str | os.PathLike[str] | None = None,
    timeout: float = 600.0,
) -> Hardcap:
    """Starts a template on free ports, with data in memory, and returns when everything listens.

    :param template: the template; without it, ``hardcap`` looks for one in ``cwd``.
    :param limits: the day whose limits are in force: ``current``, ``classic`` or ``YYYY-MM-DD``.
    :param set: other numbers for limits, by the names of their rows (``hardcap limits``).
    :param parameters: values for parameters of the template.
    :param environment: variables of the process ``hardcap``, beside those of this process.
    :param data: a folder to keep data in.
    :param arguments: further arguments of ``hardcap up``.
    :param cwd: the folder to start in.
    :param timeout: the maximum time for the start, in seconds. A template with a Rust function is compiled first.
    :raises HardcapError: if it does not start. The message contains its standard error.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="hardcap-"))
    except OSError as error:
        raise HardcapError(f"there is no folder for temporary files: {error}; set TMPDIR to a writable folder") from error
    try:
        command = [program(), "up", "--api-port", "0", "--aws-port", "0", "--stop-at-eof"]
        command += ["--ready-file", str(folder / "ready.json")]
        if limits is not None:
            command += ["--limits", limits]
        for name, value in (set or {}).items():
            command += ["--set", f"{name}={value}"]
        for name, value in (parameters or {}).items():
            command += ["--parameter", f"{name}={value}"]
        if data is not None:
            command += ["--data", os.fspath(data)]
        command += arguments
        if template is not None:
            command += ["--", os.fspath(template)]
        log_file = folder / "log.txt"
        with open(log_file, "wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                # Ctrl-C in a terminal ends the tests, and hardcap ends with them.
                start_new_session=True,
            )
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise HardcapError(f"hardcap cannot be started: {error}") from error
    app = Hardcap._of(process, command, folder)
    try:
        app._wait_until_ready(timeout)
    except BaseException:
        app.stop()
        raise
    return app


class Hardcap:
    """A running hardcap. It stops at :meth:`stop`, at the end of a ``with`` block, and when this process ends, however it ends."""

    #: The address of the first API or function URL, without a slash at its end; empty if the template has none.
    url: str
    #: The address of each API with its stage, and of each function URL, by logical id.
    urls: dict[str, str]
    #: The outputs of the template. URLs of its APIs are the local ones.
    outputs: dict[str, str]
    #: The names of functions, by logical id.
    functions: dict[str, str]
    #: The names of tables, by logical id.
    tables: dict[str, str]
    #: The names of buckets, by logical id.
    buckets: dict[str, str]
    #: The URLs of queues, by logical id.
    queues: dict[str, str]
    #: The ARNs of topics, by logical id.
    topics: dict[str, str]
    #: The names of event buses, by logical id.
    buses: dict[str, str]
    #: The names of parameters, by logical id.
    parameters: dict[str, str]
    #: The ARNs of secrets, by logical id.
    secrets: dict[str, str]
    #: The endpoint of the AWS APIs, for ``AWS_ENDPOINT_URL``.
    aws_url: str
    #: The control API, and the live page.
    control_url: str
    #: The region.
    region: str
    #: The day whose limits are in force.
    limits: str
    #: The variables that ``hardcap exec`` sets for its command. ``None`` is a variable to remove: a credential or an endpoint of your own.
    environment: dict[str, str | None]
    #: The log of hardcap.
    log_file: Path

    def __init__(self) -> None:
        raise TypeError("a Hardcap is started with hardcap.start")

    _process: subprocess.Popen[bytes]
    _command: list[str]
    _folder: Path

    @classmethod
    def _of(cls, process: subprocess.Popen[bytes], command: list[str], folder: Path) -> Hardcap:
        app = cls.__new__(cls)
        app._process, app._command, app._folder = process, command, folder
        app.log_file = folder / "log.txt"
        return app

    def _wait_until_ready(self, timeout: float) -> None:
        ready_file = self._folder / "ready.json"
        deadline = time.monotonic() + timeout
        while not ready_file.exists():
            if self._process.poll() is not None:
                raise HardcapError(self._explained(f"hardcap did not start (exit code {self._process.returncode})"))
            if time.monotonic() > deadline:
                raise HardcapError(self._explained(f"hardcap did not start within {timeout:g} seconds"))
            time.sleep(_POLL)
        ready = json.loads(ready_file.read_text("utf-8"))
        self.urls = {**ready["apis"], **ready["function_urls"]}
        self.url = next(iter(self.urls.values()), "")
        self.outputs = ready["outputs"]
        self.functions, self.tables, self.buckets = ready["functions"], ready["tables"], ready["buckets"]
        self.queues, self.topics, self.buses = ready["queues"], ready["topics"], ready["buses"]
        self.parameters, self.secrets = ready["parameters"], ready["secrets"]
        self.aws_url, self.control_url = ready["aws"], ready["control"]
        self.region, self.limits = ready["region"], ready["limits"]
        self.environment = ready["environment"]

    def _explained(self, what: str) -> str:
        """An error's text: what happened, the command, and the end of the log."""
        try:
            log = self.log_file.read_bytes()[-_SHOWN_MAX:].decode("utf-8", "replace").strip()
        except OSError:
            log = ""
        return f"{what}\ncommand: {subprocess.list2cmdline(self._command)}\n{log}".rstrip()

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stops hardcap and every process that it has started, and removes its log. Does nothing the second time."""
        if self._process.stdin is not None:
            # The end of its input ends it. A signal as well would be a second request, which ends it without a wait for its processes.
            self._process.stdin.close()
        try:
            self._process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Hardcap:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # Clients of the AWS APIs.

    def session(self) -> boto3.Session:
        """A boto3 session. Its clients and resources send requests to this hardcap only.

        :raises ModuleNotFoundError: if boto3 is not installed.
        """
        from ._session import session

        return session(self)

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of a service, such as ``s3``, ``dynamodb`` or ``lambda``."""
        return self.session().client(service, **options)  # type: ignore[call-overload]

    def resource(self, service: str, **options: Any) -> Any:
        """A boto3 resource of a service, such as ``s3`` or ``dynamodb``."""
        return self.session().resource(service, **options)  # type: ignore[call-overload]

    # The control API.

    def reset(self, *, keep_data: bool = False) -> None:
        """Returns to the state at the start, for the next test.

        Records, logs and waiting asynchronous events are deleted; limits and faults become those of the start; objects, items,
        parameters and secrets become those of the template. Functions stay, and so do warm execution environments.

        :param keep_data: keep objects, items, parameters, secrets and events.
        """
        self._control("POST", "reset" if keep_data else "reset?data=true")

    def logs(self, function: str | None = None) -> list[LogLine]:
        """The lines that functions have logged since the start or the last reset, oldest first.

        :param function: a function's logical id or name; without it, all of them.
        """
        query = "" if function is None else "?" + urllib.parse.urlencode({"function": self.functions.get(function, function)})
        lines = self._control("GET", f"logs{query}")["lines"]
        return [LogLine(line["at"], line["function"], line["stream"], line.get("request_id"), line["text"]) for line in lines]

    def records(self) -> list[dict[str, Any]]:
        """The records since the start or the last reset, oldest first: each limit that was measured, each refusal, each end."""
        records: list[dict[str, Any]] = self._control("GET", "records")["records"]
        return records

    def report(self) -> dict[str, Any]:
        """The report of the run: for each limit the highest measured value and the number of refusals."""
        report: dict[str, Any] = self._control("GET", "report")
        return report

    def set_limit(self, row: str, maximum: int) -> None:
        """Changes a limit until the next reset.

        :param row: its name, such as ``lambda_sync_response`` (``hardcap limits`` lists them).
        :param maximum: the number, in the row's unit.
        """
        self._control("PUT", f"limits/{urllib.parse.quote(row)}", {"max": maximum})

    def add_fault(self, **fault: Any) -> int:
        """Injects a fault until the next reset, such as ``add_fault(fault="throttle", function="Hello")``. Returns its id."""
        added = self._control("POST", "faults", fault)
        return int(added["id"])

    def advance_clock(self, seconds: float) -> None:
        """Moves hardcap's clock forward: retries become due, links and items expire."""
        self._control("POST", "clock/advance", {"millis": round(seconds * 1000)})

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        if not self.running:
            raise HardcapError(self._explained(f"hardcap has ended (exit code {self._process.returncode})"))
        request = urllib.request.Request(
            f"{self.control_url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        # The settings of an HTTP proxy are not for this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            response: IO[bytes]
            with opener.open(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise HardcapError(f"{method} {path}: {error.read().decode('utf-8', 'replace')}") from None

    def __repr__(self) -> str:
        return f"<Hardcap {self.url or self.aws_url} limits={self.limits}>" if hasattr(self, "aws_url") else "<Hardcap>"
