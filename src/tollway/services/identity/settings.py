"""What an operator may change about accounts and logins."""

from pydantic import BaseModel, ConfigDict, Field


class IdentitySettings(BaseModel):
    """Section `identity`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash_memory_kib: int = Field(
        46 * 1024,
        ge=8,
        description="Memory of one password hash (argon2id, one pass); 46 MiB is OWASP's advice",
    )
    hash_workers: int = Field(2, ge=1, description="How many passwords are hashed at the same time")
    hash_queue: int = Field(64, ge=1, description="How many may wait for their turn; more get 503")
    hash_per_address: int = Field(
        16, ge=1, description="How many of them may come from one address (IPv4, or an IPv6 /64)"
    )
    tries_per_account: int = Field(
        5, ge=1, description="Failed logins before an account is locked for a while, where they come from"
    )
    tries_everywhere: int = Field(
        20,
        ge=1,
        description="The same from all networks that an account never signed in from; known browsers go on",
    )
    tries_per_ip: int = Field(
        30,
        ge=1,
        description="Failed logins at an address (IPv4, or an IPv6 /64) after which accounts that never signed in "
        "from there have one try at a time",
    )
    first_lock_s: int = Field(
        30, ge=1, description="How long the first lock lasts; each further failure doubles it"
    )
    longest_lock_s: int = Field(900, ge=1, description="No lock lasts longer")
    verify_link_life_s: int = Field(86_400, ge=60, description="How long a link to verify an address works")
    reset_link_life_s: int = Field(3600, ge=60, description="How long a link to reset a password works")
    refuse_link_life_days: int = Field(
        7, ge=1, description="How long the owner of the old address can undo a change of the address"
    )
    deletion_grace_days: int = Field(
        14, ge=1, description="How long the owner of an account can undo its deletion; then it is erased"
    )
    mails_per_hour: int = Field(
        5, ge=1, description="Links of one kind that an account may ask for in an hour"
    )
    unverified_kept_days: int = Field(
        7, ge=2, description="An account whose address nobody confirmed is removed after so long"
    )
