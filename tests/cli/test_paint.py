"""`pastiche paint`, `submit` and `sweep`, with a simulated worker."""

import json
import signal
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from local.supervisor import free_port
from pastiche.options import Options
from pastiche.picture_settings import describe_settings
from pastiche.pictures import on_white
from shared.job_store import JobStore
from shared.pictures import encode_png
from shared.settings import Settings
from tests import pictures
from tests.api.worker import PlayedWorker, png
from tests.cli.command import Shell, url_of
from tests.conftest import RunningApi, running_api
from tests.picture_cases import CASES, assert_masks, assert_shows
from tests.waiting import TIMEOUT_SECONDS, until

pytestmark = pytest.mark.slow


def submitted(api: RunningApi, jobs: JobStore, count: int = 1) -> list[PlayedWorker]:
    """Waits for this number of submitted jobs, and returns workers that have claimed them."""

    def look() -> list[str]:
        found = [job["id"] for job in api.http.get("/jobs").json()["jobs"]]
        return found if len(found) == count else []

    return [PlayedWorker.of({"id": job_id}, jobs, api) for job_id in until(look)]


def save_painted(path: Path, options: Options, job_id: str | None = None) -> None:
    """Saves a picture that was painted with these options, for this job."""
    settings = describe_settings(options, "vgg16", job_id)
    path.write_bytes(encode_png(pictures.photograph(48, 32), settings))


def test_it_submits_waits_and_saves(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    painting = shell.start(
        "paint", "me.jpg", "-s", "wave.png", "-o", "out.jpg", "--style-weight", "0.7"
    )
    (worker,) = submitted(api, jobs)
    worker.report_progress()
    worker.commit(png(40, 30))
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert (painting.returncode, err.decode()) == (0, "me.jpg is painted: out.jpg\n")
    with Image.open(folder / "out.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (40, 30))
    (job,) = api.http.get("/jobs").json()["jobs"]
    assert job["options"]["style_weight"] == 0.7


def test_a_picture_without_an_output_is_saved_in_the_current_folder(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    painting = shell.start("paint", "me.jpg", "-s", "wave.png")
    submitted(api, jobs)[0].commit()
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert err == b"me.jpg is painted: me-in-the-style-of-wave.png\n"
    assert (folder / "me-in-the-style-of-wave.png").read_bytes()[1:4] == b"PNG"


def test_a_list_of_photographs_never_becomes_styles(shell: Shell, api: RunningApi) -> None:
    assert shell.run("submit", "me.jpg", "wave.png").code == 2
    ended = shell.run("paint", "me.jpg", "wave.png")
    assert ended.code == 2
    assert "name the painting, as in: -s wave.png" in ended.err
    assert api.http.get("/jobs").json()["jobs"] == []


def test_several_photographs_are_painted(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    (folder / "you.jpg").write_bytes(pictures.jpeg())
    painting = shell.start("paint", "me.jpg", "you.jpg", "-s", "wave.png", "-o", "painted")
    for worker in submitted(api, jobs, count=2):
        worker.commit()
    painting.communicate(timeout=TIMEOUT_SECONDS)
    assert sorted(path.name for path in (folder / "painted").iterdir()) == ["me.png", "you.png"]


def test_an_earlier_file_is_replaced_and_the_command_says_so(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    (folder / "out.png").write_bytes(b"earlier")
    painting = shell.start("paint", "me.jpg", "-s", "wave.png", "-o", "out.png")
    submitted(api, jobs)[0].commit()
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert err == b"me.jpg is painted: out.png (an earlier file is replaced)\n"
    assert (folder / "out.png").read_bytes()[1:4] == b"PNG"


def test_no_clobber_paints_only_what_is_missing(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    (folder / "you.jpg").write_bytes(pictures.jpeg())
    (folder / "painted").mkdir()
    (folder / "painted" / "you.png").write_bytes(b"earlier")
    batch = ("paint", "me.jpg", "you.jpg", "-s", "wave.png", "-o", "painted", "--no-clobber")
    painting = shell.start(*batch)
    submitted(api, jobs)[0].commit()
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert painting.returncode == 0
    assert b"you.jpg is not painted: painted/you.png exists.\n" in err
    assert (folder / "painted" / "you.png").read_bytes() == b"earlier"
    assert (folder / "painted" / "me.png").read_bytes()[1:4] == b"PNG"
    assert shell.run(*batch).code == 0
    assert len(api.http.get("/jobs").json()["jobs"]) == 1


def test_a_picture_does_not_replace_what_it_is_painted_from(shell: Shell, api: RunningApi) -> None:
    for output in ("me.jpg", "wave.png"):
        ended = shell.run("paint", "me.jpg", "-s", "wave.png", "-o", output)
        assert ended.code == 2
        assert f"{output} is one of the pictures to paint from" in ended.err
    assert api.http.get("/jobs").json()["jobs"] == []


def test_a_dry_run_says_what_it_would_cost_and_stores_nothing(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    dry = ("paint", "me.jpg", "-s", "wave.png", "--dry-run")
    said = shell.run(*dry).out.decode()
    assert said.startswith("me.jpg: ")
    assert said.endswith(" megapixel iterations, 0 jobs ahead\n")
    estimate = json.loads(shell.run(*dry, "--json", "--size", "64").out)
    assert estimate["output"] == "me-in-the-style-of-wave.png"
    assert estimate["estimate"]["options"]["size"] == 64
    into_a_folder = shell.run("paint", "me.jpg", "wave.png", "-o", "painted", *dry[2:])
    assert into_a_folder.code == 0, into_a_folder.err
    assert api.http.get("/jobs").json()["jobs"] == []
    assert sorted(path.name for path in folder.iterdir()) == ["me.jpg", "wave.png"]


def test_a_dry_run_of_a_job_or_a_sweep_stores_nothing(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    pair = ("me.jpg", "-s", "wave.png", "--dry-run")
    said = shell.run("submit", *pair).out.decode()
    assert said.startswith("me.jpg: ")
    several = shell.run("sweep", *pair, "--seed", "1,2,3").out.decode()
    assert several.startswith("me.jpg: 3 pictures, ")
    job, sweep = (
        json.loads(shell.run(command, *pair, "--json").out) for command in ("submit", "sweep")
    )
    assert sorted(job) == ["content", "estimate"]
    assert sweep["output"] == "sheet.png"
    assert api.http.get("/jobs").json()["jobs"] == []
    assert not (folder / "sheet.png").exists()


def test_quiet_prints_only_errors(shell: Shell, api: RunningApi, jobs: JobStore) -> None:
    painting = shell.start("paint", "me.jpg", "-s", "wave.png", "--adam-step", "0.5", "-q")
    submitted(api, jobs)[0].commit()
    assert painting.communicate(timeout=TIMEOUT_SECONDS) == (b"", b"")
    assert painting.returncode == 0
    ended = shell.run("paint", "nothing.jpg", "-s", "wave.png", "-q")
    assert (ended.code, ended.err) == (4, "There is no file nothing.jpg.\n")


def test_the_settings_of_a_picture_are_repeated(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    options = Options(size=64, seed=7, style_weight=0.9, scale_iterations=(), optimiser="adam")
    save_painted(folder / "painted.png", options)
    again = ("again", "painted.png", "-c", "me.jpg", "-s", "wave.png", "--dry-run", "--json")
    ended = shell.run(*again, "--seed", "8")
    assert ended.code == 0, ended.err
    repeated = json.loads(ended.out)["estimate"]["options"]
    expected = asdict(options) | {"backbone": "vgg16", "seed": 8}
    assert repeated == json.loads(json.dumps(expected))


def test_the_settings_of_a_picture_from_standard_input_are_repeated(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    save_painted(folder / "painted.png", Options(size=64, seed=7))
    again = ("again", "-", "-c", "me.jpg", "-s", "wave.png", "--dry-run", "--json")
    with shell.start(*again) as process:
        out, err = process.communicate(
            (folder / "painted.png").read_bytes(), timeout=TIMEOUT_SECONDS
        )
    assert process.returncode == 0, err
    assert json.loads(out)["estimate"]["options"]["seed"] == 7
    with shell.start(*again) as process:
        _, err = process.communicate((folder / "wave.png").read_bytes(), timeout=TIMEOUT_SECONDS)
    assert err.decode().startswith("standard input does not say how it was painted")


def test_further_pictures_are_read_from_standard_input(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    for field in ("mask", "start_image"):
        flag = f"--{field.replace('_', '-')}"
        with shell.start("submit", "me.jpg", "-s", "wave.png", flag, "-") as process:
            _, err = process.communicate((folder / "me.jpg").read_bytes(), timeout=TIMEOUT_SECONDS)
        assert process.returncode == 0, err
        assert [path for path in api.blobs if path.name == f"{field}-0"]


def test_a_painting_from_a_pipe_is_used_for_every_photograph(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    (folder / "you.jpg").write_bytes(pictures.jpeg(512, 384))
    batch = ("paint", "me.jpg", "you.jpg", "-s", "/dev/stdin", "--dry-run")
    with shell.start(*batch) as process:
        out, err = process.communicate((folder / "wave.png").read_bytes(), timeout=TIMEOUT_SECONDS)
    assert (process.returncode, err) == (0, b"")
    assert [line.partition(":")[0] for line in out.decode().splitlines()] == ["me.jpg", "you.jpg"]


@pytest.mark.parametrize(
    "words",
    [
        ("paint", "-", "-s", "wave.png", "--mask", "-"),
        ("submit", "me.jpg", "-s", "-", "--content-map", "-"),
        ("sweep", "me.jpg", "-s", "wave.png", "--mask", "-", "--style-mask", "-"),
        ("again", "-", "-c", "-", "-s", "wave.png"),
        ("again", "-", "-c", "me.jpg", "-s", "wave.png", "--start-image", "-"),
    ],
)
def test_only_one_picture_is_read_from_standard_input(shell: Shell, words: tuple[str, ...]) -> None:
    ended = shell.run(*words)
    assert ended.code == 2
    assert "only one picture can be read from standard input" in ended.err


def test_a_picture_is_not_replaced_by_its_repetition(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    picture = "me-in-the-style-of-wave.png"
    save_painted(folder / picture, Options(size=64))
    again = ("again", picture, "-c", "me.jpg", "-s", "wave.png", "--dry-run", "--json")
    ended = shell.run(*again)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["output"] == "me-in-the-style-of-wave-2.png"
    assert "pictures to paint from" in shell.run(*again, "-o", picture).err


def test_the_settings_of_a_picture_are_turned_off(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    own = Options(size=64, gradient_normalisation=True, keep_transparency=True)
    save_painted(folder / "painted.png", own)
    again = ("again", "painted.png", "-c", "me.jpg", "-s", "wave.png", "--dry-run", "--json")
    ended = shell.run(*again, "--no-keep-transparency")
    assert ended.code == 0, ended.err
    options = json.loads(ended.out)["estimate"]["options"]
    assert (options["keep_transparency"], options["gradient_normalisation"]) == (False, True)


def test_a_start_image_that_is_given_replaces_the_start_of_a_picture(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    save_painted(folder / "painted.png", Options(size=64, start="noise"))
    again = ("again", "painted.png", "-c", "me.jpg", "-s", "wave.png", "--dry-run", "--json")
    ended = shell.run(*again, "--start-image", "me.jpg")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["estimate"]["options"]["start"] == "image"


def test_a_picture_that_was_painted_from_a_start_image_needs_it_again(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    save_painted(folder / "painted.png", Options(size=64, start="image"))
    again = ("again", "painted.png", "-c", "me.jpg", "-s", "wave.png")
    for place in ("--dry-run", "--local"):
        ended = shell.run(*again, place)
        assert ended.code == 2
        assert "was painted from a start image: give it with --start-image, or" in ended.err
    for start in (("--start", "content"), ("--start-image", "me.jpg")):
        assert shell.run(*again, "--dry-run", *start).code == 0


def test_the_style_weights_of_a_picture_are_not_used_for_another_number_of_styles(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    save_painted(folder / "painted.png", Options(size=64, style_weights=(0.7, 0.3)))
    again = ("again", "painted.png", "-c", "me.jpg", "-s", "wave.png", "--dry-run", "--json")
    ended = shell.run(*again)
    assert ended.err == "The style weights of painted.png are not used: 2 for 1 style.\n"
    assert json.loads(ended.out)["estimate"]["options"]["style_weights"] == []
    ended = shell.run(*again, "-s", "wave.png")
    assert ended.err == ""
    assert json.loads(ended.out)["estimate"]["options"]["style_weights"] == [0.7, 0.3]


def submit_job(api: RunningApi, **fields: str) -> str:
    """Submits a job with every kind of picture, and returns its id."""
    files = {
        "content": pictures.jpeg(512, 384),
        "style": pictures.png(512, 512),
        "mask": pictures.png(512, 384),
        "start_image": pictures.png(512, 384),
    }
    response = api.http.post("/jobs", files=files, data={"size": "64", **fields})
    assert response.status_code == 202, response.text
    job_id: str = response.json()["id"]
    return job_id


def inputs_of(api: RunningApi, job_id: str) -> dict[str, bytes]:
    """The pictures of a job, by their names in the blob store."""
    inputs = [path for path in api.blobs if {job_id, "inputs"} <= set(path.parts)]
    return {path.name: path.read_bytes() for path in inputs}


def test_a_picture_is_repeated_with_the_pictures_that_the_service_has(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    first = submit_job(api)
    save_painted(folder / "painted.png", Options(size=64, seed=7, start="image"), first)
    painting = shell.start("again", "painted.png", "--seed", "8", "--json")
    worker = next(each for each in submitted(api, jobs, count=2) if each.job_id != first)
    worker.commit()
    out, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert painting.returncode == 0, err
    document = json.loads(out)
    assert (document["content"], document["output"]) == ("painted.png", "painted-2.png")
    assert (document["job"]["options"]["seed"], document["job"]["options"]["size"]) == (8, 64)
    assert inputs_of(api, worker.job_id) == inputs_of(api, first)
    assert (folder / "painted-2.png").exists()


@pytest.mark.parametrize(
    ("flags", "output", "again"),
    [
        (("-s", "wave.png"), "painted-in-the-style-of-wave.png", {"content-0", "start_image-0"}),
        (
            ("-c", "me.jpg", "--start", "content"),
            "me-in-the-style-of-painted.png",
            {"style-0", "mask-0"},
        ),
    ],
)
def test_a_picture_that_is_given_replaces_that_of_the_job(
    shell: Shell,
    folder: Path,
    api: RunningApi,
    jobs: JobStore,
    flags: tuple[str, ...],
    output: str,
    again: set[str],
) -> None:
    (folder / "me.jpg").write_bytes(
        pictures.encoded(pictures.photograph(512, 384).rotate(180), "JPEG")
    )
    (folder / "wave.png").write_bytes(pictures.png(300, 300))
    first = submit_job(api)
    save_painted(folder / "painted.png", Options(size=64, start="image"), first)
    painting = shell.start("again", "painted.png", *flags)
    worker = next(each for each in submitted(api, jobs, count=2) if each.job_id != first)
    worker.commit()
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert painting.returncode == 0, err
    before, after = inputs_of(api, first), inputs_of(api, worker.job_id)
    assert {name for name, data in after.items() if data == before.get(name)} == again
    assert (folder / output).exists()


def test_a_dry_run_repeats_a_job_and_stores_nothing(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    save_painted(folder / "painted.png", Options(size=64, start="image"), submit_job(api))
    ended = shell.run("again", "painted.png", "--dry-run")
    assert ended.code == 0, ended.err
    assert ended.out.startswith(b"painted.png: ")
    assert len(api.http.get("/jobs").json()["jobs"]) == 1


def test_a_picture_whose_job_is_gone_needs_its_pictures(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    job_id = submit_job(api)
    save_painted(folder / "painted.png", Options(size=64), job_id)
    api.http.delete(f"/jobs/{job_id}").raise_for_status()
    gone = "The service no longer has the pictures of this job: give "
    for flags, missing in (
        ((), "--content and --style"),
        (("-c", "me.jpg"), "--style"),
        (("-s", "wave.png", "--dry-run"), "--content"),
    ):
        ended = shell.run("again", "painted.png", *flags)
        assert (ended.code, ended.err) == (3, f"{gone}{missing}.\n")
    assert (
        shell.run("again", "painted.png", "-c", "me.jpg", "-s", "wave.png", "--dry-run").code == 0
    )


def test_a_picture_without_the_id_of_a_job_needs_its_pictures(shell: Shell, folder: Path) -> None:
    save_painted(folder / "painted.png", Options(size=64))
    ended = shell.run("again", "painted.png")
    assert ended.code == 2
    assert "painted.png does not name the job of a service: give --content and" in ended.err


def test_local_painting_needs_the_pictures_of_an_earlier_one(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    save_painted(folder / "painted.png", Options(size=64), submit_job(api))
    ended = shell.run("again", "painted.png", "-s", "wave.png", "--local")
    assert ended.code == 2
    assert "--local needs --content: the file does not name its pictures" in ended.err


def test_a_mask_is_given_with_the_picture_that_it_belongs_to(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    save_painted(folder / "painted.png", Options(size=64), submit_job(api))
    for flag, owner in (("--mask", "--style"), ("--content-map", "--content")):
        ended = shell.run("again", "painted.png", flag, "me.jpg")
        assert ended.code == 2
        assert f"{flag} needs {owner} as well" in ended.err


def test_a_picture_without_settings_cannot_be_repeated(shell: Shell) -> None:
    for picture, err in (
        ("wave.png", "wave.png does not say how it was painted: Pastiche has not saved it.\n"),
        ("nothing.png", "There is no file nothing.png.\n"),
    ):
        ended = shell.run("again", picture, "-c", "me.jpg", "-s", "wave.png")
        assert (ended.code, ended.err) == (4, err)


def test_local_painting_writes_settings_that_give_the_same_picture(
    shell: Shell, folder: Path
) -> None:
    quick = ("--size", "64", "--iterations", "2", "--backbone", "whitened", "--start", "noise")
    pair = ("-s", "wave.png", "--local")
    first = shell.run("paint", "me.jpg", *pair, *quick, "--seed", "3", "-o", "first.png")
    assert first.code == 0, first.err
    second = shell.run("again", "first.png", "-c", "me.jpg", *pair, "-o", "second.png")
    assert second.code == 0, second.err
    data = (folder / "first.png").read_bytes()
    assert data == (folder / "second.png").read_bytes()
    assert b"me.jpg" not in data
    assert b"wave" not in data


def test_local_painting_rejects_what_only_a_service_can_do(shell: Shell) -> None:
    for words, err in (
        (("https://example.org/me.jpg", "-s", "wave.png"), "must be fetched by a service"),
        (("me.jpg", "-s", "example:wave"), "example:wave must be fetched by a service"),
    ):
        ended = shell.run("paint", *words, "--local")
        assert ended.code == 2
        assert err in ended.err


def test_a_dry_run_of_local_painting_says_what_it_would_paint(shell: Shell, folder: Path) -> None:
    dry = ("paint", "me.jpg", "-s", "wave.png", "--local", "--dry-run", "--backbone", "whitened")
    ended = shell.run(*dry, "--size", "128", "--iterations", "20", "--scales", "2")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.decode() == (
        "me.jpg: 128×96 pixels, 20 iterations, 0.154 megapixel iterations\n"
    )
    document = json.loads(shell.run(*dry, "--size", "64", "--json").out)
    assert document["output"] == "me-in-the-style-of-wave.png"
    assert (document["estimate"]["width"], document["estimate"]["height"]) == (64, 48)
    (folder / "mask.png").write_bytes(pictures.png(64, 64))
    ended = shell.run(*dry, "--mask", "mask.png")
    assert ended.code == 4
    assert "mask" in ended.err
    assert sorted(path.name for path in folder.iterdir()) == ["mask.png", "me.jpg", "wave.png"]


def test_a_script_reads_and_writes_pipes_and_json(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    painting = shell.start("paint", "-", "-s", "wave.png", "-o", "-", "--format", "webp")
    assert painting.stdin is not None
    painting.stdin.write(pictures.jpeg())
    painting.stdin.close()
    painting.stdin = None
    submitted(api, jobs)[0].commit()
    out, _ = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert (out[:4], out[8:12]) == (b"RIFF", b"WEBP")


def test_json_has_the_path_of_the_picture(shell: Shell, api: RunningApi, jobs: JobStore) -> None:
    painting = shell.start("paint", "me.jpg", "-s", "wave.png", "-o", "out.png", "--json")
    submitted(api, jobs)[0].commit()
    out, _ = painting.communicate(timeout=TIMEOUT_SECONDS)
    err = json.loads(out)
    assert (err["content"], err["output"]) == ("me.jpg", "out.png")
    assert err["job"]["status"] == "succeeded"


def test_a_folder_is_painted_into_a_folder_and_failures_are_reported(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    album = folder / "album"
    album.mkdir()
    for name in ("a.jpg", "a.png", "b.jpg"):
        (album / name).write_bytes(pictures.jpeg())
    (album / "._a.jpg").write_bytes(b"\0\5\x16\7")  # macOS writes such files beside pictures
    (album / "scan.gif").write_bytes(b"GIF89a")
    (album / "notes.txt").write_text("no picture")
    painting = shell.start("paint", "album", "-s", "wave.png", "-o", "painted")
    for worker in submitted(api, jobs, count=3):
        worker.commit()
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert sorted(path.name for path in (folder / "painted").iterdir()) == [
        "a-2.png",
        "a.png",
        "b.png",
    ]
    assert b"album/scan.gif is a GIF" in err
    assert b"3 of 4 painted." in err
    assert painting.returncode == 4


def test_painting_survives_an_interruption_of_the_service(
    redis_url: str, jobs: JobStore, tmp_path: Path, folder: Path
) -> None:
    settings = Settings(
        redis_url=redis_url, data_folder=tmp_path / "data", port=free_port("127.0.0.1", 0)
    )
    with running_api(settings) as api:
        shell = Shell(folder, url_of(api))
        painting = shell.start("paint", "me.jpg", "-s", "wave.png", "-o", "out.png")
        (worker,) = submitted(api, jobs)
        api.process.terminate()
        api.process.wait(20)
    worker.commit()
    assert painting.stderr is not None
    assert b"this command waits for the service" in painting.stderr.readline()
    with running_api(settings):
        _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert err.decode().splitlines() == [
        "The service is back.",
        "me.jpg is painted: out.png",
    ]
    assert painting.returncode == 0


def test_ctrl_c_cancels_nothing_and_says_how_to_continue(
    shell: Shell, api: RunningApi, jobs: JobStore
) -> None:
    until(lambda: api.open_streams == 0)
    painting = shell.start("paint", "me.jpg", "-s", "wave.png", "-o", "out.png", "--json")
    (worker,) = submitted(api, jobs)
    until(lambda: api.open_streams == 1)
    painting.send_signal(signal.SIGINT)
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert painting.returncode == 130
    assert err.decode().endswith(f"To watch it again: pastiche watch {worker.job_id}\n")
    assert api.http.get(f"/jobs/{worker.job_id}").json()["status"] == "running"


def test_no_photograph_is_overwritten(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    album = folder / "album"
    album.mkdir()
    photograph = pictures.png(512, 384)
    (album / "a.png").write_bytes(photograph)
    painting = shell.start("paint", "album", "-s", "wave.png", "-o", "album")
    submitted(api, jobs)[0].commit()
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert err == b"album/a.png is painted: album/a-2.png\n"
    assert (album / "a.png").read_bytes() == photograph


def test_a_picture_that_cannot_be_saved_stays_in_the_service(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    (folder / "painted").mkdir()
    painting = shell.start("paint", "me.jpg", "-s", "wave.png", "-o", "painted/me.png")
    (worker,) = submitted(api, jobs)
    (folder / "painted").rmdir()
    (folder / "painted").touch()
    worker.commit()
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert painting.returncode == 4
    assert b"painted/me.png cannot be saved: File exists." in err
    assert f"pastiche get {worker.job_id} -o painted/me.png".encode() in err


def test_a_picture_that_could_not_be_saved_is_not_painted(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    protected = folder / "protected"
    protected.mkdir()
    (folder / "earlier.png").write_bytes(b"earlier")
    (folder / "folder.png").mkdir()
    for path in (protected, folder / "earlier.png"):
        path.chmod(0o555)
    for output, err in (
        ("protected/out.png", "its folder is write-protected."),
        ("protected", "its folder is write-protected."),
        ("protected/new/", "cannot be created in protected."),
        ("earlier.png", "earlier.png cannot be saved: it is write-protected."),
        (f"{'x' * 300}.png", "cannot be saved: File name too long."),
    ):
        for place in ((), ("--local",)):
            ended = shell.run("paint", "me.jpg", "-s", "wave.png", "-o", output, *place)
            assert (ended.code, err in ended.err) == (4, True), ended.err
    ended = shell.run("sweep", "me.jpg", "-s", "wave.png", "--seed", "1,2", "-o", "folder.png")
    assert (ended.code, ended.err) == (4, "folder.png cannot be saved: it is a folder.\n")
    assert api.http.get("/jobs").json()["jobs"] == []
    earlier = ("paint", "me.jpg", "-s", "wave.png", "-o", "earlier.png", "--no-clobber")
    assert shell.run(*earlier).code == 0


def test_local_painting_rejects_flags_that_need_a_service(shell: Shell) -> None:
    ended = shell.run(
        "paint", "me.jpg", "-s", "wave.png", "-o", "x.png", "--local", "--priority", "low"
    )
    assert ended.code == 2
    assert "--priority needs a service" in ended.err


@pytest.mark.parametrize(
    ("flags", "err"),
    [
        (("--style-weights", "1,2"), "style_weights: must be one for each of 1 styles: 2 given."),
        (("--start", "image"), "start_image: must be given where start is image."),
        (("--mask", "me.jpg", "--style-blend", "statistics"), "style_blend: must be losses"),
        (("--scale-iterations", "9,9,9,9", "--size", "64"), "scale_iterations: must have fewer"),
    ],
)
def test_options_that_do_not_fit_the_pictures_are_usage_errors_of_local_painting(
    shell: Shell, flags: tuple[str, ...], err: str
) -> None:
    paint = ("paint", "me.jpg", "-s", "wave.png", "--local", "--backbone", "whitened")
    for more in ((), ("--dry-run",)):
        ended = shell.run(*paint, *flags, *more)
        assert (ended.code, err in ended.err) == (2, True), ended.err


def test_invalid_files_are_reported_before_anything_is_sent(shell: Shell, folder: Path) -> None:
    (folder / "page.pdf").write_bytes(b"%PDF-1.7")
    for content, err in (
        ("page.pdf", "page.pdf is a PDF; JPEG, PNG, WebP and AVIF are accepted: save the page"),
        ("nothing.jpg", "There is no file nothing.jpg."),
        ("*.bmp", "No picture was found in *.bmp."),
    ):
        ended = shell.run(
            "paint", content, "-s", "wave.png", "-o", "x.png", "--url", "http://[::1]:9"
        )
        assert ended.code == 4
        assert err in ended.err


def test_a_picture_and_json_do_not_go_to_the_same_pipe(shell: Shell) -> None:
    ended = shell.run("paint", "me.jpg", "-s", "wave.png", "-o", "-", "--json")
    assert (ended.code, ended.out) == (2, b"")
    assert "together with --json" in ended.err


def test_invalid_flags_are_reported_with_what_is_valid(shell: Shell) -> None:
    pair = ("submit", "me.jpg", "-s", "wave.png")
    for flags, err in (
        (("--size", "5"), "must be a whole number between 16 and 8192 pixels"),
        (("--colour", "blue"), "'statistics'"),
        (("--style-layers", "relu9_9"), "layers from relu1_1 to relu5_4"),
    ):
        ended = shell.run(*pair, *flags)
        assert ended.code == 2
        assert err in ended.err


def test_a_style_of_the_service_is_named(shell: Shell, api: RunningApi) -> None:
    ended = shell.run("submit", "me.jpg", "-s", "example:wave", "-s", "example:fire")
    assert ended.code == 0, ended.err
    refused = shell.run("submit", "me.jpg", "-s", "example:waves")
    assert refused.code != 0
    assert "Did you mean `example:wave`?" in refused.err


def test_an_error_of_the_service_is_shown(shell: Shell) -> None:
    ended = shell.run(
        "submit", "me.jpg", "-s", "wave.png", "--style-weights", "1,1", "--size", "4096"
    )
    assert ended.code == 3
    assert "must be one for each of 1 styles" in ended.err


def test_every_kind_of_flag_arrives_as_the_option(shell: Shell) -> None:
    ended = shell.run(
        *("submit", "me.jpg", "-s", "wave.png", "-s", "wave.png", "--preset", "draft", "--json"),
        *("--gradient-normalisation", "--style-weights", "0.7,0.3", "--optimiser", "adam"),
        *("--style-layers", "relu1_1:1,relu3_1:0.5", "--priority", "low", "--mask", "me.jpg"),
        *("--mask", "me.jpg"),
    )
    assert ended.err == ""
    job = json.loads(ended.out)
    assert (job["options"]["size"], job["priority"]) == (256, "low")
    assert job["options"]["gradient_normalisation"] is True
    assert job["options"]["style_weights"] == [0.7, 0.3]
    assert job["options"]["style_layers"] == {"relu1_1": 1.0, "relu3_1": 0.5}
    assert job["options"]["optimiser"] == "adam"


def test_a_sweep_ends_in_a_contact_sheet(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    sweep = ("sweep", "me.jpg", "-s", "wave.png", "-o", "sheet.png", "--style-weight", "0.2,0.8")
    sweeping = shell.start(*sweep, "--cell", "64")
    for worker in submitted(api, jobs, count=2):
        worker.commit()
    _, err = sweeping.communicate(timeout=TIMEOUT_SECONDS)
    assert (sweeping.returncode, err) == (0, b"2 of 2 painted: sheet.png\n")
    with Image.open(folder / "sheet.png") as sheet:
        assert (sheet.format, sheet.width > 64) == ("PNG", True)


def test_a_sweep_says_that_its_sheet_replaces_an_earlier_file(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    (folder / "sheet.png").write_bytes(b"earlier")
    sweeping = shell.start("sweep", "me.jpg", "-s", "wave.png", "--seed", "1,2")
    for worker in submitted(api, jobs, count=2):
        worker.commit()
    _, err = sweeping.communicate(timeout=TIMEOUT_SECONDS)
    assert err == b"2 of 2 painted: sheet.png (an earlier file is replaced)\n"
    assert (folder / "sheet.png").read_bytes()[1:4] == b"PNG"


def test_the_sheet_of_a_sweep_does_not_replace_what_it_is_painted_from(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    (folder / "sheet.png").write_bytes(pictures.png(512, 512))
    for words, name in (
        (("me.jpg", "-s", "wave.png", "-o", "me.jpg"), "me.jpg"),
        (("me.jpg", "-s", "sheet.png"), "sheet.png"),
        (("me.jpg", "-s", "wave.png", "--mask", "sheet.png"), "sheet.png"),
    ):
        ended = shell.run("sweep", *words, "--seed", "1,2")
        assert ended.code == 2
        assert f"{name} is one of the pictures to paint from" in ended.err
    assert api.http.get("/jobs").json()["jobs"] == []


def test_warnings_go_to_standard_error(shell: Shell, api: RunningApi, jobs: JobStore) -> None:
    painting = shell.start(
        "paint", "me.jpg", "-s", "wave.png", "-o", "out.png", "--style-scale", "2"
    )
    submitted(api, jobs)[0].commit()
    out, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    warning, painted = err.decode().splitlines()
    assert warning.startswith("Warning: The style image is 512×512 pixels")
    assert (painting.returncode, out, painted) == (0, b"", "me.jpg is painted: out.png")


def test_a_batch_warns_of_its_style_image_once_and_of_each_content_image_by_name(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    album = folder / "album"
    album.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (album / name).write_bytes(pictures.jpeg())
    painting = shell.start(
        "paint", "album", "-s", "wave.png", "-o", "painted", "--style-scale", "2"
    )
    for worker in submitted(api, jobs, count=2):
        worker.commit()
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    warnings = [line for line in err.decode().splitlines() if line.startswith("Warning: ")]
    named = sorted(line.partition(" image is ")[0] for line in warnings)
    assert named == [
        "Warning: The style",
        "Warning: album/a.jpg: The content",
        "Warning: album/b.jpg: The content",
    ]


def test_a_submission_and_a_sweep_warn_as_well(
    shell: Shell, api: RunningApi, jobs: JobStore
) -> None:
    ended = shell.run("submit", "me.jpg", "-s", "wave.png", "--adam-step", "0.5")
    assert ended.err.startswith("Warning: The optimiser is L-BFGS")
    assert ended.out.decode().strip().isalnum()
    sweep = ("sweep", "me.jpg", "-s", "wave.png", "-o", "sheet.png", "--style-weight", "0.2,0.8")
    sweeping = shell.start(*sweep, "--adam-step", "0.5")
    for worker in submitted(api, jobs, count=3)[:2]:
        worker.commit()
    _, err = sweeping.communicate(timeout=TIMEOUT_SECONDS)
    assert err.decode().count("Warning: The optimiser is L-BFGS") == 1


def test_pictures_are_read_by_their_files_in_every_field(
    shell: Shell, folder: Path, api: RunningApi
) -> None:
    given = {
        "content": "white on nothing",
        "style": "16-bit grey",
        "start_image": "JPEG without its last two bytes",
        "mask": "white on nothing, by a palette",
        "style_mask": "16-bit RGB with a transparent colour",
        "content_map": "PNG with a long profile",
    }
    for field, name in given.items():
        (folder / field).write_bytes(CASES[name].data)
    flags = ("start_image", "mask", "style_mask", "content_map")
    more = [word for name in flags for word in (f"--{name.replace('_', '-')}", name)]
    assert shell.run("submit", "content", "-s", "style", *more, "--keep-transparency").code == 0
    for path in api.blobs:
        field = path.name.partition("-")[0]
        case = CASES[given[field]]
        with Image.open(path) as picture:
            if field in ("mask", "style_mask", "content_map"):
                assert_masks(picture.convert("L"), case)
            else:
                assert_shows(on_white(picture), case)
    (job,) = api.http.get("/jobs").json()["jobs"]
    assert job["options"]["keep_transparency"] is True


def test_local_painting_warns_as_a_service_does(shell: Shell) -> None:
    quick = ("--local", "--size", "32", "--adam-step", "0.5")
    painting = shell.start("paint", "me.jpg", "-s", "wave.png", "-o", "x.png", *quick)
    assert painting.stderr is not None
    assert painting.stderr.readline().startswith(b"Warning: The optimiser is L-BFGS")


def test_local_painting_keeps_the_transparency_of_the_content(shell: Shell, folder: Path) -> None:
    alpha = Image.linear_gradient("L").resize((64, 48))
    cut_out = pictures.photograph(64, 48)
    cut_out.putalpha(alpha)
    cut_out.save(folder / "content.png")
    (folder / "small.png").write_bytes(pictures.png(64, 64))
    quick = ("--size", "64", "--iterations", "1", "--scales", "1", "--backbone", "whitened")
    here = ("--local", "--keep-transparency", *quick)
    ended = shell.run("paint", "content.png", "-s", "small.png", "-o", "painted.webp", *here)
    assert ended.code == 0, ended.err
    with Image.open(folder / "painted.webp") as picture:
        assert picture.getchannel("A").tobytes() == alpha.tobytes()
