"""The vocabulary's terms found in a text."""
