"""The Azure clouds: token audiences and the addresses of Azure Resource Manager and the studio.

Hosts and audiences as in azureml-core 1.61 (_project/_commands.py, core/authentication.py) and azure-ai-ml 1.35
(_azure_environments.py).
"""

from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct


class Audience(Enum):
    """The service that a token is for."""

    ARM = "arm"
    """Azure Resource Manager; published pipelines accept it too."""
    AZURE_ML = "azureml"
    """Azure Machine Learning; batch endpoints accept no other."""


class Cloud(Struct, frozen=True, kw_only=True):
    """One cloud: the scope of each audience, and two addresses."""

    scopes: dict[Audience, str]
    arm: str
    studio: str


PUBLIC: Final = Cloud(
    scopes={
        Audience.ARM: "https://management.azure.com/.default",
        Audience.AZURE_ML: "https://ml.azure.com/.default",
    },
    arm="https://management.azure.com",
    studio="https://ml.azure.com",
)
US_GOVERNMENT: Final = Cloud(
    scopes={
        Audience.ARM: "https://management.core.usgovcloudapi.net/.default",
        Audience.AZURE_ML: "https://ml.azure.us/.default",
    },
    arm="https://management.usgovcloudapi.net",
    studio="https://ml.azure.us",
)
CHINA: Final = Cloud(
    scopes={
        Audience.ARM: "https://management.core.chinacloudapi.cn/.default",
        Audience.AZURE_ML: "https://ml.azure.cn/.default",
    },
    arm="https://management.chinacloudapi.cn",
    studio="https://studio.ml.azure.cn",
)
_SUFFIXES: Final = (
    (".ml.azure.us", US_GOVERNMENT),
    (".usgovcloudapi.net", US_GOVERNMENT),
    (".ml.azure.cn", CHINA),
    (".chinacloudapi.cn", CHINA),
)


def cloud_of(url: str) -> Cloud:
    """The cloud that a URL's host belongs to; the public one by default."""
    host = urlsplit(url).hostname or ""
    return next((cloud for suffix, cloud in _SUFFIXES if host.endswith(suffix)), PUBLIC)
