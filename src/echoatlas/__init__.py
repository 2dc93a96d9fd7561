"""EchoAtlas."""
