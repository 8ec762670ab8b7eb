"""Joint compression and classification for robots on thin links."""

from pkgutil import extend_path

# colcon generates jcc_ros.msg into another folder than this one when the code runs from a checkout.
__path__ = extend_path(__path__, __name__)
