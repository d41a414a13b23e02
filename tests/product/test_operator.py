"""Every way is tried for real: HTTP against http.server, programs, functions, a terminal."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import pty
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sgprobe.exchange import Request, Response
from sgprobe.fileerror import FileError
from sgprobe.product.faults import Failed, Missing
from sgprobe.product.load import load_text
from sgprobe.product.operator import Operator
from tests.product.conftest import TODAY

HEAD = "product: a\nversion: 1\nrole: eim\nspec: SGP.32@1.2\noperator:\n"
ICCID = "98940000000000000050"  # as in messages; 8949000000000000005 in digits


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


async def ask(origin: str, request: Request) -> Response:
    """Send a request with urllib, which shares nothing with our own client."""

    def send() -> Response:
        headers = dict(request.headers)
        if request.media:
            headers["Content-Type"] = request.media
        made = urllib.request.Request(
            origin + request.path, request.body or None, headers, method=request.method
        )
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(made, timeout=60) as answer:
                return Response(answer.status, "", answer.read(), tuple(answer.headers.items()))
        except urllib.error.HTTPError as error:
            return Response(error.code, "", error.read(), tuple(error.headers.items()))

    return await asyncio.to_thread(send)


class Server:
    """An HTTP server that keeps what it was asked and answers what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        home = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                home.seen.append((self.command, self.path, dict(self.headers), body))
                status, headers, body = home.answers.pop(0) if home.answers else (200, {}, b"{}")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


Act = Callable[..., dict[str, Any]]


@pytest.fixture
def act(catalogue, tmp_path: Path) -> Act:
    """Load an `operator` and do one action by it."""

    def run(text: str, verb: str = "order", action: str = "enable", **how: Any) -> dict[str, Any]:
        product = load_text(HEAD + text, tmp_path / "a.yaml", catalogue, TODAY)
        operator = Operator(product.operator, how.pop("ask", ask), how.pop("tell", None))
        timeout = how.pop("timeout", 60.0)
        given = how.pop("given", {"eid": "8904", "iccid": "8949", "iccid-octets": ICCID, **how})
        return asyncio.run(operator.act(verb, action, given, timeout))

    return run


# --- HTTP ---


def test_a_body_is_made_by_mapping(act: Act, server: Server) -> None:
    server.answers = [(201, {}, b'{"id": 7, "list": [{"a": "x"}]}')]
    outputs = act(
        f"""\
  url: {server.url}/api/
  order:
    enable:
      rest:
        post: /orders
        path: [v1, $eid]
        query: {{iccid: $iccid, no: $~nothing}}
        headers: {{X-Kind: test}}
        body:
          eid: $eid
          number: 42
          text: "42"
          flags: [true, no, null, $rollback, $~nothing]
          gone: $~nothing
          nested: {{literal: $x}}
        take: {{order: body.id, first: body.list.0.a, last: body.list.-1.a, status: status}}
""",
        rollback=False,
    )
    assert outputs == {"order": 7, "first": "x", "last": "x", "status": 201}
    ((method, path, headers, body),) = server.seen
    assert (method, path) == ("POST", "/api/orders/v1/8904?iccid=8949")
    assert headers["X-Kind"] == "test"
    assert json.loads(body) == {
        "eid": "8904",
        "number": 42,
        "text": "42",
        "flags": [True, "no", None, False],
        "nested": "$x",
    }


def test_a_body_that_is_left_out_as_a_whole(act: Act, server: Server) -> None:
    act(f"  url: {server.url}\n  order: {{rest: {{post: /o, body: $~nothing}}}}\n")
    assert server.seen[0][3] == b"null"


def test_calls_know_the_outputs_of_earlier_ones(act: Act, server: Server) -> None:
    server.answers = [(303, {"Location": "/orders/a%2Fb"}, b""), (200, {}, b'{"s": "work"}')]
    outputs = act(
        f"""\
  url: {server.url}
  order:
    rest:
      - {{post: /orders, body: {{}}, expect: 303, take: {{order: header.Location}}}}
      - {{get: $order, take: {{state: {{from: body.s, words: {{work: open}}}}}}}}
"""
    )
    assert outputs == {"order": f"{server.url}/orders/a%2Fb", "state": "open"}
    assert [one[1] for one in server.seen] == ["/orders", "/orders/a%2Fb"]


def test_a_segment_stays_one_segment(act: Act, server: Server) -> None:
    text = f"  url: {server.url}\n  cancel: {{rest: {{delete: /orders, path: [$order]}}}}\n"
    act(text, "cancel", "order", given={"order": "../../admin?x=1#y"})
    assert server.seen[0][1] == "/orders/..%2F..%2Fadmin%3Fx%3D1%23y"


@pytest.mark.parametrize(
    ("answer", "take", "wanted"),
    [
        ((500, {}, b"out of order"), "{}", "status 500 out of order"),
        ((200, {}, b"<html>"), "{order: body.id}", "the answer is no JSON: <html>"),
        ((200, {}, b"[" * 100_000), "{order: body.id}", "the answer is no JSON"),
        ((200, {}, b"{}"), "{order: body.id}", "has no body.id for 'order'"),
        ((200, {}, b"{}"), "{order: header.location}", "has no header.location"),
        ((200, {}, b'{"s": "odd"}'), "{s: {from: body.s, words: {a: b}}}", "none of a"),
    ],
)
def test_what_a_product_does_wrong_is_a_failure(
    act: Act, server: Server, answer: Any, take: str, wanted: str
) -> None:
    server.answers = [answer]
    text = f"  url: {server.url}\n  order: {{rest: {{post: /o, body: {{}}, take: {take}}}}}\n"
    with pytest.raises(Failed) as found:
        act(text)
    assert wanted in str(found.value)
    assert len(str(found.value)) < 500


@pytest.mark.parametrize("order", ["", ".", ".."])
def test_a_segment_leads_nowhere_else(act: Act, server: Server, order: str) -> None:
    text = f"  url: {server.url}\n  cancel: {{rest: {{delete: /orders, path: [$order]}}}}\n"
    with pytest.raises(Failed, match="is no segment of a path"):
        act(text, "cancel", "order", given={"order": order})
    assert server.seen == []


@pytest.mark.parametrize("url", ["http:///x", "ftp://h/x", "http://h:x/", "http://h/\n"])
def test_an_answer_may_name_no_url(act: Act, server: Server, url: str) -> None:
    server.answers = [(200, {}, json.dumps({"next": url}).encode())]
    calls = "[{post: /o, body: {}, take: {next: body.next}}, {get: $next}]"
    with pytest.raises(Failed, match="is no URL"):
        act(f"  url: {server.url}\n  order: {{rest: {calls}}}\n")


def test_nobody_listens(act: Act) -> None:
    with pytest.raises(Failed, match="GET http://127.0.0.1:1/o: .*refused"):
        act("  order: {rest: {get: 'http://127.0.0.1:1/o'}}\n")


def test_an_outcome_has_a_state_that_is_known(act: Act, server: Server) -> None:
    text = f"  url: {server.url}\n  outcome: {{rest: {{get: /o%s}}}}\n"
    with pytest.raises(Failed, match="outcome has no output 'state'"):
        act(text % "", "outcome", "order")
    server.answers = [(200, {}, b'{"s": "perhaps"}')]
    with pytest.raises(Failed, match="the state is one of open, done, failed, not 'perhaps'"):
        act(text % ", take: {state: body.s}", "outcome", "order")


# --- secrets ---

SECRET = "hunter2hunter2"
WITH_SECRET = """\
  url: %s
  headers: {Authorization: {env: ACME_TOKEN}}
  order: {rest: [{post: /o, body: {}, take: {next: body.next}}, {get: $next}]}
"""


def test_a_secret_goes_to_its_origin_alone(
    act: Act, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_TOKEN", f"Bearer {SECRET}")
    other = Server()
    try:
        server.answers = [(200, {}, json.dumps({"next": other.url + "/x"}).encode())]
        act(WITH_SECRET % server.url)
        assert server.seen[0][2]["Authorization"] == f"Bearer {SECRET}"
        assert "Authorization" not in other.seen[0][2]
    finally:
        other.stop()


def test_a_secret_is_in_no_error_and_no_repr(
    act: Act, server: Server, monkeypatch: pytest.MonkeyPatch, catalogue, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACME_TOKEN", f"Bearer {SECRET}")
    server.answers = [(401, {}, f"wrong token {SECRET}, Bearer {SECRET}".encode())]
    with pytest.raises(Failed) as found:
        act(WITH_SECRET % server.url)
    assert SECRET not in str(found.value)
    assert "401 wrong token ***" in str(found.value)
    (tmp_path / "token").write_text(SECRET + "\n")
    text = HEAD + "  url: http://h\n  headers: {X-Token: {file: token}}\n"
    product = load_text(text, tmp_path / "a.yaml", catalogue, TODAY)
    assert SECRET not in repr(product)
    (_, hidden) = product.operator.headers[0]
    assert hidden.reveal() == SECRET


def test_a_secret_of_a_file_is_in_no_error_and_plain_headers_may_be(
    act: Act, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(SECRET + "\n")
    server.answers = [(403, {}, f"{SECRET} of visible-kind".encode())]
    with pytest.raises(Failed, match=r"403 \*\*\* of visible-kind"):
        act(
            f"  url: {server.url}\n"
            "  headers: {X-Token: {file: token}, X-Kind: visible-kind}\n"
            "  order: {rest: {post: /o}}\n"
        )


def test_a_secret_that_is_not_there_is_missing(
    act: Act, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_TOKEN", raising=False)
    with pytest.raises(Missing, match="the environment has no ACME_TOKEN"):
        act(WITH_SECRET % server.url)
    monkeypatch.setenv("ACME_TOKEN", "a\r\nX-Evil: 1")
    with pytest.raises(Missing, match="more than one line"):
        act(WITH_SECRET % server.url)
    assert server.seen == []


# --- what is missing ---


def test_no_way_is_told_with_what_to_add(act: Act) -> None:
    with pytest.raises(Missing, match=r"no way for order \(enable: eIM: an order of") as found:
        act("  restart: {fixed: {}}\n")
    assert found.value.add.startswith("`operator: {order: {enable: …}}` to ")


def test_an_input_that_is_not_given_is_told(act: Act) -> None:
    with pytest.raises(Missing, match=r"needs \$iccid\.x") as found:
        act("  url: http://127.0.0.1:1\n  order: {rest: {post: /o, body: {a: $iccid.x}}}\n")
    assert "the case gives $eid, $iccid" in found.value.add


# --- commands ---


def script(folder: Path, text: str) -> None:
    path = folder / "do.sh"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def test_a_command_gets_json_and_gives_json(act: Act, tmp_path: Path) -> None:
    script(
        tmp_path,
        """printf '{"got": %s, "arg": "%s", "verb": "%s"}' """
        '"$(cat)" "$1" "$SGPROBE_VERB"',
    )
    outputs = act("  order: {command: [./do.sh, $eid]}\n", rollback=True)
    assert outputs["arg"] == "8904"
    assert outputs["verb"] == "order"
    assert outputs["got"]["given"]["rollback"] is True
    assert (outputs["got"]["verb"], outputs["got"]["action"]) == ("order", "enable")


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("echo broken >&2; exit 3", Failed, "do.sh: exit code 3: broken"),
        ("exit 127", Missing, r"do.sh cannot order \(enable\)"),
        ("echo no json", Failed, "its output is no JSON object: no json"),
        ("echo '[1]'", Failed, "its output is no JSON object"),
        ("head -c 2000000 /dev/zero", Failed, "more than 1048576 octets"),
        ("sleep 60 & wait", Failed, "took longer than 0.5 s"),
    ],
)
def test_what_a_command_does_wrong(
    act: Act, tmp_path: Path, text: str, kind: type[Exception], wanted: str
) -> None:
    script(tmp_path, text)
    began = time.monotonic()
    with pytest.raises(kind, match=wanted):
        act("  order: {command: [./do.sh]}\n", timeout=0.5 if "sleep" in text else 60)
    # less than its child sleeps
    assert time.monotonic() - began < 45


def test_a_command_that_is_too_slow_is_ended_with_its_children(act: Act, tmp_path: Path) -> None:
    script(tmp_path, "sleep 60 & echo $! > child; wait")
    with pytest.raises(Failed):
        # time enough to begin the child
        act("  order: {command: [./do.sh]}\n", timeout=3.0)
    child = int((tmp_path / "child").read_text())
    for _ in range(600):
        try:
            state = Path(f"/proc/{child}/stat").read_text().split()[2]
        except OSError:
            break
        if state == "Z":
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("the child is still there")


def test_a_program_that_is_not_there(act: Act) -> None:
    with pytest.raises(Missing, match="no-such-program cannot be run: No such file"):
        act("  order: {command: [no-such-program]}\n")


def test_a_program_that_reads_nothing(act: Act) -> None:
    assert act("  order: {command: ['true']}\n", long="x" * 500_000) == {}


# --- Python ---


def test_functions_of_a_file(act: Act, tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text(
        "def act(verb, action, given):\n    return {'order': [verb, action, given['eid']]}\n"
        "async def later(verb, action, given):\n    return {'order': 'later'}\n"
        "def bad(verb, action, given):\n    raise KeyError('no\\nkey')\n"
        "def odd(verb, action, given):\n    return [1]\n"
        "def none(verb, action, given):\n    return None\n"
        "def no_json(verb, action, given):\n    return {'a': object()}\n"
    )
    way = "  order: {python: './adapter.py:%s'}\n"
    assert act(way % "act") == {"order": ["order", "enable", "8904"]}
    assert act(way % "later") == {"order": "later"}
    assert act(way % "none") == {}
    with pytest.raises(Failed, match=r"adapter.py:bad: KeyError: 'no\\nkey'"):
        act(way % "bad")
    with pytest.raises(Failed, match="returned list, not a mapping"):
        act(way % "odd")
    with pytest.raises(Failed, match="is no JSON"):
        act(way % "no_json")
    with pytest.raises(Missing, match="has no function other"):
        act(way % "other")


def test_modules(act: Act, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="cannot be imported: ModuleNotFoundError"):
        act("  order: {python: 'no_such_module:act'}\n")
    (tmp_path / "broken.py").write_text("def act(:\n")
    with pytest.raises(Missing, match="cannot be imported: SyntaxError"):
        act("  order: {python: './broken.py:act'}\n")


# --- a person ---

PROMPT = "  order: {prompt: Press the button, ask: {order: the number}}\n"


def test_a_person_acts_and_answers(act: Act) -> None:
    shown: list[str] = []

    def person(*lines: str | None) -> Any:
        left = list(lines)

        async def tell(text: str) -> str | None:
            shown.append(text)
            return left.pop(0)

        return tell

    assert act(PROMPT, tell=person("\n", " 42 \n")) == {"order": "42"}
    assert "Press the button" in shown[0]
    assert "eid: 8904" in shown[0]
    with pytest.raises(Failed, match="could not do it"):
        act(PROMPT, tell=person("n\n"))
    with pytest.raises(Failed, match="gave no 'order'"):
        act(PROMPT, tell=person("\n", "\n"))
    with pytest.raises(Missing, match="needs a person at a terminal"):
        act(PROMPT, tell=person(None))


def test_without_a_terminal_nobody_is_waited_for(act: Act, monkeypatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Missing, match="needs a person at a terminal"):
        act(PROMPT)


ALONE = """
import asyncio, os, sys
from sgprobe.product.person import terminal
# as a test runner has it: no standard stream is a terminal; a shell keeps the terminal open
shell = os.dup(0)
null = os.open(os.devnull, os.O_RDWR)
for stream in (0, 1, 2):
    os.dup2(null, stream)
said = asyncio.run(terminal("Press the button: "))
open(sys.argv[1], "w").write(repr(said))
"""


@pytest.mark.parametrize(
    ("typed", "environment", "wanted"),
    [(b"yes \xc3\xa9\n", {}, "'yes é\\n'"), (b"\x04", {}, "None"), (b"", {"CI": "1"}, "None")],
)
def test_a_terminal_is_found_though_the_streams_are_none(
    tmp_path: Path, typed: bytes, environment: dict[str, str], wanted: str
) -> None:
    result = tmp_path / "result"
    left_out = ("CI", "PYTEST_XDIST_WORKER")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    child, terminal = pty.fork()
    if child == 0:
        command = [sys.executable, "-c", ALONE, str(result)]
        os.execve(sys.executable, command, {**kept, **environment})
    try:
        if typed:
            shown = b""
            while b"button: " not in shown:
                shown += os.read(terminal, 1024)
            os.write(terminal, typed)
        os.waitpid(child, 0)
    finally:
        os.close(terminal)
    assert result.read_text("utf-8") == wanted


def test_nothing_is_done(act: Act) -> None:
    assert act("  order: {profile: {fixed: {matchingId: ABC-1}}}\n", action="profile") == {
        "matchingId": "ABC-1"
    }


def test_a_wrong_file_is_told_before_anything_is_done(act: Act) -> None:
    with pytest.raises(FileError):
        act("  order: {rest: {post: /o}}\n")


# --- outputs ---


def test_pieces_of_a_header_and_what_may_be_absent(act: Act, server: Server) -> None:
    server.answers = [(303, {"Location": "/psmo/lookup/7"}, b"{}")]
    outputs = act(
        f"""\
  url: {server.url}
  order:
    rest:
      post: /psmo/create
      expect: 303
      take:
        order: header.location.-1
        facility: header.location.-3
        none: ~body.x
        no: ~header.x
"""
    )
    assert outputs == {"order": "7", "facility": "psmo"}


def test_an_order_is_remembered(catalogue, tmp_path: Path, server: Server) -> None:
    text = HEAD + (
        f"  url: {server.url}\n"
        "  order: {rest: {post: /o, body: {}, take: {order: body.id, kind: body.kind}}}\n"
        "  outcome: {rest: {get: /, path: [$kind, $order], take: {state: body.s}}}\n"
    )
    product = load_text(text, tmp_path / "a.yaml", catalogue, TODAY)

    async def play() -> list[str]:
        operator = Operator(product.operator, ask)
        for number, kind in ((1, "a"), (2, "b")):
            server.answers.append((200, {}, json.dumps({"id": number, "kind": kind}).encode()))
            await operator.act("order", "enable", {}, 5)
        server.answers = [(200, {}, b'{"s": "open"}')] * 2
        # the one that is named, then the last one
        await operator.act("outcome", "order", {"order": 1}, 5)
        await operator.act("outcome", "order", {}, 5)
        return [one[1] for one in server.seen[2:]]

    assert asyncio.run(play()) == ["/a/1", "/b/2"]


def test_an_input_that_the_call_drops_is_told(act: Act) -> None:
    short = "  url: http://127.0.0.1:1\n  order: {rest: {post: /o, body: {a: $iccid}}}\n"
    with pytest.raises(Missing, match=r"passes no \$rollback on") as found:
        act(short, rollback=True)
    assert found.value.add.startswith("`$~rollback` where the product takes it, in ")
