"""The verbs of campaigns, by noun."""
