"""What is shown and typed: pages and their colours, the card before a call, words as they come, the line one types."""
