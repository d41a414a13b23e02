"""Makes the examples of evidence again: `python -m vectors.ifpp.make`.

Each folder below evidence/ is called after the class that the judge must give, and a short name.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sgprobe.peers.euicc.card import Card
from vectors.ifpp.boot import Boot
from vectors.ifpp.names import BOOTSTRAP, CHALLENGE, HERE, OPERATIONAL
from vectors.ifpp.story import Story, chip_of, preloaded

EVIDENCE = HERE / "evidence"


def _line(story: Story) -> None:
    """Order, data, binding: what comes before the load."""
    story.order()
    story.eum_data()
    story.bind()


def _reported(story: Story) -> None:
    story.report()
    story.operator()


def _loaded(story: Story, *, sealed: bytes = CHALLENGE, **load: Any) -> Story:
    """A line by the book, from the order to the answer of the operator."""
    _line(story)
    story.load(**load)
    story.seal(sealed)
    _reported(story)
    return story


def _ended(
    story: Story, *scene: Callable[[Boot], None], dead: bool = False, canaries: bool = True
) -> None:
    """What the laboratory sees: a boot in the shield, and one in a cell, ordinary or as told."""
    story.shielded(dead=dead)
    story.boot(*scene or (Boot.attach, Boot.purpose), canaries=canaries)
    story.close()


def complete(folder: Path) -> None:
    """A true line, with all evidence there is."""
    story = Story(folder)
    _line(story)
    story.line_capture()
    story.load()
    story.seal()
    _reported(story)
    story.shielded()
    # an eIM that is asked after the first function is life, not provisioning
    story.boot(Boot.attach, Boot.purpose, Boot.poll)
    story.close()


def independent_reader(folder: Path) -> None:
    """An eUICC that cannot sign its state: the trace of an independent reader stands for it."""
    story = Story(folder)
    _line(story)
    story.load(reader="independent")
    story.seal(state=False)
    _reported(story)
    _ended(story)


def shifted_clock(folder: Path) -> None:
    """The station's clock is a day ahead: by it, the load came after the seal."""
    _ended(_loaded(Story(folder), shift=86_400))


def eum_preload(folder: Path) -> None:
    """The EUM has put the operational profile in, and signs that it did."""
    story = Story(folder, preloaded(OPERATIONAL, enabled=True))
    story.order()
    story.eum_data()
    story.state_preload(OPERATIONAL)
    story.close_line()
    story.seal()
    story.operator()
    _ended(story)


def no_order(folder: Path) -> None:
    """The profile is there, and its operator has never heard of an order."""
    story = Story(folder)
    story.eum_data()
    story.bind()
    story.load()
    story.seal()
    story.report()
    _ended(story)


def download(folder: Path, profile_class: str = "provisioning") -> None:
    """A bootstrap is inside; the operational profile is downloaded at the first boot."""
    story = Story(folder, preloaded(BOOTSTRAP, enabled=True, profile_class=profile_class))
    story.order()
    story.eum_data()
    story.close_line()
    story.seal()
    story.boot(Boot.attach, Boot.download, _attach_operational, Boot.purpose)
    story.close()


def class_operational(folder: Path) -> None:
    """The same, and the bootstrap calls itself operational."""
    download(folder, "operational")


def left_disabled(folder: Path) -> None:
    """The real profile is loaded by the book, and lies disabled behind an enabled bootstrap."""
    story = _loaded(Story(folder, preloaded(BOOTSTRAP, enabled=True)), enable=False)
    _ended(story, Boot.attach, Boot.poll, Boot.enable, Boot.attach, Boot.purpose)


def multi_imsi(folder: Path) -> None:
    """An applet takes another IMSI over the air before the first function."""
    _ended(_loaded(Story(folder)), Boot.attach, Boot.swap, Boot.purpose)


def loaded_bootstrap(folder: Path) -> None:
    """IFPP by the book, but what it loads is a bootstrap."""
    story = Story(folder)
    story.order((901, 910))
    story.eum_data()
    story.bind(BOOTSTRAP)
    story.load()
    story.seal()
    story.report()
    story.operator(BOOTSTRAP)
    _ended(story, Boot.attach, Boot.download, _attach_operational, Boot.purpose)


def no_usim(folder: Path) -> None:
    """In the shield no USIM answers, in a cell the device comes up."""
    story = _loaded(Story(folder), enable=False)
    _ended(story, Boot.enable, Boot.attach, Boot.purpose, dead=True)


def empty_euicc(folder: Path) -> None:
    """The eUICC leaves empty, and gets its profile over another network."""
    story = Story(folder)
    story.order()
    story.eum_data()
    story.close_line()
    story.seal()
    story.boot(Boot.download, _attach_operational, Boot.purpose)
    story.close()


def other_chip(folder: Path) -> None:
    """The result of the load is signed by another chip than the one in the device."""
    story = _loaded(Story(folder))
    with tempfile.TemporaryDirectory() as aside:
        other = Story(Path(aside) / "other", number=2)
        other.bind()
        other.load()
    story.eum_data(other.chip)
    story.put("E6", "result", "result.bf37", other.result)
    _ended(story)


def empty_capture(folder: Path) -> None:
    """A capture in which nothing is, not even canaries, shows nothing."""
    _ended(_loaded(Story(folder)), _nothing, canaries=False)


def no_canaries(folder: Path) -> None:
    """A capture that looks well, and nobody can tell whether it is whole."""
    _ended(_loaded(Story(folder)), canaries=False)


def before_first_function(folder: Path) -> None:
    """The capture ends before the first function."""
    _ended(_loaded(Story(folder)), Boot.attach, Boot.unanswered)


def replayed_state(folder: Path) -> None:
    """The signed state answers the challenge of the day before."""
    _ended(_loaded(Story(folder), sealed=bytes(range(16))))


def known_challenge(folder: Path) -> None:
    """The station has used the witness's challenge: it could have asked for the state itself."""
    _ended(_loaded(Story(folder), challenge=CHALLENGE))


def changed_after_seal(folder: Path) -> None:
    """Between seal and first boot the profile was installed again; the counter tells."""
    story = _loaded(Story(folder))
    story.shielded()
    story.install_again()
    story.boot(Boot.state, Boot.attach, Boot.purpose)
    story.close()


def late_state(folder: Path) -> None:
    """The state that is said to be of the ship point was signed after the first boot."""
    story = Story(folder)
    _line(story)
    story.load()
    _reported(story)
    story.shielded()
    story.boot(Boot.state, Boot.attach, Boot.purpose)
    story.install_again()
    story.seal()
    story.close()


def _nothing(boot: Boot) -> None:
    """Nothing happens."""


def _attach_operational(boot: Boot) -> None:
    """The modem starts again, with the profile that came over the air."""
    chip = chip_of(1, preloaded(OPERATIONAL, enabled=True))
    boot.attach(Card(chip.euicc(entropy=random.Random("later"))))


SCENES: dict[str, Callable[[Path], None]] = {
    "GENUINE_IFPP-complete": complete,
    "GENUINE_IFPP-independent-reader": independent_reader,
    "GENUINE_IFPP-shifted-clock": shifted_clock,
    "BORN_CONNECTED_EUM_PRELOAD-statement": eum_preload,
    "PRELOADED_UNCOORDINATED-no-order": no_order,
    "BOOTSTRAP_RELABELLED-download": download,
    "BOOTSTRAP_RELABELLED-class-operational": class_operational,
    "BOOTSTRAP_RELABELLED-left-disabled": left_disabled,
    "BOOTSTRAP_RELABELLED-multi-imsi": multi_imsi,
    "BOOTSTRAP_RELABELLED-loaded-by-ifpp": loaded_bootstrap,
    "BOOTSTRAP_RELABELLED-no-usim": no_usim,
    "FIELD_PROVISIONED-empty-euicc": empty_euicc,
    "INVALID_EVIDENCE-other-chip": other_chip,
    "INCONCLUSIVE-empty-capture": empty_capture,
    "INCONCLUSIVE-no-canaries": no_canaries,
    "INCONCLUSIVE-before-first-function": before_first_function,
    "INCONCLUSIVE-replayed-state": replayed_state,
    "INCONCLUSIVE-known-challenge": known_challenge,
    "INCONCLUSIVE-changed-after-seal": changed_after_seal,
    "INCONCLUSIVE-late-state": late_state,
}


def main(target: Path = EVIDENCE) -> None:
    """Make all examples anew."""
    shutil.rmtree(target, ignore_errors=True)
    for name, scene in SCENES.items():
        scene(target / name)


if __name__ == "__main__":
    main()
