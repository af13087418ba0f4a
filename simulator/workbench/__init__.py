"""The trainers' tools: to write a customer, check it, look into it, try it, and keep customers in a spreadsheet."""
