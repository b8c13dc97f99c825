"""The durable machine that carries generations through their life, one committed step at a time."""
