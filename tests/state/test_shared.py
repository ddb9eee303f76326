"""`wt shared down` removes what is there, and says what stays, or that there is nothing."""

import pytest

from state.world import World
from wt import docker, inventory, naming, trust
from wt.commands import shared


@pytest.fixture
def world(empty_world: World) -> World:
    """Whose shared services run."""
    shared.up(empty_world.context)
    return empty_world


def said(world: World, *, volumes: bool) -> list[str]:
    world.told.lines.clear()
    shared.down(world.context, volumes=volumes)
    return world.told.lines


def test_the_data_can_go_after_the_services(world: World) -> None:
    project = naming.shared_project_name(world.repository)
    assert said(world, volumes=False) == [f"shared services {project} removed, their data kept"]
    assert docker.containers(project=project) == () and inventory.volumes_of(project) == (f"{project}_data",)
    assert said(world, volumes=False) == [f"shared services {project}: nothing is there but their data"]
    assert inventory.volumes_of(project) == (f"{project}_data",)
    assert said(world, volumes=True) == [f"shared services {project} removed, their data too"]
    assert inventory.volumes_of(project) == ()
    for volumes in (True, False):
        assert said(world, volumes=volumes) == [f"shared services {project}: nothing is there"]


def test_data_with_a_name_of_its_own_stays_and_is_named(world: World) -> None:
    said(world, volumes=True)
    file, settings = (world.path / ".devcontainer" / name for name in ("docker-compose.shared.yml", "wt.toml"))
    file.write_text(file.read_text().replace("data: {labels", "data: {name: shop-data, labels"))
    settings.write_text(settings.read_text() + '[allow]\nvolumes = ["shared/data"]\n')
    trust.record(world.repository, trust.look(world.path))
    shared.up(world.context)
    project = naming.shared_project_name(world.repository)
    stays = "volume shop-data has a name of its own, and stays: `docker volume rm shop-data` removes it"
    assert said(world, volumes=True) == [f"shared services {project} removed, their data too", stays]
    assert said(world, volumes=True) == [f"shared services {project}: nothing is there", stays]
    assert inventory.volumes_of(project) == ("shop-data",)
