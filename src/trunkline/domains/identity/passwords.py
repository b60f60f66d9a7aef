"""Passwords are hashed and checked in a few threads of their own: each check takes about 50 ms and 64 MiB."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from trunkline.kit import secrets

NO_PASSWORD = ""  # stands for the hash of a user without a password; no password fits it

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="passwords")


async def hash_password(password: str) -> str:
    """What is stored of a password."""
    return await asyncio.get_running_loop().run_in_executor(_threads, secrets.hash_password, password)


async def password_matches(hash_: str, password: str) -> bool:
    """Whether a password has this hash. `NO_PASSWORD`, which stands for unknown users too, costs as much as a real one."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _matches, hash_, password)


def _matches(hash_: str, password: str) -> bool:
    return secrets.password_matches(hash_ or _nobodys_hash(), password) and bool(hash_)


@cache
def _nobodys_hash() -> str:
    return secrets.hash_password(secrets.new_password())
