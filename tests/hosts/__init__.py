"""What the tests of the hosts share: nginx's and Envoy's put this folder's parent on their path."""
