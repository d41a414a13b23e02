"""States of the card of own-ipa.yaml: each item begins with a new one."""

from sgprobe.product.faults import Missing

A, B = "989400000000000000f5", "989400000000000010f3"
# at the beginning the eUICC is as a factory has made it; the IPA downloads through the eIM alone
STATES = {
    "euicc.profiles": [
        {"iccid": A, "state": "enabled"},
        {"iccid": B, "state": "disabled"},
    ],
    "euicc.eims": [{"eimId": "eim.example.com", "indirect": "yes"}],
    "euicc.notifications": [],
}


def state(verb, action, given):
    wanted, there = given["is"], STATES.get(action)
    if there is None or len(wanted) > len(there):
        raise Missing(f"the card of this example has no {action} of this kind")
    if not all(any(row.items() <= one.items() for one in there) for row in wanted):
        raise Missing(f"the card of this example has no {action} of this kind")
    return {}
