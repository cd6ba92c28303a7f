"""A boto3 session for one hardcap. Imported only if boto3 is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import botocore.session

if TYPE_CHECKING:
    from ._app import Hardcap


class _Session(boto3.Session):
    """Gives every client the endpoint: a session has no setting for it."""

    def __init__(self, endpoint_url: str, **options: Any) -> None:
        super().__init__(**options)
        self._endpoint_url = endpoint_url

    def client(self, *arguments: Any, **options: Any) -> Any:
        options.setdefault("endpoint_url", self._endpoint_url)
        return super().client(*arguments, **options)

    def resource(self, *arguments: Any, **options: Any) -> Any:
        options.setdefault("endpoint_url", self._endpoint_url)
        return super().resource(*arguments, **options)


def session(app: Hardcap) -> boto3.Session:
    """A session with the key ``test``, without a profile or a configuration file of the developer."""
    # An empty file: a profile of the developer names real accounts and endpoints.
    core = botocore.session.Session(session_vars={"config_file": (None, None, "/dev/null", None), "profile": (None, None, None, None)})
    core.set_config_variable("credentials_file", "/dev/null")
    return _Session(
        app.aws_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name=app.region,
        botocore_session=core,
    )
