"""What the tests of the hosts share: the harnesses of nginx and Envoy put this folder's parent on their path."""
