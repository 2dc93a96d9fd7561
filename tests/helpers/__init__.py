"""What tests of several rooms share: servers, deployments, factories, judges."""
