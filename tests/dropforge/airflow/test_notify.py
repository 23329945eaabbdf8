"""Notifiers of the spec: told what happened, each on its own, with their arguments as they were written."""

import email
import json
import socketserver
import threading
from types import SimpleNamespace

import pytest
from airflow.sdk import BaseNotifier

from dropforge.airflow.notify import OnFailure, OnPromotion
from dropforge.documents import UserError

HERE = __name__
SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"


class ToFile(BaseNotifier):
    """Writes to a file, as a notifier of one's own may."""

    template_fields = ("text",)

    def __init__(self, path, text):
        super().__init__()
        self.path, self.text = path, text

    def notify(self, context):
        with open(self.path, "a") as file:  # noqa: PTH123 - a path as text
            file.write(f"{self.text}\n")


class Broken(BaseNotifier):
    """Fails in a way that Airflow's own base class does not catch."""

    template_fields = ("text",)

    def __init__(self, text):
        super().__init__()
        self.text = text


def made(kind, **notifiers):
    return kind(json.dumps({f"{HERE}.{name}": arguments for name, arguments in notifiers.items()}))


def test_it_tells_with_airflows_own_context(tmp_path):
    file = tmp_path / "told.txt"
    callback = made(OnFailure, ToFile={"path": str(file), "text": "{{ what }} failed: $HOME +claim 100%"})
    callback({"what": "train"})
    assert file.read_text() == "train failed: $HOME +claim 100%\n"


def test_one_that_fails_keeps_no_other_from_being_told(tmp_path):
    file = tmp_path / "told.txt"
    callback = made(OnFailure, Broken={"text": "{{ 1 / 0 }}"}, ToFile={"path": str(file), "text": "told"})
    callback({})
    assert file.read_text() == "told\n"


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        ({"champion": "2", "previous": "1", "verdict": "2 beats 1"}, "wine: 2 after 1, 2 beats 1\n"),
        ({"champion": "1", "previous": None, "verdict": "1 is first"}, "wine: 1 after None, 1 is first\n"),
        ({"champion": "1", "previous": "1", "verdict": "1 stays"}, ""),
        ({"champion": None, "previous": None, "verdict": "nobody"}, ""),
        (None, ""),
    ],
)
def test_a_promotion_is_told_and_no_tick_that_changed_nothing(tmp_path, decision, told):
    file = tmp_path / "told.txt"
    file.touch()
    p = "promotion"
    text = f"{{{{ {p}.pipeline }}}}: {{{{ {p}.champion }}}} after {{{{ {p}.previous }}}}, {{{{ {p}.verdict }}}}"
    callback = made(OnPromotion, ToFile={"path": str(file), "text": text})
    task = SimpleNamespace(task_id="promote", dag_id="wine_promote", xcom_pull=lambda task_ids: decision)
    callback({"ti": task})
    assert file.read_text() == told


@pytest.mark.parametrize(
    ("notifiers", "message"),
    [
        ({"no.such.module.Notifier": {}}, "no such class"),
        ({f"{HERE}.Missing": {}}, "no such class"),
        ({"pathlib.Path": {}}, "no notifier"),
        ({"os.system": {}}, "no notifier"),
        ({f"{HERE}.ToFile": {"path": "a"}}, "missing 1 required positional argument: 'text'"),
        ({f"{HERE}.ToFile": {"path": "a", "text": "b", "to": "c"}}, "unexpected keyword argument 'to'"),
        ({SMTP: {}}, "missing"),
    ],
)
def test_a_mistake_shows_when_the_dag_is_read_and_names_its_place(notifiers, message):
    with pytest.raises(UserError, match=message) as caught:
        OnFailure(json.dumps(notifiers))
    (problem,) = caught.value.problems
    assert problem.path == f"airflow.on_failure.{next(iter(notifiers))}"
    assert problem.remedy


@pytest.fixture
def mailbox(monkeypatch):
    """A mail server that keeps what it gets, as the connection ``smtp_default``."""
    got = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line.split()[0].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    got.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
                if word == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        extra = "disable_ssl=true&disable_tls=true"
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", f"smtp://127.0.0.1:{server.server_address[1]}/?{extra}")
        yield got
        server.shutdown()


def test_a_notifier_of_a_provider_sends_its_mail(mailbox):
    callback = OnFailure(
        json.dumps(
            {SMTP: {"to": "me@a.b", "from_email": "us@a.b", "subject": "{{ what }} failed", "html_content": "sorry"}}
        )
    )
    callback({"what": "train"})
    mail = email.message_from_string(*mailbox)
    assert mail["Subject"] == "train failed"
    assert [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()] == [b"sorry"]
