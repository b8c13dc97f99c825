"""REST and gateway, as Discord speaks them."""
