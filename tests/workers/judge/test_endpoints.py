"""Workers only ask the endpoint that staff chose, even if it redirects or its name gets another address."""

from __future__ import annotations

import openai
import pytest
from pytest_httpserver import HTTPServer

from workers.judge import endpoints

ELSEWHERE = (
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "file:///etc/passwd",
)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(httpserver: HTTPServer, status: int) -> None:
    """Only one request, with the key and the prompt, is sent, and it goes to the configured address."""
    stolen = {"Location": httpserver.url_for("/stolen")}
    httpserver.expect_request("/v1/chat/completions").respond_with_data("", status=status, headers=stolen)
    httpserver.expect_request("/stolen").respond_with_data("")
    with (
        endpoints.client(httpserver.url_for("/v1"), "secret", 5) as client,
        pytest.raises(openai.APIStatusError) as told,
    ):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hidden row"}])
    assert told.value.status_code == status
    assert [request.path for request, _ in httpserver.log] == ["/v1/chat/completions"]


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_redirect_to_another_network_is_not_followed(httpserver: HTTPServer, place: str) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_data("", status=307, headers={"Location": place})
    with endpoints.client(httpserver.url_for("/v1"), "secret", 5) as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="m", messages=[])
    assert len(httpserver.log) == 1
