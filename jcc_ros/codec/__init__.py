"""From latents to bytes and back: numpy and constriction only, no torch, no ROS."""
