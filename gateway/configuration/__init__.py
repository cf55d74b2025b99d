"""What is set: the configuration as values, and how they are read from YAML."""
