"""The SROS2 policy allows what the running nodes do, and nothing else."""

from xml.etree import ElementTree

import pytest
from harness import DIGITS, ROOT, Fleet, Probe
from rclpy.node import NodeNameNonExistentError

POLICY = ElementTree.parse(ROOT / "config/security/policy.xml").getroot()
IMAGES = "/camera/image_raw"
# Used where a parameter says so.
OPTIONAL = {("subscribe", "/clock"), ("subscribe", f"{IMAGES}/compressed")}


def allowed(node: str) -> set[tuple[str, str]]:
    """Return (publish, subscribe or reply; name) of what a node may do."""
    (profile,) = POLICY.iterfind(f".//profile[@node='{node}']")
    assert profile.get("ns") == "/"
    return {
        (right, item.text.replace("~", f"/{node}", 1))
        for group in profile
        for right, value in group.attrib.items()
        for item in group
        if value == "ALLOW"
    }


def done(probe: Probe, node: str) -> set[tuple[str, str]]:
    """Return what a running node does, as far as discovery has got."""
    try:
        found = {
            "publish": probe.get_publisher_names_and_types_by_node(node, "/"),
            "subscribe": probe.get_subscriber_names_and_types_by_node(node, "/"),
            "reply": probe.get_service_names_and_types_by_node(node, "/"),
        }
    except NodeNameNonExistentError:
        return set()
    return {(right, name) for right, pairs in found.items() for name, _ in pairs}


@pytest.fixture(scope="module", autouse=True)
def nodes(fleet: Fleet) -> None:
    fleet.start("encoder", model=DIGITS, image_topics=[IMAGES])
    fleet.start("classifier", models=[str(DIGITS)], latent_topics=[f"{IMAGES}/latent"])


@pytest.mark.parametrize("node", ["encoder", "classifier"])
def test_the_policy_is_what_a_node_does(probe: Probe, node: str) -> None:
    wanted = allowed(node) - OPTIONAL
    probe.until(
        lambda: done(probe, node) - OPTIONAL == wanted,
        lambda: f"what differs: {sorted((done(probe, node) - OPTIONAL) ^ wanted)}",
    )


def test_the_operator_may_call_every_service_of_both_nodes() -> None:
    calls = {name for right, name in allowed("operator") if right == "request"}
    offers = {
        name for n in ("encoder", "classifier") for right, name in allowed(n) if right == "reply"
    }
    assert calls == offers
