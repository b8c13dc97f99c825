"""What Discord refuses, as it refuses it."""
