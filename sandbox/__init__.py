"""A ChumiAI of our own over real HTTP, for demos, tests and rehearsals."""
