"""Where a token is presented: the same requests for every host."""

import base64


def check_places(test, token, prefix):
    """Cookies at `/site`, whose policy takes clients without a token too, and subprotocols behind `prefix` at `/socket`; both are removed."""
    # Only the credential goes: what else is in its field is the application's.
    for cookie, rest in [(f"a=1; token={token}; b=2", "a=1; b=2"), (f"token={token}", None), (f'x="y";token={token}', 'x="y"')]:
        with test.subTest(cookie=rest):
            fields = dict(test.shown("/site", [("Cookie", cookie), ("X-User", "spoofed")])["headers"])
            test.assertEqual((fields.get("cookie"), fields.get("x-user")), (rest, "alice"))
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    offered = [("Sec-WebSocket-Protocol", f"v2.chat, {prefix}{encoded}, chat")]
    test.assertEqual(dict(test.shown("/socket", offered)["headers"])["sec-websocket-protocol"], "v2.chat, chat")
    # The policy of /site takes clients without a token, who have no identity.
    for headers in ([], [("Cookie", "a=1")]):
        fields = dict(test.shown("/site", [*headers, ("X-User", "spoofed")])["headers"])
        test.assertEqual((fields.get("cookie"), fields.get("x-user")), (dict(headers).get("Cookie"), None))
    for reason, target, headers in [
        ("credential_repeated", "/site", [("Cookie", f"token={token}; token={token}")]),
        ("token_malformed", "/site", [("Cookie", "token=")]),
        ("scheme_unsupported", "/site?access_token=x", []),
        ("credential_missing", "/socket", [("Sec-WebSocket-Protocol", "chat")]),
        ("credential_missing", "/socket", []),
        ("token_encoding", "/socket", [("Sec-WebSocket-Protocol", prefix + token)]),
    ]:
        with test.subTest(reason, target=target):
            test.assertEqual(test.refused(reason, target, headers).status // 100, 4)
