"""Attacks on a running sandbox: what is tried inside, and how each answer is judged."""
