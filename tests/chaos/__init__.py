"""Proof by killing: campaigns go out while workers die, freeze, and ChumiAI misbehaves."""
