"""The examples of pods, read by Airflow's provider and Kubernetes' own client, which requirements-workers.txt holds."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from recsys_tasks.core.installation import TasksConfig

client = pytest.importorskip("kubernetes.client", reason="requirements-workers.txt")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "kubernetes"
PODS = sorted(EXAMPLES.glob("*.yaml"))


@pytest.fixture(scope="module")
def generator(airflow_home: Path) -> Any:
    """Airflow's own reader of pods, imported once Airflow is configured."""
    return pytest.importorskip("airflow.providers.cncf.kubernetes.pod_generator").PodGenerator


def known(generator: Any, text: str) -> tuple[Any, Any]:
    """What stands in a file, and what of it a pod of the client knows."""
    written = yaml.safe_load(text)
    pod = generator.deserialize_model_dict(written)
    return written, client.ApiClient().sanitize_for_serialization(pod)


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.name)
def test_every_word_of_an_example_is_one_of_a_pod(generator: Any, path: Path) -> None:
    """The client gives back all that stands in the file: it drops without a word what no pod has."""
    written, understood = known(generator, path.read_text())
    assert understood == written
    misspelt, understood = known(generator, path.read_text().replace("sizeLimit", "sizelimit"))
    assert understood != misspelt


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.name)
def test_airflow_makes_a_task_s_pod_of_it(generator: Any, path: Path) -> None:
    """The provider puts its command into the container of the example, and leaves it the rest."""
    template = generator.deserialize_model_file(str(path))
    made = generator.construct_pod(
        dag_id="daily_recommendations",
        task_id="train_als",
        pod_id="daily-recommendations-train-als-1",
        try_number=1,
        kube_image="",
        date=None,
        args=["python", "-m", "airflow.sdk.execution_time.execute_workload"],
        pod_override_object=None,
        base_worker_pod=template,
        namespace="recsys",
        scheduler_job_id="1",
    )
    (container,) = made.spec.containers
    assert (container.image, container.args[0]) == (template.spec.containers[0].image, "python")
    assert container.resources == template.spec.containers[0].resources
    assert {"RECSYS_ROOT", "RECSYS_CONFIG", "AIRFLOW_IS_K8S_EXECUTOR_POD"} <= {each.name for each in container.env}
    assert [volume.name for volume in made.spec.volumes] == ["cache", "configuration"]


def test_the_executor_takes_what_docs_workers_says(generator: Any) -> None:
    """The lines of the document are a configuration, and name a file that the executor takes the pod from."""
    text = (EXAMPLES.parents[1] / "workers.md").read_text()
    (written,) = [
        block for block in re.findall(r"(?:^    .*\n)+", text, re.MULTILINE) if "pod_template_file = " in block
    ]
    asked = TasksConfig.model_validate(tomllib.loads(written)["tasks"]).of("train_als")
    assert asked["executor"] == "KubernetesExecutor"
    assert generator.from_obj(asked["executor_config"]) is None, "nothing of it has to be a pod already"
    assert (EXAMPLES / Path(asked["executor_config"]["pod_template_file"]).name).exists()
