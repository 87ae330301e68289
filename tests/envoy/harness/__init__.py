"""What the tests of the Envoy module share."""
