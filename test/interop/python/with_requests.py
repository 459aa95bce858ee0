"""A synchronous library's way: requests for a plain token, requests_oauthlib for one that expires."""

import json
import sys

import requests
from oauthlib.oauth2 import TokenExpiredError
from requests_oauthlib import OAuth2Session


class Auth:
    """Asks with the token at hand, and refreshes when it has expired."""

    def __init__(self, host, client_id, token, updated):
        self.host = host
        self.updated = updated
        extra = {"client_id": client_id, "client_secret": None}
        self.session = OAuth2Session(client_id, token=token, auto_refresh_kwargs=extra, token_updater=updated)

    def request(self, method, path):
        try:
            return self.session.request(method, f"{self.host}/{path}")
        except TokenExpiredError:
            token = self.session.refresh_token(f"{self.host}/auth/token")
            self.updated(token)
            self.session.token = token
            return self.session.request(method, f"{self.host}/{path}")


def main(host, client_id, redirect_uri, code, expired_refresh_token):
    plain = requests.post(
        f"{host}/auth/token", data={"grant_type": "authorization_code", "client_id": client_id, "code": code}
    )
    bearer = {"authorization": f"Bearer {plain.json()['access_token']}"}
    with_plain = requests.get(f"{host}/api/", headers=bearer)

    updates = []
    old = {"access_token": "old", "token_type": "Bearer", "refresh_token": expired_refresh_token, "expires_in": -30}
    auth = Auth(host, client_id, old, updates.append)
    with_oauthlib = auth.request("get", "api/")
    print(
        json.dumps(
            {
                "exchange": plain.status_code,
                "statuses": [with_plain.status_code, with_oauthlib.status_code],
                "body": with_oauthlib.json(),
                "updates": len(updates),
                "kept": updates[0]["refresh_token"] == expired_refresh_token,
            }
        )
    )


main(*sys.argv[1:])
