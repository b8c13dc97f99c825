"""What the operator watches: logs and metrics; also the clock and the garbage collector."""
