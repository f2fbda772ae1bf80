"""What reproduces the source papers; nothing in the library depends on it."""
