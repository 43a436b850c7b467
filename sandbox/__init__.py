"""A simulated ChumiAI over real HTTP, for demos, tests and rehearsals."""
