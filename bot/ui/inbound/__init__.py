"""Discord, inwards: what people do becomes calls of the services."""
