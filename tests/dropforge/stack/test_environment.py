"""The stack's secrets: made once, whole, and readable to their owner alone."""

import base64

import pytest

from dropforge.project import Project
from dropforge.stack.environment import environment
from dropforge.stack.ports import Addresses

FERNET = "AIRFLOW__CORE__FERNET_KEY"
SECRETS = (FERNET, "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")


@pytest.fixture
def secrets(tmp_path):
    """Return a function that gives the secrets of a start."""
    addresses = Addresses("127.0.0.1", {"airflow": 1, "mlflow": 2, "server": 3})

    def start():
        settings = environment(Project(tmp_path), addresses)
        return {name: settings[name] for name in SECRETS}

    return start


@pytest.fixture
def folder(tmp_path):
    return tmp_path / ".dropforge" / "keys"


def test_keys_are_made_once_and_are_their_owners_alone(secrets, folder):
    first = secrets()
    assert len({*first.values()}) == len(SECRETS)
    assert secrets() == first
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(file.name for file in folder.iterdir()) == ["fernet", "jwt", "session"]
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_a_key_that_a_crash_left_empty_is_made_anew(secrets, folder):
    first = secrets()
    (folder / "fernet").write_text("")
    second = secrets()
    assert len(base64.urlsafe_b64decode(second[FERNET])) == 32
    assert {name for name in SECRETS if second[name] != first[name]} == {FERNET}
    assert (folder / "fernet").stat().st_mode & 0o777 == 0o600


def test_a_crash_before_the_key_is_written_leaves_none(secrets, folder, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", crash)
        with pytest.raises(KeyboardInterrupt):
            secrets()
    assert not (folder / "fernet").exists()
    assert len(base64.urlsafe_b64decode(secrets()[FERNET])) == 32
