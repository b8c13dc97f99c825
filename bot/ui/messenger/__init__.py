"""Discord, outwards: the Messenger port on a logged-in client."""
