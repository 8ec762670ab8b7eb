"""Nodes as processes of their own, and a node in this one that talks to them over real DDS.

Whoever waits here waits for an event, up to a deadline that only a defect or a stuck machine meets.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from jcc_ros.msg import Classification, EncoderStatus, Latent
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import SetParametersResult
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.task import Future
from sensor_msgs.msg import CompressedImage, Image

from jcc_ros.datasets.ros_times import nanoseconds
from jcc_ros.nodes.images import rgb8_image
from jcc_ros.nodes.stamps import to_time

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "models" / "digits"
LIMIT = 30.0  # s, far beyond what anything here needs
_RELIABLE = QoSProfile(depth=1000)


class NodeProcess:
    """One node of this package, running."""

    def __init__(self, words: list[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                words, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def command(self) -> str:
        return shlex.join(self._child.args)

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def running(self) -> bool:
        return self._child.poll() is None

    def segments(self) -> set[Path]:
        """Return the locks of the shared memory that Fast DDS holds for this process."""
        links = set()
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since the folder was listed
                links.add(descriptor.readlink())
        return {link for link in links if re.fullmatch(r"/dev/shm/fast\w+_\w{16}_el", str(link))}

    def send(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def wait(self, limit: float = LIMIT) -> int:
        """Return the exit status, negative for a signal's."""
        try:
            return self._child.wait(limit)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {limit} s:\n{self.output()}")

    def logged(self, pattern: str, limit: float = LIMIT) -> re.Match[str]:
        """Wait for a line that matches, and return the match."""
        deadline = time.monotonic() + limit
        while True:
            ended = not self.running()
            found = re.search(pattern, self.output())
            if found:
                return found
            if ended or time.monotonic() > deadline:
                pytest.fail(f"no {pattern!r} in the output:\n{self.output()}")
            time.sleep(0.01)

    def stop(self) -> None:
        if self.running():
            self.send(signal.SIGINT)

    def kill(self) -> None:
        try:
            self._child.wait(3.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class Fleet:
    """Starts node processes and ends all of them at last."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[NodeProcess] = []

    def start(
        self, node: str, namespace: str = "/", *remaps: str, **parameters: object
    ) -> NodeProcess:
        """Start a node with remappings, FROM:=TO, and ROS parameters."""
        words = [sys.executable, "-m", f"jcc_ros.nodes.{node}", "--ros-args"]
        for remap in (f"__ns:={namespace}", *remaps):
            words += ["-r", remap]
        for name, value in parameters.items():
            words += ["-p", f"{name}:={_yaml(value)}"]
        return self.run(*words)

    def run(self, *words: object) -> NodeProcess:
        """Start any program."""
        log = self._logs / f"{len(self._started)}.log"
        process = NodeProcess([str(word) for word in words], log)
        self._started.append(process)
        return process

    def outputs(self) -> list[tuple[str, str]]:
        """Return command and output of every process started so far."""
        return [(process.command, process.output()) for process in self._started]

    def stop(self) -> None:
        for process in self._started:
            process.stop()
        for process in self._started:
            process.kill()


def _yaml(value: object) -> str:
    special = {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}
    if isinstance(value, Path):
        value = str(value)
    return special.get(str(value)) or json.dumps(value)


class Probe(Node):
    """The test's own node."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def until(self, reached: Callable[[], Any], what: object = "", limit: float = LIMIT) -> Any:
        """Serve this node until `reached()` is true, and return that."""
        deadline = time.monotonic() + limit
        while not (result := reached()):
            if time.monotonic() > deadline:
                pytest.fail(f"nothing after {limit} s: {what or reached}")
            self._executor.spin_once(timeout_sec=0.02)
        return result

    def serve(self) -> None:
        """Take one thing that has arrived or arrives in the next moment."""
        self._executor.spin_once(timeout_sec=0.02)

    def record(self, kind: type, topic: str, qos: QoSProfile = _RELIABLE) -> list:
        """Return a list that grows by every message on a topic."""
        messages: list = []
        self.create_subscription(kind, topic, messages.append, qos)
        return messages

    def answer(self, ask: Callable[[], Future], what: str) -> Any:
        """Return what a service answers, and ask again where no answer comes.

        A server that has not found this node's reader within a tenth of a second drops its answer
        (rmw_fastrtps). Only for what may be asked twice.
        """
        futures: list[Future] = []
        patience = 0.0

        def answered() -> Future | None:
            nonlocal patience
            if time.monotonic() > patience:
                futures.append(ask())
                patience = time.monotonic() + LIMIT / 6
            return next((future for future in futures if future.done()), None)

        return self.until(answered, f"answer of {what}").result()

    def call(self, kind: type, service: str, request: object, *, repeat: bool = False) -> Any:
        """Call a service and return its answer.

        Args:
            repeat: ask again where no answer comes; the service changes nothing.
        """
        client = self.create_client(kind, service)
        self.until(client.service_is_ready, f"service {service}")
        if repeat:
            answer = self.answer(lambda: client.call_async(request), service)
        else:
            future = client.call_async(request)
            self.until(future.done, f"answer of {service}")
            answer = future.result()
        self.destroy_client(client)
        return answer

    def parameters(self, node: str) -> AsyncParameterClient:
        """Return a client of another node's parameters, once its services are found."""
        client = AsyncParameterClient(self, node)
        self.until(client.services_are_ready, f"parameter services of {node}")
        return client

    def set(self, node: str, **values: object) -> SetParametersResult:
        """Set parameters of another node at once, and return its answer."""
        client = self.parameters(node)
        parameters = [
            value if isinstance(value, Parameter) else Parameter(name, value=value)
            for name, value in values.items()
        ]
        return self.answer(lambda: client.set_parameters_atomically(parameters), node).result

    def get(self, node: str, *names: str) -> list[Any]:
        """Return values of another node's parameters."""
        client = self.parameters(node)
        answer = self.answer(lambda: client.get_parameters(list(names)), node)
        return [Parameter.from_parameter_msg(_named(v)).value for v in answer.values]

    def state(self, node: str) -> str:
        """Return the life-cycle state of another node."""
        answer = self.call(GetState, f"{node}/get_state", GetState.Request(), repeat=True)
        return answer.current_state.label

    def change(self, node: str, transition: int) -> bool:
        """Ask another node for a transition; return whether it made it."""
        request = ChangeState.Request()
        request.transition.id = transition
        return self.call(ChangeState, f"{node}/change_state", request).success

    def diagnostics(self, node: str) -> list:
        """Return a list that grows by every /diagnostics entry of a node."""
        entries: list = []

        def take(message: DiagnosticArray) -> None:
            entries.extend(s for s in message.status if s.name.startswith(f"{node}:"))

        self.create_subscription(DiagnosticArray, "/diagnostics", take, _RELIABLE)
        return entries


def _named(value: Any) -> Any:
    from rcl_interfaces.msg import Parameter as Message

    return Message(name="any", value=value)


class Robot:
    """A camera of the test's own before an encoder, and all that comes out behind it.

    Args:
        namespace: of the encoder.
        topic: one of its image topics, relative to the namespace.
        latents: record the latent topic, which makes the test one of its subscribers.
    """

    def __init__(
        self,
        probe: Probe,
        namespace: str,
        topic: str = "image_raw",
        compressed: bool = False,
        latents: bool = True,
    ) -> None:
        base = f"{namespace}/{topic}"
        kind = CompressedImage if compressed else Image
        self.probe = probe
        self.images = probe.create_publisher(
            kind, f"{base}/compressed" if compressed else base, qos_profile_sensor_data
        )
        self.latents: list[Latent] = (
            probe.record(Latent, f"{base}/latent", qos_profile_sensor_data) if latents else []
        )
        self.labels: list[Classification] = probe.record(Classification, f"{base}/labels")
        self.reports: list[EncoderStatus] = probe.record(
            EncoderStatus, f"{namespace}/encoder/status"
        )

    def await_encoder(self) -> None:
        """Wait until the encoder has found the camera."""
        self.probe.until(self.images.get_subscription_count, "the encoder's subscription")

    def show(self, image: np.ndarray, stamp: int, frame_id: str = "camera") -> None:
        """Publish one RGB image."""
        self.publish(
            as_compressed(image) if self.images.msg_type is CompressedImage else rgb8_image(image),
            stamp,
            frame_id,
        )

    def publish(self, message: Image | CompressedImage, stamp: int, frame_id: str) -> None:
        message.header.stamp = to_time(stamp)
        message.header.frame_id = frame_id
        self.images.publish(message)

    def labelled(self, stamp: int) -> Classification | None:
        """Return the label of a frame, if it has come."""
        return next((m for m in reversed(self.labels) if stamp_of(m) == stamp), None)

    def latent(self, stamp: int) -> Latent | None:
        """Return the latent message that begins with a frame, if it has come."""
        return next((m for m in reversed(self.latents) if stamp_of(m) == stamp), None)

    def label(self, image: np.ndarray, stamp: int, frame_id: str = "camera") -> Classification:
        """Publish one RGB image and wait for its label."""
        self.show(image, stamp, frame_id)
        return self.probe.until(lambda: self.labelled(stamp), f"label of the frame at {stamp}")

    def warm_up(self, image: np.ndarray) -> int:
        """Show an image until its latent and its label arrive; return how many frames that took."""
        self.await_encoder()
        for stamp in range(1, 1000):
            self.show(image, stamp)
            patience = time.monotonic() + 0.5
            while time.monotonic() < patience:
                self.probe.serve()
                if self.labelled(stamp) and self.latent(stamp):
                    return stamp
        pytest.fail("no label for any of 1000 frames")

    def report(self, holds: Callable[[EncoderStatus], bool]) -> EncoderStatus:
        """Wait for a status, not yet published now, for which something holds."""
        known = len(self.reports)
        return self.probe.until(
            lambda: next((s for s in self.reports[known:] if holds(s)), None),
            lambda: f"status; the last was {self.reports[-1:]}",
        )


def as_compressed(image: np.ndarray, suffix: str = ".jpg") -> CompressedImage:
    data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return CompressedImage(format=suffix[1:], data=array("B", data.tobytes()))


def stamp_of(message: Any) -> int:
    return nanoseconds(message.header.stamp)


def free_domain() -> int:
    """Return a ROS domain that nobody on this machine uses, outside of the ephemeral ports."""
    low, high = (int(w) for w in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    safe = [d for d in range(102, 232) if not (_port(d) <= high and _port(d + 1) > low)]
    candidates = safe or list(range(1, 102))
    first = os.getpid() % len(candidates)
    for domain in candidates[first:] + candidates[:first]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", _port(domain) + 10))  # the first participant's discovery port
                return domain
            except OSError:
                continue
    pytest.fail("no free ROS domain")


def _port(domain: int) -> int:
    return 7400 + 250 * domain
