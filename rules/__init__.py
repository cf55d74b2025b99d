"""The shop's policy, pure: rules as data, conditions in CEL, caps, and rule tests that are data too."""
