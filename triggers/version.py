"""The app's name and version; CHANGELOG.md lists what each version changed."""

from typing import Final

VERSION: Final = "1.0.0-rc.1"
"""Semantic versioning, https://semver.org; `version` in pyproject.toml is the same."""

NAME: Final = "azureml-pipeline-triggers"
USER_AGENT: Final = f"{NAME}/{VERSION}"
"""Sent with every request of the app and of the command line, so that the logs of a service show who called it."""
