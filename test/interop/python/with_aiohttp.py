"""An asynchronous library's way: an abstract class that asks for a token, and an application that manages its tokens."""

import asyncio
import json
import sys
import time
from abc import ABC, abstractmethod

import aiohttp


class AbstractAuth(ABC):
    def __init__(self, session, host):
        self.session = session
        self.host = host

    @abstractmethod
    async def async_get_access_token(self):
        """A token that is good now."""

    async def request(self, method, path, **options):
        token = await self.async_get_access_token()
        headers = {**options.pop("headers", {}), "authorization": f"Bearer {token}"}
        return await self.session.request(method, f"{self.host}/{path}", headers=headers, **options)


class Auth(AbstractAuth):
    def __init__(self, session, host, client_id, refresh_token):
        super().__init__(session, host)
        self.form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token}
        self.token = None
        self.expires = 0
        self.refreshes = 0

    async def async_get_access_token(self):
        if time.monotonic() >= self.expires:
            async with self.session.post(f"{self.host}/auth/token", data=self.form) as response:
                body = await response.json()
            self.token = body["access_token"]
            self.expires = time.monotonic() + body["expires_in"]
            self.refreshes += 1
        return self.token


async def on_socket(session, host, token):
    """Authenticates on the socket and asks who it is."""
    async with session.ws_connect(f"{host}/api/websocket") as socket:
        required = await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        answered = await socket.receive_json()
        await socket.send_json({"id": 1, "type": "auth/current_user"})
        return [required["type"], answered["type"], (await socket.receive_json())["result"]["name"]]


async def main(host, client_id, refresh_token):
    async with aiohttp.ClientSession() as session:
        auth = Auth(session, host, client_id, refresh_token)
        first = await auth.request("get", "api/")
        second = await auth.request("get", "api/")
        async with session.get(f"{host}/api/", headers={"authorization": "Bearer wrong"}) as wrong:
            refused = wrong.status
        socket = await on_socket(session, host, await auth.async_get_access_token())
        statuses = [first.status, second.status, refused]
        print(json.dumps({"statuses": statuses, "body": await first.json(), "refreshes": auth.refreshes, "socket": socket}))


asyncio.run(main(*sys.argv[1:]))
