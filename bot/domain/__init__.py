"""Words and rules of Retake. No I/O, no framework, nothing that waits for the outside."""
