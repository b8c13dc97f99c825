"""The video gateways: one adapter each, one door to HTTP, and the choice among them."""
