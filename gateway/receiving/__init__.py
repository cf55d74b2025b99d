"""The radios at work: each watched, told from deaf, and helped."""
