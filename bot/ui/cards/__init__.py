"""What people see: one module a card."""
