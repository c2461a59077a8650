"""What the tests of rollouts share."""

from harness import tree_digest

NAMES = ("engine1.test", "engine2.test", "engine3.test")


def replaceable(appliance):
    """SHA-256 of what a replace may change, generation numbers and manifests aside."""
    return {part: tree_digest(appliance.file(part)) for part in ("identities", "trust", "defaults", "profiles", "endpoints")}
