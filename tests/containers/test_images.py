"""Both images, built and run for real: what is in them, who runs them, what they paint."""

from io import BytesIO

import pytest
from PIL import Image

from tests.containers.compose import services
from tests.containers.conftest import OWNER, Images, Service
from tests.waiting import until

pytestmark = pytest.mark.containers

API_MEGABYTES = 400


def inside(images: Images, image: str, *command: str) -> str:
    """What a command says in a fresh container, as the image's own user."""
    container = images.buildah("from", "--pull-never", image)
    try:
        return images.buildah("run", "--isolation=chroot", container, "--", *command)
    finally:
        images.buildah("rm", container)


def test_the_api_image_is_small_and_has_no_torch(images: Images) -> None:
    find = "from importlib.util import find_spec; print(find_spec('torch'))"
    assert inside(images, images.api, "python3", "-c", find) == "None"
    assert images.buildah.size_megabytes(images.api) < API_MEGABYTES


def test_the_worker_image_has_a_torch_that_knows_cuda(images: Images) -> None:
    ask = "import torch; print(torch.version.cuda)"
    assert float(inside(images, images.worker, "python3", "-c", ask)) >= 12


def test_the_worker_image_has_the_weights_of_vgg16(images: Images) -> None:
    assert inside(images, images.worker, "ls", "/opt/weights") == "vgg16.safetensors"


@pytest.mark.parametrize("name", ["api", "worker"])
def test_the_volumes_start_out_as_the_user_s_and_our_code_as_root_s(
    images: Images, name: str
) -> None:
    image = getattr(images, name)
    assert inside(images, image, "id", "-u") == str(OWNER)
    volumes = [at for _, at in (v.split(":")[:2] for v in services()[name]["volumes"])]
    for folder in volumes:
        assert inside(images, image, "stat", "-c", "%u %a", folder) == f"{OWNER} 700"
    assert inside(images, image, "find", "/app", "/opt/venv", "-writable", "-type", "f") == ""


def test_a_job_is_painted_through_both_and_both_are_confined(service: Service) -> None:
    stack = service.stack
    jobs = [stack.submit(seed=seed) for seed in (1, 2)]
    for job in jobs:
        done = stack.wait_for_status(job, "succeeded", "failed")
        assert done["status"] == "succeeded", done["error"]
        response = stack.http.get(done["links"]["result"])
        with Image.open(BytesIO(response.content)) as picture:
            assert (picture.format, picture.size) == ("PNG", (64, 48))
    for container in (service.api, service.worker):
        assert container.is_healthy()
        assert "ro" in container.root_options
        status = container.status
        assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(OWNER)}
        assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
        assert status["NoNewPrivs"] == "1"


def test_sigterm_ends_both_in_time_and_gives_the_job_back(service: Service) -> None:
    stack = service.stack
    job = stack.submit(size=128, iterations=5000)
    until(lambda: stack.get_job(job)["iteration"] > 0)
    service.worker.stop()
    given_back = stack.get_job(job)
    assert (given_back["status"], given_back["error"]) == ("queued", None)
    assert not service.worker.is_healthy()
    service.api.stop()
