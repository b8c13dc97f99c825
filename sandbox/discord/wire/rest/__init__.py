"""Discord's REST interface: one module per resource behind one server (`server`)."""
