"""What the gateway's own operators' routes demand."""

from tollway.contracts.permissions import Permission

PERMISSIONS = (Permission("gateway:read", ("support", "admin")),)
