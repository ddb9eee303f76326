"""Which images are wt's own: those that compose built, by the name that compose gave them."""

import pytest

from wt import docker

BUILT = {docker.PROJECT: "shop-x-123456", "com.docker.compose.service": "app"}


@pytest.mark.parametrize(
    ("names", "labels", "removed_by"),
    [
        (["shop-x-123456-app:latest"], {}, "shop-x-123456-app:latest"),
        (["a-name-of-the-user:1", "shop-x-123456-app:latest"], {}, "shop-x-123456-app:latest"),
        ([], {}, "sha256:1"),
        (None, {}, "sha256:1"),
        (["a-name-of-the-user:1"], {}, None),
        (["snapshot:1"], {docker.NUMBER: "1"}, None),
        ([], {docker.NUMBER: "1"}, None),
    ],
    ids=["built", "named by the user too", "older build", "older build", "named by the user", "snapshot", "nameless"],
)
def test_what_a_user_made_of_an_image_is_not_taken_for_it(
    names: list[str] | None, labels: dict[str, str], removed_by: str | None
) -> None:
    assert docker.own_image("sha256:1", names, BUILT | labels) == removed_by
