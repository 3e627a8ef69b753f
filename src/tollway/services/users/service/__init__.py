"""The operations of the users service.

users    `Users`: profiles and preferences, and the exports
exports  all that the platform keeps of somebody, as a file for them
archive  the file itself
"""

from tollway.services.users.service.users import Users

__all__ = ["Users"]
