"""What a step says of the binding of a message that the bench sends."""

from __future__ import annotations

from sgprobe.cases import templates as t
from sgprobe.cases.variants import Variant
from sgprobe.engine.heard import History
from sgprobe.engine.message.compose import binding_fields, with_binding
from sgprobe.engine.message.fill import Filler
from sgprobe.engine.names import Names
from sgprobe.exchange import Request
from sgprobe.fileerror import Source

HERE = Source("t.yaml", 1, 1)


def test_a_media_type_that_a_step_leaves_out_is_not_sent() -> None:
    absent = t.Matcher("absent", "<absent>", HERE)
    template = t.Members((t.Member("header.content-type", absent, HERE),), HERE)
    fields = binding_fields(template, Filler(Names(Variant(()), History(), "")))
    asked = with_binding(Request("/x", "application/json", b"{}"), fields)
    assert asked.media == ""
