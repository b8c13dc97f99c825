"""Discord's REST interface: one module per resource, one door (`door`) in front of them."""
