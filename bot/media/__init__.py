"""Files of people and of providers: checked by content, decoded under limits, kept, fitted."""
