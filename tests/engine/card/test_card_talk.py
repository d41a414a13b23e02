"""Cases at an eUICC: raw APDUs, the device's REFRESH, signatures over damage, names and states."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from dissectors.asn1.versions import parse_spec
from sgprobe.cases.credentials import certificate_names, crl_names, key_names, located
from sgprobe.cases.load import load_text
from sgprobe.cases.plan import plans
from sgprobe.cases.suite import Suite, load_suite
from sgprobe.crypto.certificates import read_certificate
from sgprobe.crypto.crl import read_crl
from sgprobe.crypto.keys import curve_of
from sgprobe.crypto.pki import TestPki
from sgprobe.data import data_dir
from sgprobe.engine.bench import facts_of
from sgprobe.engine.item import Item
from sgprobe.engine.played import Options, Result
from sgprobe.events import Verdict

Play = Callable[..., Result]
_HEAD = """
case: X-EUI-TST-001
title: A case of a test
iut: euicc
spec: [SGP.32 v1.2 §5.9.1]
covers: [SGP32-ESEP-003]
"""
_ENABLE = """
  - ipa -> euicc: EuiccPackageRequest
    fields:
      euiccPackageSigned.euiccPackage.psmoList:
        - enable.iccid: $iccid.b
  - euicc -> ipa: EuiccPackageResult
    apdu: {sw: <matches 91..>, segments: 1, channel: 1}
    fields:
      euiccPackageResultSigned.euiccPackageResultDataSigned.euiccResult: [{enableResult: ok}]
"""


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite(data_dir("suites"))


@pytest.fixture
def play(suite: Suite) -> Play:
    """Return what plays the steps of a case."""

    def played(steps: str, *, given: str = "", axes: str = "", **options: object) -> Result:
        text = _HEAD + axes
        text += f"given:{textwrap.dedent(given)}\n" if given else ""
        case = load_text(f"{text}steps:{steps}", "X-EUI-TST-001.case.yaml")
        plan = plans(case, suite, (parse_spec("SGP.32@1.2"),))[0]
        chosen = Options(ixit={"command-limit": "30 s"}, **options)  # type: ignore[arg-type]
        return Item(plan, suite, facts_of(plan, suite), chosen, lambda event: None).run()

    return played


def passes(result: Result) -> None:
    assert result.verdict is Verdict.PASS, result.reason


def test_a_raw_apdu_goes_on_the_channel_of_the_dialogue(play: Play) -> None:
    """SELECT is decoded as far as the templates of the ISD-R go."""
    select = "00A4040010A0000005591010FFFFFFFF8900000100"
    passes(
        play(f"""
  - ipa -> euicc: apdu
    fields: {{command: {select}}}
  - euicc -> ipa: apdu
    apdu: {{sw: 9000, channel: 1}}
    fields: {{sw: 9000, isdr.svn: 020500, isdrIot.euiccConfiguration: enabledProfile}}
""")
    )


def test_a_raw_apdu_on_another_channel(play: Play) -> None:
    """Nothing is selected on the basic channel; the dialogue goes on on its own."""
    steps = """
  - ipa -> euicc: GetEuiccChallengeRequest
  - euicc -> ipa: GetEuiccChallengeResponse
    fields: {euiccChallenge: <16 bytes>}
  - ipa -> euicc: apdu
    apdu: {channel: 0}
    fields: {command: 80E2910003BF2E00}
  - euicc -> ipa: apdu
    fields: {sw: 6D00, data: <empty>}
  - ipa -> euicc: GetEuiccChallengeRequest
  - euicc -> ipa: GetEuiccChallengeResponse
    fields: {euiccChallenge: <not seen before>}
"""
    passes(play(steps))
    result = play(steps, off=frozenset({"EUICC.ISDR-SELECTED"}))
    assert result.verdict is Verdict.FAIL


def test_what_is_no_apdu_is_said(play: Play) -> None:
    """A case that cannot be sent is no failure of the product."""
    result = play("""
  - ipa -> euicc: apdu
    fields: {command: 80E2}
  - euicc -> ipa: apdu
    fields: {sw: 9000}
""")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "is no APDU" in result.reason


def test_a_refresh_is_performed_before_the_next_command(play: Play, tmp_path: Path) -> None:
    """A device does so by itself; the channels are opened again."""
    passes(
        play(
            _ENABLE
            + """
  - ipa -> euicc: ProfileInfoListRequest
    fields: {searchCriteria.iccid: $iccid.b}
  - euicc -> ipa: ProfileInfoListResponse
    fields: {profileInfoListOk: [{profileState: enabled}]}
trace:
  - where: {apdu.ins: "12"}
    count: 1
""",
            out=tmp_path,
        )
    )


def test_a_reset_closes_the_channels(play: Play) -> None:
    """The next command finds its way."""
    passes(
        play("""
  - ipa -> euicc: GetEuiccChallengeRequest
  - euicc -> ipa: GetEuiccChallengeResponse
    fields: {euiccChallenge: <16 bytes>}
  - trigger: euicc.reset
  - ipa -> euicc: GetEuiccChallengeRequest
  - euicc -> ipa: GetEuiccChallengeResponse
    fields: {euiccChallenge: <not seen before>}
""")
    )


def test_a_signature_behind_damage_covers_the_damage(play: Play) -> None:
    """Before it, the damage is not covered."""
    damaged = """
  - ipa -> euicc: EuiccPackageRequest
    fields:
      euiccPackageSigned.euiccPackage.psmoList:
        - getRAT: {}
    mutate:
      euiccPackageSigned.euiccPackage.psmoList: {append: BF6300}
"""
    answer = """
  - euicc -> ipa: EuiccPackageResult
    fields: {euiccPackageResultSigned: <any>}
"""
    passes(play(damaged + "      eimSignature: {sign-with: $keys.eim}" + answer))
    result = play(damaged + answer)
    assert result.verdict is Verdict.FAIL
    assert "euiccPackageErrorUnsigned" in result.reason


def test_the_token_is_that_of_the_eim_that_a_package_names(play: Play) -> None:
    """Two eIMs have two tokens; what one deletes is signed with its last."""
    passes(
        play("""
  - do: es10/second-eim
  - ipa -> euicc: EuiccPackageRequest
    fields:
      euiccPackageSigned:
        eimId: second.eim.test
        counterValue: 6
        euiccPackage.ecoList:
          - deleteEim.eimId: second.eim.test
      eimSignature: <signature by $keys.eim-next>
  - euicc -> ipa: EuiccPackageResult
    fields: {euiccPackageResultSigned.euiccSignEPR: <signature by $keys.euicc>}
""")
    )


def test_parts_of_a_point_may_be_references_and_lists(play: Play) -> None:
    """Each is read with the type of the place where it stands."""
    steps = """
  - ipa -> euicc: ProfileInfoListRequest
    fields: {searchCriteria.iccid: $what.iccid, tagList: 5A}
  - euicc -> ipa: ProfileInfoListResponse
    fields: {profileInfoListOk: $what.left}
"""
    axes = "variants: {what: {there: {iccid: $iccid.a, left: %s}}}\n"
    passes(play(steps, axes=axes % "[{iccid: $iccid.a}]"))
    assert play(steps, axes=axes % "<empty>").verdict is Verdict.FAIL


def test_states_are_brought_about_whole(play: Play) -> None:
    """What a list leaves out is gone; metadata changes with the columns."""
    given = """
  - state: euicc.eims
    is: []
  - state: euicc.profiles
    is: [{iccid: $iccid.b, state: disabled, rules: ppr2, fallbackAllowed: yes}]
"""
    passes(
        play(
            """
  - assert: euicc.eims
    is: []
  - ipa -> euicc: ProfileInfoListRequest
    fields: {tagList: 5A99}
  - euicc -> ipa: ProfileInfoListResponse
    fields: {profileInfoListOk: [{iccid: $iccid.b, profilePolicyRules: ppr2}]}
""",
            given=given,
        )
    )


def test_a_download_that_the_server_refuses_is_inconclusive(play: Play) -> None:
    """The eUICC under test has nothing to do with it."""
    result = play("""
  - ipa -> euicc: AuthenticateServerRequest
  - euicc -> ipa: AuthenticateServerResponse
    fields: {authenticateResponseOk: <any>}
  - ipa -> euicc: PrepareDownloadRequest
  - euicc -> ipa: PrepareDownloadResponse
    fields: {downloadResponseOk: <any>}
""")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "SM-DP+" in result.reason


def test_a_part_of_a_package_is_sent(play: Play) -> None:
    """The eUICC waits for more, and says so when the power comes back."""
    steps = """
  - do: es10/prepared
    with: {type: small}
  - ipa -> euicc: BoundProfilePackage
    apdu: {segments: 3}
  - euicc -> ipa: ProfileInstallationResult
    apdu: {sw: 9000}
  - trigger: euicc.reset
  - ipa -> euicc: RetrieveNotificationsListRequest
  - euicc -> ipa: RetrieveNotificationsListResponse
    fields:
      notificationList:
        - profileInstallationResult.profileInstallationResultData.finalResult.errorResult:
            errorReason: installFailedDueToInterruption
"""
    passes(play(steps))
    whole = play(steps.replace("    apdu: {segments: 3}\n", ""))
    assert whole.verdict is Verdict.FAIL


def test_every_credential_is_one_of_the_test_pki() -> None:
    """A faulty key is on another curve, a faulty certificate another certificate."""
    own = TestPki.load()["p256"]
    for name in certificate_names():
        party, fault = located(name)
        found = own.get(party, fault).certificate
        assert (found.der != own[party].certificate.der) is (fault is not None), name
        read_certificate(found.der)
    for name in key_names():
        party, fault = located(name)
        assert (curve_of(own.get(party, fault).key) != own.curve) is (fault is not None), name
    for name in crl_names():
        read_crl(own.source.crl(name.removeprefix("crls.")))
