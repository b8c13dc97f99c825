"""What the stand-in's world holds."""
