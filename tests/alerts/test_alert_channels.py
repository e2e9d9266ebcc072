"""What each channel really sends, over real loopback connections; and that nothing leaks."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.conftest import Server
from tests.store.conftest import T0, make_anomaly, make_incident
from tocsin.alerts import build_alert, channels
from tocsin.config import ChannelSettings
from tocsin.errors import DeliveryError
from tocsin.model import Change, Slice

Z = "\u200b"
HOSTILE = "<!channel> @all *b* [x](https://y) & <i>"
SECRET = "hunter2" * 3


def payload(change: Change = Change.OPENED, **changes: Any) -> dict[str, Any]:
    part = Slice((("app", HOSTILE),))
    incident = make_incident(
        1, 2, **{"slice": part, "headline": f"down 62 %: {HOSTILE}", "details": {"unit": "ratio"}, **changes}
    )
    link = "https://tocsin.example"
    alert = build_alert(incident, change, [make_anomaly(2, slice=part)], at=T0, link=link, channels=("a",))
    return dict(alert.payload)


def send(url: str, content: dict[str, Any] | None = None, base: Path = Path()) -> None:
    channels.send(ChannelSettings.model_validate({"url": url}), content or payload(), base)


def test_a_webhook_gets_the_payload_itself_with_its_key(server: Server) -> None:
    content = payload()
    send(f"json://ann:{SECRET}@127.0.0.1:{server.port}/hook/a?+X-Team=growth&-zone=eu", content)
    (request,) = server.received
    assert (request.method, request.path) == ("POST", "/hook/a?zone=eu")
    assert request.json == content
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["idempotency-key"] == content["id"]
    assert headers["content-type"] == "application/json"
    assert headers["x-team"] == "growth"
    assert headers["authorization"] == "Basic YW5uOmh1bnRlcjJodW50ZXIyaHVudGVyMg=="


def test_a_webhook_can_be_put(server: Server) -> None:
    send(f"json://127.0.0.1:{server.port}?method=put")
    assert [(request.method, request.path) for request in server.received] == [("PUT", "/")]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (503, DeliveryError, "HTTP 503"),
        (404, DeliveryError, "HTTP 404"),
        (429, DeliveryError, "HTTP 429"),
        (301, DeliveryError, "HTTP 301"),
        (307, DeliveryError, "HTTP 307"),
        (400, channels.Refused, "HTTP 400"),
        (413, channels.Refused, "HTTP 413"),
        ("close", DeliveryError, "did not answer"),
        ("hang", DeliveryError, "did not answer"),
    ],
)
def test_a_webhook_that_does_not_accept_is_an_error(
    server: Server, answer: int | str, kind: type, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "TIMEOUT_SECONDS", 0.3)
    server.answers = [answer]
    with pytest.raises(DeliveryError, match=words) as caught:
        send(f"json://127.0.0.1:{server.port}/{SECRET}")
    assert type(caught.value) is kind
    assert len(server.received) == 1


def test_a_webhook_s_certificate_is_checked(server: Server) -> None:
    with pytest.raises(DeliveryError, match=r"did not answer \(SSL"):
        send(f"jsons://127.0.0.1:{server.port}/hook")
    assert server.received == []


def test_slack_gets_its_own_markup_with_harmless_values(led_to_server: Server) -> None:
    content = payload()
    send(f"slack://TAAAAAAAA/BBBBBBBBB/{SECRET}abc", content)
    (request,) = led_to_server.received
    assert request.host == "hooks.slack.com"
    assert request.json["attachments"][0]["text"] == (
        f"*down 62 %: &lt;{Z}!channel&gt; @{Z}all ∗b∗ [x](https:{Z}//y) &amp; &lt;i&gt;*\n\n"
        f"- app &lt;{Z}!channel&gt; @{Z}all ∗b∗ [x](https:{Z}//y) &amp; &lt;i&gt;: 0.8 % (expected 1.9 to 2.4 %)\n\n"
        "Mon 2 Mar 2026, 02:00 to 03:00 UTC · monitor ctr · severity high\n\n"
        f"Why: tocsin why {content['incident_id']}\n\n"
        f"<https://tocsin.example/incidents/{content['incident_id']}|Open the incident>"
    )


def test_google_chat_gets_its_own_markup_with_harmless_values(led_to_server: Server) -> None:
    content = payload()
    send(f"gchat://space/{SECRET}/token", content)
    (request,) = led_to_server.received
    assert request.host == "chat.googleapis.com"
    lines = request.json["text"].split("\n")
    assert lines[0] == f"*down 62 %: &lt;{Z}!channel&gt; @{Z}all ∗b∗ [x](https:{Z}//y) &amp; &lt;i&gt;*"
    assert lines[-1] == f"<https://tocsin.example/incidents/{content['incident_id']}|Open the incident>"


def test_teams_gets_an_adaptive_card_with_harmless_values(led_to_server: Server) -> None:
    content = payload()
    send(f"workflows://teams.example:443/flow/{SECRET}", content)
    card = led_to_server.received[0].json["attachments"][0]["content"]
    assert card["type"] == "AdaptiveCard"
    assert card["msteams"] == {"width": "full"}  # nobody is mentioned
    (block,) = card["body"]  # and no picture is fetched from anywhere
    lines = block["text"].split("\n")
    assert lines[0] == (f"**down 62 %: \\<{Z}\\!channel\\> @{Z}all ∗b∗ \\[x\\]\\(https:{Z}//y\\) & \\<i\\>**")
    assert lines[-1] == f"[Open the incident](https://tocsin.example/incidents/{content['incident_id']})"


@pytest.mark.parametrize(
    ("change", "action"),
    [("opened", "trigger"), ("updated", "trigger"), ("closed", "resolve"), ("retracted", "resolve")],
)
def test_pagerduty_gets_the_dedupe_key_and_resolves(led_to_server: Server, change: str, action: str) -> None:
    content = payload(Change(change))
    send(f"pagerduty://{SECRET}@apikey", content)
    request = led_to_server.received[0].json
    assert (request["event_action"], request["dedup_key"]) == (action, content["dedupe_key"])
    if action == "trigger":
        assert request["payload"]["summary"].endswith(f"down 62 %: <{Z}!channel> @{Z}all *b* [x](https:{Z}//y) & <i>")
        assert request["payload"]["severity"] == "critical"
        assert request["payload"]["source"] == "tocsin"


@pytest.fixture
def mailbox() -> Iterator[tuple[int, list[bytes]]]:
    """A mail server that accepts everything: its port, and the messages it got."""
    mails: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            for line in self.rfile:
                command = line[:4].upper()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")
                if command == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as mail_server:
        thread = threading.Thread(target=mail_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield mail_server.server_address[1], mails
        mail_server.shutdown()
        thread.join()


def test_e_mail_is_html_with_harmless_values(mailbox: tuple[int, list[bytes]]) -> None:
    port, mails = mailbox
    send(f"mailto://127.0.0.1:{port}?from=tocsin@site.example&to=ann@site.example&mode=insecure")
    mail = message_from_bytes(mails[0], policy=policy.default)
    assert mail["Subject"] == f"down 62 %: <{Z}!channel> @{Z}all *b* [x](https:{Z}//y) & <i>"
    part = mail.get_body(("html",))
    assert part is not None
    assert (
        f"<li>app &lt;{Z}!channel&gt; @{Z}all *b* [x](https:{Z}//y) &amp; &lt;i&gt;: "
        "0.8 % (expected 1.9 to 2.4 %)</li>" in part.get_content()
    )


def test_a_service_of_apprise_that_does_not_accept_is_an_error_with_its_status(led_to_server: Server) -> None:
    led_to_server.answers = [503]
    with pytest.raises(DeliveryError, match="HTTP 503"):
        send(f"slack://TAAAAAAAA/BBBBBBBBB/{SECRET}abc")
    led_to_server.answers = [400]
    with pytest.raises(channels.Refused, match="HTTP 400"):
        send(f"gchat://space/{SECRET}/token")


@pytest.mark.parametrize("url", [f"nosuch://{SECRET}", f"https://x.example/{SECRET}", f"slack://{SECRET}", ""])
def test_a_url_that_apprise_does_not_know_is_an_error(url: str) -> None:
    with pytest.raises(DeliveryError, match="none that Apprise understands"):
        send(url)


@pytest.mark.parametrize(
    "url",
    [
        f"slack://TAAAAAAAA/BBBBBBBBB/{SECRET}abc",
        f"gchat://{SECRET}/{SECRET}/{SECRET}",
        f"workflows://teams.example:443/{SECRET}/{SECRET}",
        f"pagerduty://{SECRET}@{SECRET}",
        f"mailto://ann:{SECRET}@127.0.0.1:1?to=ann@site.example&mode=insecure",
        f"nosuch://{SECRET}",
        f"json://ann:{SECRET}@127.0.0.1:PORT/{SECRET}",
        f"json://ann:{SECRET}@127.0.0.1:1/{SECRET}",
        f"json://{SECRET} {SECRET}/",
    ],
)
@pytest.mark.parametrize("answer", [200, 503, "close"])
def test_no_secret_reaches_a_log_or_an_error(
    led_to_server: Server, url: str, answer: int | str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    led_to_server.answers = [answer]
    said = ""
    try:
        send(url.replace("PORT", str(led_to_server.port)))
    except DeliveryError as error:
        shown = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        said = f"{error!r} {error} {shown!r} {vars(shown) if shown else ''}"
    assert SECRET not in said
    assert SECRET not in caplog.text
    logging.getLogger("apprise").warning("audible")  # nothing stays muted afterwards
    assert "audible" in caplog.text


def test_a_file_is_whole_named_by_its_id_and_written_again_without_effect(tmp_path: Path) -> None:
    channel = ChannelSettings(path="alerts/deep")
    content = payload()
    for _ in range(2):
        channels.send(channel, content, tmp_path)
    (file,) = (tmp_path / "alerts" / "deep").iterdir()
    assert file.name == f"{content['id']}.json"
    assert json.loads(file.read_text()) == content
    assert file.read_text().isascii()  # nothing hides in a file, either


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "alerts").write_text("")
    with pytest.raises(DeliveryError, match="folder cannot be used"):
        channels.send(ChannelSettings(path="alerts"), payload(), tmp_path)
