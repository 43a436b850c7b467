"""Speak HTTP to ChumiAI: typed values in and out, one error tree, no Django and no retries."""
