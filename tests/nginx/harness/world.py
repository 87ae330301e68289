"""The configuration that most tests start from: one issuer, an upstream that shows the request it received."""

import json
import time

from . import issuer
from .server import Nginx, until

POLICY = {
    "trust": [{"issuer": issuer.ISSUER, "jwks_file": "as.json"}],
    "policies": {"default": {"accept": ["at+jwt"], "audience": [issuer.AUDIENCE], "origin": "https://api.example"}},
}

# The upstream `shown` reports the identity that it was given. It is an nginx without the module: in this one, a server that is an
# upstream too would have the identity headers of its requests removed.
HTTP = """
    countersign_zone main:256k;
    countersign_policy_file {folder}/policy.json;
    countersign_trust_poll 20ms;
    log_format facts escape=json '{"decision":"$countersign_decision","reason":"$countersign_reason",'
        '"subject":"$countersign_subject","status":"$countersign_status","uri":"$request_uri","pid":"$pid",'
        '"audit":"$countersign_audit","binding":"$countersign_binding","issuer":"$countersign_issuer"}';
    access_log {folder}/access.log facts;
    upstream shown { server unix:{folder}/shown.sock; }
    server {
        listen 127.0.0.1:{port}{listen};
        server_name api.example;
        location = /status { countersign off; access_log off; countersign_status; }
        location /load { root {folder}/pages; }
        location = /metrics { countersign off; access_log off; countersign_status prometheus; }
        {server}
    }
"""

PROTECTED = """
        countersign on;
        countersign_set_header X-User subject;
        countersign_set_header X-Binding binding;
        location / { proxy_pass http://shown; }
"""


class World:
    """An nginx, its issuer's key, and a client's key."""

    def __init__(self, server=PROTECTED, policy=None, http=HTTP, listen="", policies=None, **options):
        self.policy = json.loads(json.dumps(policy or POLICY))
        self.policy["policies"].update(policies or {})
        http = http.replace("{server}", server).replace("{listen}", listen)
        self.nginx = Nginx(http, **options)
        self.key, self.client = issuer.Key("first"), issuer.Key("client")
        self.trust(self.key)
        self.nginx.write("policy.json", json.dumps(self.policy))

    def __enter__(self):
        self.nginx.start()
        return self

    def __exit__(self, *failure):
        self.nginx.__exit__(*failure)

    def trust(self, *keys):
        self.nginx.write("as.json", issuer.key_set(*keys))

    def get(self, target="/", headers=(), **options):
        return self.nginx.get(target, headers, **options)

    def bearer(self, **claims):
        return issuer.bearer(self.key.token(**claims))

    def proof(self, token, key=None, **claims):
        """A proof of the client. A new store refuses what may be from before it, so proofs are dated as late as they may be."""
        while int(time.time()) <= int(self.nginx.started):
            time.sleep(0.02)
        claims.setdefault("iat", int(time.time()) + 5)
        return (key or self.client).proof(token, **claims)

    def status(self):
        return json.loads(self.get("/status").body)

    def zone(self, place=0):
        return self.status()["zones"][place]

    def store_in_use(self):
        """Returns when the store accepts proofs, and nonces, of this moment: a new one refuses those of its first seconds."""
        until("the store is in use", lambda: self.zone()["replay"]["refusing_permille"] == 0, 15)

    def lines(self):
        path = self.nginx.folder / "access.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
