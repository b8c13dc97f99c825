"""The ports: what the services need from the outside, as Protocols, one module per adapter."""
