"""Discord, outwards: the client, cards, controls, sentences and delivery. Decides nothing."""
