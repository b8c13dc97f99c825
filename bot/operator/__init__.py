"""What an operator, or a machine in their place, does next to the running bot."""
