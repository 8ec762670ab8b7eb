"""Joint compression and classification for robots on thin links."""
