"""Who may submit with high priority: its jobs go before those of everybody else."""

from fastapi import Request

from api import keys
from api.service import Service
from pastiche.job_settings import Priority
from shared.errors import FieldError, InvalidFields


async def check_priority(priority: Priority, request: Request, service: Service) -> None:
    """Raises InvalidFields where the caller may not have this priority."""
    if await may_have(priority, request, service):
        return
    sentence = "High priority is a right of keys, and this one does not have it."
    if not service.settings.keys_required:
        sentence = "The operator of this service does not allow high priority."
    raise InvalidFields([FieldError("priority", "priority_not_allowed", sentence)])


async def may_have(priority: Priority, request: Request, service: Service) -> bool:
    """Whether the caller may have this priority: by its key, else by the operator's setting."""
    if priority != "high":
        return True
    if not service.settings.keys_required:
        return service.settings.high_priority_without_keys
    _, _, key = request.headers.get("authorization", "").partition(" ")
    return await keys.allows_high_priority(service.jobs.client, key.strip())
