"""Makes the examples of evidence again: `python -m vectors.ifpp.make`.

Each folder below evidence/ is called after the class that the judge must give, and a short name.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

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
    _finished(story)


def shifted_clock(folder: Path) -> None:
    """The station's clock is a day ahead: by it, the load came after the seal."""
    story = Story(folder)
    _line(story)
    story.load(shift=86_400)
    story.seal()
    _finished(story)


def eum_preload(folder: Path) -> None:
    """The EUM has put the operational profile in, and signs that it did."""
    story = Story(folder, preloaded(OPERATIONAL, enabled=True))
    story.order()
    story.eum_data()
    story.state_preload(OPERATIONAL)
    story.close_line()
    story.seal()
    story.operator()
    story.shielded()
    story.boot(Boot.attach, Boot.purpose)
    story.close()


def no_order(folder: Path) -> None:
    """The profile is there, and its operator has never heard of an order."""
    story = Story(folder)
    story.eum_data()
    story.bind()
    story.load()
    story.seal()
    story.report()
    story.shielded()
    story.boot(Boot.attach, Boot.purpose)
    story.close()


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
    story = Story(folder, preloaded(BOOTSTRAP, enabled=True))
    _line(story)
    story.load(enable=False)
    story.seal()
    _reported(story)
    story.shielded()
    story.boot(Boot.attach, Boot.poll, Boot.enable, Boot.attach, Boot.purpose)
    story.close()


def multi_imsi(folder: Path) -> None:
    """An applet takes another IMSI over the air before the first function."""
    story = Story(folder)
    _line(story)
    story.load()
    story.seal()
    _reported(story)
    story.shielded()
    story.boot(Boot.attach, Boot.swap, Boot.purpose)
    story.close()


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
    story.shielded()
    story.boot(Boot.attach, Boot.download, _attach_operational, Boot.purpose)
    story.close()


def no_usim(folder: Path) -> None:
    """In the shield no USIM answers, in a cell the device comes up."""
    story = Story(folder)
    _line(story)
    story.load(enable=False)
    story.seal()
    _reported(story)
    story.shielded(dead=True)
    story.boot(Boot.enable, Boot.attach, Boot.purpose)
    story.close()


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
    story = Story(folder)
    _line(story)
    story.load()
    story.seal()
    _reported(story)
    with tempfile.TemporaryDirectory() as aside:
        other = Story(Path(aside) / "other", number=2)
        other.bind()
        other.load()
    story.eum_data(other.chip)
    story.put("E6", "result", "result.bf37", other.result)
    story.shielded()
    story.boot(Boot.attach, Boot.purpose)
    story.close()


def empty_capture(folder: Path) -> None:
    """A capture in which nothing is, not even canaries, shows nothing."""
    _with_boot(folder, canaries=False)


def no_canaries(folder: Path) -> None:
    """A capture that looks well, and nobody can tell whether it is whole."""
    _with_boot(folder, Boot.attach, Boot.purpose, canaries=False)


def before_first_function(folder: Path) -> None:
    """The capture ends before the first function."""
    _with_boot(folder, Boot.attach, Boot.unanswered)


def replayed_state(folder: Path) -> None:
    """The signed state answers the challenge of the day before."""
    story = Story(folder)
    _line(story)
    story.load()
    story.seal(bytes(range(16)))
    _finished(story)


def known_challenge(folder: Path) -> None:
    """The station has used the witness's challenge: it could have asked for the state itself."""
    story = Story(folder)
    _line(story)
    story.load(challenge=CHALLENGE)
    story.seal()
    _finished(story)


def changed_after_seal(folder: Path) -> None:
    """Between seal and first boot the profile was installed again; the counter tells."""
    story = Story(folder)
    _line(story)
    story.load()
    story.seal()
    _reported(story)
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


def _finished(story: Story) -> None:
    _reported(story)
    story.shielded()
    story.boot(Boot.attach, Boot.purpose)
    story.close()


def _with_boot(folder: Path, *scene: Callable[[Boot], None], **options: bool) -> None:
    story = Story(folder)
    _line(story)
    story.load()
    story.seal()
    _reported(story)
    story.shielded()
    story.boot(*scene, **options)
    story.close()


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
