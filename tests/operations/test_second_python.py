"""Which other Python the gate takes for the quick tests, and what it says where it takes none."""

import sys

import pytest

from tests import second_python
from tests.second_python import Python

MINE = Python(sys.executable, (3, 12))


@pytest.fixture
def path(tmp_path, monkeypatch):
    """An empty folder that is all of the path, but for the shell's own tools."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setattr("os.get_exec_path", lambda: [str(folder)])
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(sys, "version_info", (3, 12, 4))
    return folder


@pytest.fixture
def called(tmp_path):
    """The lines that fake interpreters write."""
    return lambda: (tmp_path / "calls").read_text().splitlines()


@pytest.fixture
def fake(tmp_path, path):
    """An interpreter of some version, which makes environments of copies of itself and notes how it is called."""

    def made(name, version, *, tests=0, folder=path):
        file = folder / name
        file.write_text(
            "#!/bin/sh\n"
            f'case "$1 $2" in "-c import"*) echo {version}; exit 0;; esac\n'
            f'echo "$@" >> {tmp_path}/calls\n'
            'case "$*" in "-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python";; esac\n'
            f'case "$*" in "-m pytest"*) exit {tests};; esac\n'
        )
        file.chmod(0o755)
        return str(file)

    return made


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """This environment's interpreter: it does not install for what is named."""

    def made(refuses=""):
        file = tmp_path / "mine"
        refused = f'case "$*" in *{refuses}*) exit 1;; esac' if refuses else ""
        file.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{refused}\n')
        file.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(file))

    return made


def test_the_newest_other_version_comes_first(path, fake):
    """Old ones, the same one and one that does not start are left out."""
    others = {"python3": "3 13", "python3.11": "3 11", "python3.12": "3 12", "python3.9": "3 9", "python": "no version"}
    for name, version in others.items():
        fake(name, version)
    found = second_python.others(MINE)
    assert found == [Python(str(path / "python3"), (3, 13)), Python(str(path / "python3.11"), (3, 11))]


def test_without_a_second_python_the_gate_says_so_in_a_line_and_goes_on(path, capsys):
    assert second_python.main() == 0
    assert capsys.readouterr().out == (
        "No second Python (3.11 or newer) can be used here: the tests run on 3.12 alone.\n"
    )


@pytest.mark.parametrize("status", [0, 1])
def test_the_status_is_that_of_the_tests(fake, pip, called, capsys, status):
    pip()
    fake("python3.13", "3 13", tests=status)
    assert second_python.main() == status
    assert called()[-1].startswith("-m pytest -q -m not slow")
    assert "on Python 3.13" in capsys.readouterr().out


def test_packages_are_installed_once_and_again_when_the_list_changes(fake, pip, called, monkeypatch):
    pip()
    fake("python3.13", "3 13")
    second_python.main()
    venv, install, tests = called()
    assert venv.startswith("-m venv --clear --without-pip") and "-c constraints.txt -e ." in install
    second_python.main()
    assert called()[3:] == [tests]
    monkeypatch.setattr(second_python, "NEEDS", (*second_python.NEEDS, "another"))
    second_python.main()
    assert called()[4:] == [venv, f"{install} another", tests]


def test_a_python_that_the_packages_are_not_made_for_does_not_stop_the_gate(fake, pip, called, capsys):
    pip(refuses="second-3.14")
    fake("python3.14", "3 14")
    fake("python3.11", "3 11")
    assert second_python.main() == 0
    said = capsys.readouterr().out
    assert "Python 3.14" in said and "does not take the packages" in said and "on Python 3.11:" in said
    second_python.main()
    refused = [line for line in called() if line.startswith("-m pip") and "second-3.14" in line]
    assert len(refused) == 2, "it is tried again"
