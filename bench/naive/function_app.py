"""The function that people write first: ten lines, one `requests.post` for each event and each timer."""

import os

import azure.functions as func
import requests

app = func.FunctionApp()


def start(parameters: dict[str, str]) -> None:
    requests.post(
        os.environ["PIPELINE_ENDPOINT"],
        json={"ExperimentName": "naive", "ParameterAssignments": parameters},
        headers={"Authorization": f"Bearer {os.environ['NAIVE_TOKEN']}"},
        timeout=60,
    )


@app.blob_trigger(
    arg_name="client", path="uploads/{name}", connection="AzureWebJobsStorage", source=func.BlobSource.EVENT_GRID
)
def uploads(client: func.InputStream) -> None:
    start({"source": str(client.name)})


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def hourly(timer: func.TimerRequest) -> None:
    start({})
