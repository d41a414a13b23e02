"""Any SM-DPf over HTTP whose binding is a table; version 0 of the reference binding is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sgprobe.exchange import Request, Response
from sgprobe.factory.adapter import Route
from sgprobe.factory.model import (
    AdapterError,
    BindingRequest,
    Capabilities,
    DeliveryHandle,
    EntryVerdict,
    ErrorClass,
    EuiccBatch,
    LoadingReport,
    PreboundPackage,
    ProfileOrder,
    Raw,
    ReportVerdict,
)
from sgprobe.factory.table import (
    NoMessage,
    Operation,
    Table,
    build,
    decode,
    encode,
    load_table,
    put_part,
    read,
)
from sgprobe.peers.delivery.entry import EntryError, read_line
from sgprobe.peers.delivery.manifest import ManifestError, read_manifest
from sgprobe.peers.smdpf.front import REQUESTER

JSON = "application/json"
VERSION_0 = Path(__file__).with_name("ifpp-0.yaml")
_TRIES = 10_000

Ask = Callable[[Request], Response]


class TableSmDpf:
    """An SM-DPf that is asked as a table says; `wait` passes the time while a job runs."""

    def __init__(
        self,
        table: Table,
        ask: Ask,
        *,
        wait: Callable[[], None] = lambda: None,
        state: Callable[[str], str] | None = None,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.name = table.name
        self.transcript: list[Raw] = []
        self._table = table
        self._ask = ask
        self._wait = wait
        self._state = state
        self._capabilities = capabilities
        self._calls = 0

    def capabilities(self) -> Capabilities:
        if self._capabilities is not None:
            return self._capabilities
        features = {"entry-state"} if self._state is not None else set()
        return Capabilities(self.name, frozenset({"smdpf"}), features=frozenset(features))

    def normalise_error(self, raw: Any) -> ErrorClass:
        return self._table.error_class(str(raw))

    # --- one call ---

    def call(self, name: str, canonical: dict[str, Any]) -> dict[str, Any]:
        """Perform one operation; AdapterError where the other side refuses it."""
        operation = self._table.operations[name]
        answer = self.send(operation, canonical)
        value = self._value(operation, answer)
        code = self._table.code_of(value)
        if code:
            raise AdapterError(self._table.error_class(code), code)
        return read(operation.answer, value)

    def send(self, operation: Operation, canonical: dict[str, Any]) -> Response:
        """Send the request of an operation and return the answer as it came."""
        self._calls += 1
        known = {"call": f"call-{self._calls}", "null": None, **canonical}
        method, _, path = operation.call.partition(" ")
        path = path.format(**{k: v for k, v in canonical.items() if isinstance(v, str)})
        body = b""
        if method != "GET":
            value = build(operation.request, canonical, known)
            for place, (form, part) in operation.parts.items():
                put_part(value, place, form, encode(part, build(part, canonical, known)))
            body = encode(operation.request, value)
        who = str(canonical.get("dm_id") or canonical.get("msp_id") or "dm.example")
        headers = ((REQUESTER, who),)
        self.transcript.append(Raw(True, path, body))
        response = self._ask(Request(path, JSON, body, headers, method))
        self.transcript.append(Raw(False, path, response.body))
        return response

    def _value(self, operation: Operation, response: Response) -> Any:
        try:
            return decode(operation.answer, response.body)
        except NoMessage as error:
            code = f"HTTP {response.status}"
            raise AdapterError(self._table.error_class(code), code, str(error)) from None

    def _verdicts(self, refused: list[dict[str, Any]]) -> list[EntryVerdict]:
        found = []
        for one in refused:
            code = one.get("code") or f"{one.get('subject', '')}/{one.get('reason', '')}"
            found.append(
                EntryVerdict(one.get("name", ""), False, self._table.error_class(code), code)
            )
        return found

    # --- the adapter ---

    def order(self, order: ProfileOrder) -> str:
        return str(self.call("order", asdict(order))["order_id"])

    def submit_euicc_data(self, batch: EuiccBatch, route: Route) -> list[EntryVerdict]:
        answer = self.call("submit" if route == "esed1" else "submit-esbpp", batch_value(batch))
        taken = [EntryVerdict(str(one), True) for one in answer.get("accepted", [])]
        return taken + self._verdicts(answer.get("refused", []))

    def request_packages(self, request: BindingRequest) -> DeliveryHandle:
        asked = self.call("request", asdict(request))
        for _ in range(_TRIES):
            shown = self.call("job", {**asked, "dm_id": request.dm_id})
            if shown["state"] in ("done", "failed"):
                refused = tuple(self._verdicts(shown.get("refused", [])))
                return DeliveryHandle(shown.get("delivery_id", ""), refused)
            self._wait()
        raise AdapterError(ErrorClass.OTHER, "no end", "the job does not end")

    def fetch(self, handle: DeliveryHandle) -> Iterator[PreboundPackage]:
        answer = self.call("packages", {"delivery_id": handle.delivery_id})
        for one in answer.get("packages", []):
            yield PreboundPackage(**one)

    def post_report(self, report: LoadingReport) -> ReportVerdict:
        answer = self.call("report", asdict(report))
        missing = tuple((low, high) for low, high in answer.get("missing", []))
        return ReportVerdict(tuple(answer.get("items", [])), missing)

    def entry_state(self, iccid: str) -> str:
        if self._state is None:
            raise AdapterError(ErrorClass.OTHER, "missing", "this binding tells no single state")
        return self._state(iccid)

    def withdraw(self, order: str, iccids: list[str]) -> list[EntryVerdict]:
        answer = self.call("withdraw", {"order_id": order, "iccids": iccids})
        verdicts = answer.get("verdicts", [])
        taken = [EntryVerdict(one["name"], True) for one in verdicts if "state" in one]
        return taken + self._verdicts([one for one in verdicts if "state" not in one])


class Version0SmDpf(TableSmDpf):
    """The reference binding: its deliveries are files with an index, not one answer."""

    def __init__(self, ask: Ask, **options: Any) -> None:
        super().__init__(load_table(VERSION_0), ask, **options)

    def fetch(self, handle: DeliveryHandle) -> Iterator[PreboundPackage]:
        operation = self._table.operations["packages"]

        def get(file: str) -> bytes:
            response = self.send(operation, {"delivery_id": handle.delivery_id, "file": file})
            if response.status != 200:
                raise AdapterError(ErrorClass.UNKNOWN_NAME, f"HTTP {response.status}", file)
            return response.body

        try:
            manifest = read_manifest(get("manifest.json"))
            for shard in manifest.shards:
                packages = get(shard.bin)
                for line in get(shard.idx).splitlines():
                    entry = read_line(line)
                    octets = packages[entry.offset : entry.offset + entry.length]
                    found = read(operation.answer, decode(operation.answer, octets))
                    yield PreboundPackage(**found, suite=entry.suite)
        except (ManifestError, EntryError, NoMessage) as error:
            raise AdapterError(ErrorClass.FORMAT, "delivery", str(error)) from None


def batch_value(batch: EuiccBatch) -> dict[str, Any]:
    """Return a batch as rows see it: each key knows its EID, which bindings repeat."""
    value = asdict(batch)
    for one in value["sets"]:
        for key in one["one_time_keys"]:
            key["eid"] = one["eid"]
    return value
