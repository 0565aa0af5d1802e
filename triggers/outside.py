"""The types of what the engine talks to, except the ledger. Import it for type checking only: it imports a lot."""

from typing import Protocol

from .reconciling.callbacks import CallbackWire
from .reconciling.run_ends import Statuses
from .reconciling.unknown_runs import LookUps
from .reconciling.waiting_line import Service
from .reconciling.webhooks import WebhookWire
from .starting.submitting import Submitter
from .storage.blobs import Blobs


class Outside(Protocol):
    """Everything that the engine talks to, except the ledger. A part may be built when it is first used."""

    @property
    def endpoint(self) -> Submitter:
        """Submits runs."""

    @property
    def history(self) -> LookUps:
        """Looks runs up."""

    @property
    def status(self) -> Statuses:
        """Follows runs."""

    @property
    def cancellation(self) -> Service:
        """Cancels runs."""

    @property
    def webhook_wire(self) -> WebhookWire:
        """Calls webhooks."""

    @property
    def callback_wire(self) -> CallbackWire:
        """Calls waiting Azure DevOps tasks back."""

    @property
    def blobs(self) -> Blobs:
        """The watched containers."""
