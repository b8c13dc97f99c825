"""The providers: one adapter each, one HTTP client, and the choice among them."""
