"""What a classifier's diagnostics count on one latent topic."""

from harness import Probe


class Counts:
    """The last counts of a topic: messages, labelled, dropped REASON.

    Args:
        node: of the classifier.
        topic: of the latents.
    """

    def __init__(self, probe: Probe, node: str, topic: str) -> None:
        self._entries = probe.diagnostics(node)
        self._topic = topic

    def __call__(self) -> dict[str, int]:
        for entry in reversed(self._entries):
            pairs = [(v.key.rpartition(" "), v.value) for v in entry.values]
            found = {key: int(value) for (key, _, topic), value in pairs if topic == self._topic}
            if found:
                return found
        return {}

    def dropped(self) -> int:
        return sum(count for key, count in self().items() if key.startswith("dropped"))

    def accounted(self) -> int:
        """Return how many frames were labelled or dropped for a reason."""
        return self().get("labelled", 0) + self.dropped()
